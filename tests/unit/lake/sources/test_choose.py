"""Tables that are read by the caller's words: rows, lines and both ways of reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from lake.sources.careful import parse_carefully
from lake.sources.text import TextBlock, TextParser
from schemas.arrow import arrow_schema
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.source_files import Whole

# 2024-03-13T14:30:00Z and 14:31:00Z, from `date -u -d … +%s`
FIRST, SECOND = 1_710_340_200, 1_710_340_260
NS = [FIRST * 10**9, SECOND * 10**9]
BARS = ["ts", "open", "high", "low", "close", "volume"]


def held_to_each_other(path: Path, words: dict[str, Any], **options: Any) -> Whole:  # noqa: ANN401 -- as SourceOptions takes them
    """Read a file by words; the fast way must take it, and the careful way must read the same."""
    whole = read(path, words=words, **options)
    plan = whole.plan
    recipe = plan.recipe
    raw = path.read_bytes().decode(recipe.encoding).removeprefix("\ufeff").encode()
    data = b"".join(raw.splitlines(keepends=True)[recipe.skip_lines :])
    parser = TextParser(recipe, plan.schema)
    fast = parser._parse_fast(TextBlock.of(data, recipe.skip_lines + 1))
    careful = parse_carefully(
        recipe, plan.schema, arrow_schema(plan.schema, identity=False), data, recipe.skip_lines + 1
    )
    assert fast.rows.equals(careful.rows)
    assert fast.rows.equals(whole.rows.combine_chunks().to_batches()[0])
    return whole


def test_a_german_brokers_file(tmp_path: Path) -> None:
    text = (
        "Kursdaten\nStand: heute\nDatum;Zeit;Erster;Hoch;Tief;Schluss;Umsatz;Trades\n"
        "13.03.2024;15:30;17.702,50;17.710,00;17.698,25;17.705,75;1,2K;1.100\n"
        "13.03.2024;15:31;17.705,75;17.708;17.701,00;17.703,50;-;3\n"
    )
    path = write(tmp_path / "x.csv", text.encode("cp1252"))
    whole = held_to_each_other(
        path,
        {
            "skip-preamble": 2, "decimal": ",", "thousands": ".", "volume-suffixes": True, "nulls": ["-"],
            "date-column": "Datum", "time-column": "Zeit", "encoding": "cp1252",
            "map": {"open": "Erster", "high": "Hoch", "low": "Tief", "close": "Schluss", "volume": "Umsatz"},
        },
        tz="Europe/Berlin",
    )  # fmt: skip
    assert whole.ns == NS
    assert whole.column("open") == [17702.5, 17705.75]
    assert whole.column("volume") == [1200.0, None]
    assert whole.column("trades") == [1100, 3]


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16-le", "utf-16-be", "gbk"])
def test_an_encoding_is_taken_at_its_word(tmp_path: Path, encoding: str) -> None:
    text = f"время,цена,объём\n{FIRST},1.5,2\n{SECOND},1.6,3\n"
    path = write(tmp_path / "x.csv", text.encode(encoding))
    words = {"encoding": encoding, "map": {"ts": "время", "price": "цена", "size": "объём"}}
    whole = held_to_each_other(path, words)
    assert (whole.ns, whole.column("size")) == (NS, [2.0, 3.0])


def test_bytes_that_are_not_utf8_are_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"время,цена,объём\n{FIRST},1.5,2\n".encode("cp1251"))
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"
    assert refusal.value.fix[0].startswith("--encoding cp1251")


def test_a_mark_outweighs_no_word_and_contradicts_a_wrong_one(tmp_path: Path) -> None:
    text = f"time,price,size\n{FIRST},1.5,2\n"
    marked = write(tmp_path / "x.csv", text.encode("utf-16"))
    assert read(marked).ns == NS[:1]
    with pytest.raises(LakeError) as refusal:
        detect(marked, SourceOptions(words={"encoding": "cp1251"}))
    assert refusal.value.code == "E_FORMAT_MISMATCH"
    bare = write(tmp_path / "y.csv", text.encode("utf-16-le"))
    with pytest.raises(LakeError) as ambiguous:
        detect(bare, SourceOptions(words={"encoding": "utf-16"}))
    assert ambiguous.value.fix == ("--encoding utf-16-le", "--encoding utf-16-be")


def test_comments_are_no_records_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    text = f"# made by hand\n\ntime,price,size\n{FIRST},1.5,2\n# gone: 1\n{SECOND},oops,3\n{SECOND},1.6,3\n#end"
    whole = read(write(tmp_path / "x.csv", text), words={"comment": "#"})
    assert (whole.records, whole.ns, whole.reasons) == (3, NS, [("bad_number", 6)])
    assert whole.batches[0].locate(1) == (7, f"{SECOND},1.6,3")


def test_a_comment_costs_nothing_where_there_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"# head\ntime,price,size\n{FIRST},1.5,2\n{SECOND},1.6,3\n")
    assert held_to_each_other(path, {"comment": "#"}).ns == NS


def test_columns_may_be_named_in_order_over_a_header_that_lacks_one(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Volume\n2024-03-13,14:30,1,2,0.5,1.5,7\n2024-03-13,14:31,1,2,0.5,1.5,8\n"
    path = write(tmp_path / "x.csv", text)
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert any(fix.startswith("name the columns of the records, in order: --columns") for fix in refusal.value.fix)
    whole = held_to_each_other(path, {"columns": ["date", "time", *BARS[1:]]})
    assert (whole.ns, whole.column("volume")) == (NS, [7.0, 8.0])


def test_columns_in_order_are_all_of_them(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"{FIRST};1;2;0.5;1.5;7;x\n")
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(words={"columns": BARS}))
    assert (refusal.value.code, "7" in refusal.value.message) == ("E_COLUMN_MISSING", True)
    assert read(path, words={"columns": [*BARS, "-"]}, period="1m").column("volume") == [7.0]


def test_an_odd_delimiter_has_to_be_told(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"time~price~size\n{FIRST}~1.5~2\n{SECOND}~1.6~3\n")
    assert held_to_each_other(path, {"delimiter": "~"}).ns == NS


@pytest.mark.parametrize("form", ["DD/MM/YYYY HH:MM", "%d/%m/%Y %H:%M"])
def test_a_told_format_decides_between_day_and_month(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "x.csv", "time,price,size\n05/01/2024 10:00,1.5,2\n06/01/2024 10:00,1.6,3\n")
    whole = held_to_each_other(path, {"time-format": form}, tz="UTC")
    assert [ts.isoformat() for ts in whole.column("ts")] == ["2024-01-05T10:00:00+00:00", "2024-01-06T10:00:00+00:00"]


def test_rows_of_another_unit_are_kept_aside_unless_the_unit_may_change(tmp_path: Path) -> None:
    text = "time,price,size\n" + f"{FIRST}000,1.5,2\n" * 2 + f"{SECOND},1.6,3\n{SECOND}000000,1.7,4\n"
    path = write(tmp_path / "x.csv", text)
    assert read(path).reasons == [("bad_timestamp", 4), ("bad_timestamp", 5)]
    mixed = held_to_each_other(path, {"time-unit": "mixed"})
    assert (mixed.ns, mixed.plan.unit) == ([NS[0], NS[0], NS[1], NS[1]], "mixed")


def test_a_told_unit_is_held_to(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"time,price,size\n{FIRST},1.5,2\n")
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(words={"time-unit": "ms"}))
    assert "not in ms" in refusal.value.message


def test_ends_of_bars_become_opens_and_prices_are_divided_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.csv", f"time,open,high,low,close\n{SECOND},145,146,144,145\n{SECOND + 60},145,146,144,145\n"
    )
    whole = held_to_each_other(path, {"stamp": "close", "price-scale": 100})
    assert (whole.ns, whole.column("close"), whole.plan.stamp) == (NS, [1.45, 1.45], "close")
    fractions = write(tmp_path / "y.csv", f"time,price,size\n{FIRST},14.55,1\n{SECOND},0.3,1\n")
    assert read(fractions, words={"price-scale": 100}).column("price") == [0.1455, 0.003]


IN_PENCE_AND_POUNDS = {"price-scale-by": "Currency=GBp:100,GBX:100,GBP:1"}


def test_prices_are_divided_by_what_the_word_of_their_row_stands_for(tmp_path: Path) -> None:
    head = "time,open,high,low,close,volume,Currency\n"
    rows = f"{FIRST},145,146,144,145,7,GBp\n{SECOND},1.45,1.46,1.44,1.45,9,GBP\n{SECOND + 60},145,146,144,145,7,GBX\n"
    whole = held_to_each_other(write(tmp_path / "x.csv", head + rows), IN_PENCE_AND_POUNDS)
    assert whole.column("close") == [1.45, 1.45, 1.45]
    assert whole.column("volume") == [7.0, 9.0, 7.0]
    assert "prices divided by 100 where Currency is GBp" in " ".join(whole.plan.evidence)
    both = held_to_each_other(
        write(tmp_path / "y.csv", head + rows.replace("1.4", "14")), IN_PENCE_AND_POUNDS | {"price-scale": 10}
    )
    assert both.column("high") == [0.146, 14.6, 0.146]
    fractions = rows.replace("145,146", "145.5,146.25")
    assert read(write(tmp_path / "z.csv", head + fractions), words=IN_PENCE_AND_POUNDS).column("open") == [
        1.455,
        1.45,
        1.455,
    ]
    alone = held_to_each_other(
        write(tmp_path / "a.csv", head + "".join(rows.splitlines(keepends=True)[::2])), IN_PENCE_AND_POUNDS
    )
    assert alone.column("open") == [1.45, 1.45]


@pytest.mark.parametrize("word", ["GBPX", "gbp", "", " GBP", "100"])
def test_a_row_whose_word_says_no_scale_is_kept_aside(tmp_path: Path, word: str) -> None:
    good = f"{FIRST},145,1,GBp\n" * 12
    path = write(tmp_path / "x.csv", f"time,price,size,Currency\n{good}{SECOND},145,1,{word}\n{SECOND},2,1,GBP\n")
    whole = read(path, words=IN_PENCE_AND_POUNDS)
    assert whole.reasons == [("bad_value", 14)]
    assert whole.column("price") == [1.45] * 12 + [2.0]


def test_scales_of_a_column_that_is_not_there_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"time,price,size\n{FIRST},145,1\n")
    with pytest.raises(LakeError, match="there is no column 'Currency'"):
        detect(path, SourceOptions(words=IN_PENCE_AND_POUNDS))


def test_a_table_without_a_header_has_its_scales_by_number(tmp_path: Path) -> None:
    words = {"columns": ["ts", "price", "size", "-"], "price-scale-by": "3=p:100,L:1"}
    whole = held_to_each_other(write(tmp_path / "x.csv", f"{FIRST},145,1,p\n{SECOND},2,1,L\n"), words)
    assert whole.column("price") == [1.45, 2.0]


@pytest.mark.parametrize(
    ("side", "cells", "expected"),
    [
        ({"K": "buy", "V": "sell"}, ("K", "V"), ["buy", "sell"]),
        ("maker", ("0", "1"), ["buy", "sell"]),
        ("maker", ("true", "false"), ["sell", "buy"]),
    ],
)
def test_words_for_sides(tmp_path: Path, side: object, cells: tuple[str, str], expected: list[str]) -> None:
    path = write(tmp_path / "x.csv", f"time,price,size,side\n{FIRST},1.5,2,{cells[0]}\n{SECOND},1.6,3,{cells[1]}\n")
    assert held_to_each_other(path, {"side": side}).column("side") == expected
    bare = write(tmp_path / "y.csv", f"time,price,size\n{FIRST},1.5,2\n")
    with pytest.raises(LakeError) as refusal:
        detect(bare, SourceOptions(words={"side": side}))
    assert refusal.value.code == "E_COLUMN_MISSING"


def test_prices_without_sizes_are_ticks_where_all_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"{FIRST},1.5\n{SECOND},1.6\n")
    whole = held_to_each_other(path, {"columns": ["ts", "price"]})
    assert (whole.plan.type, whole.column("size")) == ("ticks", [None, None])
    headed = write(tmp_path / "y.csv", f"time,price,how_much\n{FIRST},1.5,2\n")
    with pytest.raises(LakeError) as refusal:
        detect(headed, SourceOptions(type="ticks/trade"))
    assert refusal.value.code == "E_COLUMN_MISSING"


@pytest.mark.parametrize(
    ("row", "fix"),
    [
        ("{};1,5;2,5;0,5;1,5;7", "--decimal ,"),
        ('{};"1,500.5";"1,500.5";"1,500.5";"1,500.5";7', "--thousands ,"),
        ("{};1.5;2.5;0.5;1.5;7M", "--volume-suffixes"),
    ],
)
def test_refusals_name_the_option_that_helps(tmp_path: Path, row: str, fix: str) -> None:
    head = "time;open;high;low;close;volume\n"
    path = write(tmp_path / "x.csv", head + "".join(row.format(second) + "\n" for second in (FIRST, SECOND)))
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert fix in refusal.value.fix
    assert "has to be said" in refusal.value.why


def test_a_named_format_takes_words_about_its_writing_but_not_about_its_columns(tmp_path: Path) -> None:
    text = "# export\n20170703 020000;1.1;1.3;1.0;1.2;0\n20170703 020100;1.2;1.4;1.1;1.3;0\n"
    path = write(tmp_path / "x.csv", text)
    whole = read(path, format="histdata-m1", words={"comment": "#"})
    assert (whole.plan.dialect, whole.records) == ("histdata-m1", 2)
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(format="histdata-m1", words={"columns": BARS}))
    assert refusal.value.code == "E_USAGE"


def test_a_declared_format_is_found_behind_comments_in_another_encoding(tmp_path: Path) -> None:
    text = (
        "# Börse\n<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>\nSBER;60;20240105;100000;1;2;1;2;9\n"
    )
    path = write(tmp_path / "x.csv", text.encode("latin-1"))
    assert read(path, words={"comment": "#", "encoding": "latin-1"}).plan.dialect == "finam-bars"
