"""Reading: ranges, columns, snapshots, finding series, and figures of what is stored."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Context, Decimal, localcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lake import files
from lake.errors import LakeError
from lake.read import Scan
from lake.stats import stats
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.keys import Address
from schemas.orderbook import BOOK_L2
from tests.rotten import overwrite
from tests.tables import DAY_NS, FOUR_DAYS, MINUTE_US, bar, bars, clean, plain, quote, quotes, table, trade, trades

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import Manifest

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
FUTURES = Address.of("BINANCE", "FUTURES-UM", "BTCUSDT", "bars", "1m")
HOURS = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
QUOTED = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "quote")
BOOK = Address.of("BINANCE", "SPOT", "BTCUSDT", "orderbook", "l2")
DAY = 1440
MINUTE_NS = MINUTE_US * 1000


# ---- ranges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [3, 7, 10**6])
def test_any_range_is_half_open(lake: Config, manifest: Manifest, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With row groups to skip by and without: the same rows, in batches, at once, counted."""
    monkeypatch.setattr(files, "ROW_GROUP", group)
    write(lake, BTC, bars(*FOUR_DAYS))
    dice = random.Random(3)  # noqa: S311 -- repeatable, not secret
    times = [row["ts"] * 1000 for row in FOUR_DAYS]
    edges = [None, -1, 0, 10**18, *dice.sample([t + d for t in times for d in (-1, 0, 1, 999, 1000)], 12)]
    edges += [
        row["ts"] * 1000 for row, after in pairwise(FOUR_DAYS) if after["ts"] - row["ts"] > 60 * MINUTE_US
    ]  # a file's last
    for _ in range(80):
        start, end = dice.choice(edges), dice.choice(edges)
        expected = [
            row
            for row in FOUR_DAYS
            if (start is None or row["ts"] * 1000 >= start) and (end is None or row["ts"] * 1000 < end)
        ]
        scan = Scan(lake, manifest, [BTC], start_ns=start, end_ns=end)
        assert plain(scan.to_arrow()) == clean(expected)
        assert scan.count() == len(expected)
        assert [row for batch in scan.batches(7) for row in plain(batch)] == clean(expected)


def test_a_range_of_ticks_is_exact_to_the_nanosecond(lake: Config, manifest: Manifest) -> None:
    rows = [trade(DAY_NS + i // 2, 1.0, str(i)) for i in range(8)]
    write(lake, TICKS, trades(*rows))
    scan = Scan(lake, manifest, [TICKS], start_ns=DAY_NS + 1, end_ns=DAY_NS + 3)
    assert plain(scan.to_arrow()) == rows[2:6]
    assert scan.count() == 4


def test_row_groups_outside_the_range_are_not_read(
    lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 5)
    write(lake, BTC, bars(*FOUR_DAYS[:20]))
    read: list[int] = []
    real = files.read_group

    def note(*args: Any) -> pa.Table:  # noqa: ANN401 -- passed through
        read.append(args[1])
        return real(*args)

    monkeypatch.setattr(files, "read_group", note)
    Scan(lake, manifest, [BTC], start_ns=FOUR_DAYS[6]["ts"] * 1000, end_ns=FOUR_DAYS[9]["ts"] * 1000).to_arrow()
    assert read == [1]


def test_counting_whole_files_opens_none(lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, BTC, bars(*FOUR_DAYS))
    opened: list[Path] = []
    real = files.open_parquet

    def note(path: Path, *rest: Any) -> Any:  # noqa: ANN401 -- passed through
        opened.append(path)
        return real(path, *rest)

    monkeypatch.setattr(files, "open_parquet", note)
    assert Scan(lake, manifest, [BTC]).count() == len(FOUR_DAYS)
    assert opened == []
    assert Scan(lake, manifest, [BTC], start_ns=1).count() == len(FOUR_DAYS) - 1
    assert len(opened) == 1


# ---- columns and forms -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [["close"], ["close", "ts"], ["symbol", "open", "ts"], ["vwap"], ["ts"]])
@pytest.mark.parametrize("end", [None, 30 * MINUTE_NS])
def test_columns_come_as_asked_for(lake: Config, manifest: Manifest, columns: list[str], end: int | None) -> None:
    write(lake, BTC, bars(*FOUR_DAYS))
    scan = Scan(lake, manifest, [BTC], end_ns=end, columns=columns)
    whole = Scan(lake, manifest, [BTC], end_ns=end).to_arrow()
    assert scan.to_arrow().equals(whole.select(columns))
    assert scan.schema.names == columns
    assert all(batch.schema.equals(scan.schema) for batch in scan.batches())
    assert scan.count() == whole.num_rows


def test_a_scan_has_the_schema_of_its_asset_with_and_without_rows(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(*FOUR_DAYS))
    for start in (None, 10**18):
        scan = Scan(lake, manifest, [BTC], start_ns=start)
        assert scan.schema.equals(arrow_schema(BARS))
        assert scan.to_arrow().schema.equals(arrow_schema(BARS))
    empty = Scan(lake, manifest, [BTC], start_ns=10**18)
    assert (empty.to_arrow().num_rows, empty.count(), list(empty.batches())) == (0, 0, [])
    assert empty.reader().read_all().num_rows == 0


def test_a_reader_gives_plain_text_where_words_repeat(lake: Config, manifest: Manifest) -> None:
    write(lake, TICKS, trades(trade(0, 1.0, side="buy"), trade(1, 1.0)))
    found = Scan(lake, manifest, [TICKS]).reader().read_all()
    assert found.schema.field("side").type == pa.string()
    assert found.column("side").to_pylist() == ["buy", None]
    assert found.column("symbol").to_pylist() == ["BTCUSDT"] * 2


def test_several_series_come_one_after_the_other(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(bar(0), bar(DAY)))
    write(lake, ETH, bars(bar(0, 2.0)))
    found = Scan(lake, manifest, [ETH, BTC]).to_arrow()
    assert found.column("symbol").to_pylist() == ["ETHUSDT", "BTCUSDT", "BTCUSDT"]
    assert found.column("close").to_pylist() == [2.0, 1.0, 1.0]


def test_spot_minutes_spot_hours_and_futures_never_mix(lake: Config, manifest: Manifest) -> None:
    for price, address in enumerate((BTC, HOURS, FUTURES), 1):
        write(lake, address, bars(bar(0, float(price)), bar(60, float(price))))
    for price, address in enumerate((BTC, HOURS, FUTURES), 1):
        found = Scan(lake, manifest, [address]).to_arrow()
        assert set(found.column("close").to_pylist()) == {float(price)}
        assert set(found.column("market").to_pylist()) == {address.market}


# ---- snapshots -------------------------------------------------------------------------------------------------------


def test_the_lake_as_it_was(lake: Config, manifest: Manifest) -> None:
    versions = [[bar(0, 1.0)], [bar(0, 2.0), bar(1, 1.0)], [bar(0, 3.0)]]
    for rows in versions:
        write(lake, BTC, bars(*rows))
    assert plain(Scan(lake, manifest, [BTC], as_of=1).to_arrow()) == [bar(0, 1.0)]
    assert plain(Scan(lake, manifest, [BTC], as_of=2).to_arrow()) == [bar(0, 2.0), bar(1, 1.0)]
    assert plain(Scan(lake, manifest, [BTC], as_of=3).to_arrow()) == [bar(0, 3.0), bar(1, 1.0)]
    assert Scan(lake, manifest, [BTC]).snapshot == 3
    then = dt.datetime.fromtimestamp(manifest.history()[1].at_ns // 1000 / 1e6, dt.UTC)
    assert Scan(lake, manifest, [BTC], as_of=then).snapshot == 2
    assert plain(Scan(lake, manifest, [BTC], as_of=0).to_arrow()) == []
    with pytest.raises(LakeError) as caught:
        Scan(lake, manifest, [BTC], as_of=4)
    assert caught.value.code == "E_UNKNOWN_SNAPSHOT"


def test_a_scan_sees_one_lake_however_long_it_takes(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(*FOUR_DAYS))
    scan = Scan(lake, manifest, [BTC])
    batches = scan.batches(5)
    first = plain(next(batches))
    write(lake, BTC, bars(*(row | {"close": row["open"] + 0.0, "high": 99.0} for row in FOUR_DAYS)))
    assert first + [row for batch in batches for row in plain(batch)] == clean(FOUR_DAYS)
    assert plain(scan.to_arrow()) == clean(FOUR_DAYS)


def test_what_is_asked_wrongly_is_said(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(bar(0)))
    for addresses, columns, code in (
        ([ETH], None, "E_UNKNOWN_SERIES"),
        ([BTC], ["colour"], "E_USAGE"),
        ([BTC, TICKS], None, "E_USAGE"),
        ([], None, "E_USAGE"),
    ):
        with pytest.raises(LakeError) as caught:
            Scan(lake, manifest, addresses, columns=columns)
        assert caught.value.code == code


def test_a_damaged_or_missing_file_is_named(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(*FOUR_DAYS))
    scan = Scan(lake, manifest, [BTC])
    path = lake.data / scan.plan[1].path
    good = path.read_bytes()
    overwrite(path, good[:200] + bytes([good[200] ^ 1]) + good[201:])
    with pytest.raises(LakeError) as caught:
        scan.to_arrow()
    assert (caught.value.code, caught.value.where) == ("E_FILE_DAMAGED", str(path))
    path.unlink()
    with pytest.raises(LakeError) as caught:
        list(scan.batches())
    assert (caught.value.code, caught.value.where) == ("E_FILE_MISSING", str(path))


# ---- figures ---------------------------------------------------------------------------------------------------------


def figures(lake: Config, manifest: Manifest, address: Address) -> Any:  # noqa: ANN401 -- a Stats
    return stats(Scan(lake, manifest, [address]))


AWKWARD = [
    7e55,
    7e55,
    7e55,
    7e55,
    7e55,
    7e55,
    7e55,
    7e55,
    7e55,
    0.1,
    0.2,
    0.3,
    1e-7,
    123456.789,
    1e15,
    0.1 + 0.2,
    5e-324,
    1e22,
    2.5e-21,
    1 / 3,
]


def test_sums_are_exact(lake: Config, manifest: Manifest) -> None:
    for count in (1, 9, 10, 12, 15, 17, 19, 20):
        address = Address.of("X", "SPOT", f"S{count}", "bars", "1m")
        volumes = AWKWARD[::-1][:count] if count > 10 else AWKWARD[:count]
        write(lake, address, bars(*(bar(i, 1.0, volume=v) for i, v in enumerate(volumes))))
        found = figures(lake, manifest, address)
        with localcontext(Context(prec=1000)):
            assert found.sum_volume == f"{sum((Decimal(repr(v)) for v in volumes), Decimal(0)).normalize():f}"


def test_figures_of_bars(lake: Config, manifest: Manifest) -> None:
    rows = [bar(0, 10.0, low=0.1, volume=None), bar(1, 10.0, high=1e-7 + 10, volume=0.1), bar(DAY, 10.0, volume=0.2)]
    write(lake, BTC, bars(*rows))
    found = figures(lake, manifest, BTC)
    assert (found.rows, found.first_ns, found.last_ns) == (3, 0, DAY * MINUTE_NS)
    assert (found.sum_volume, found.min_low, found.max_high) == ("0.3", "0.1", "10.0000001")
    assert found.exact_duplicate_rows is None


def test_figures_of_bars_without_volume(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(bar(0, 1e16, volume=None)))
    found = figures(lake, manifest, BTC)
    assert (found.sum_volume, found.min_low, found.max_high) == (None, "10000000000000000", "10000000000000000")


@pytest.mark.parametrize("size", [1, 2, 3, 65536])
def test_repeats_are_counted_across_batches_files_and_times(
    lake: Config, manifest: Manifest, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lake.read.BATCH_ROWS", size)
    rows = [quote(1), quote(1, 2.0), quote(1), quote(1), quote(2), quote(DAY_NS - 1), quote(DAY_NS), quote(DAY_NS)]
    write(lake, QUOTED, quotes(*rows))
    assert figures(lake, manifest, QUOTED).exact_duplicate_rows == 3


def test_repeats_of_trades_with_ids_are_not_counted(lake: Config, manifest: Manifest) -> None:
    write(lake, TICKS, trades(trade(1, 1.0, "a"), trade(1, 1.0, "b")))
    assert figures(lake, manifest, TICKS).exact_duplicate_rows is None
    write(lake, TICKS, trades(trade(1, 1.0), trade(1, 1.0)))
    assert figures(lake, manifest, TICKS).exact_duplicate_rows == 1


@pytest.mark.parametrize("size", [1, 65536])
def test_receive_times_have_their_own_ends(
    lake: Config, manifest: Manifest, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lake.read.BATCH_ROWS", size)
    write(lake, QUOTED, quotes(quote(1, ts_recv=20), quote(2, ts_recv=5), quote(3)))
    found = figures(lake, manifest, QUOTED)
    assert (found.first_recv_ns, found.last_recv_ns) == (5, 20)
    write(lake, TICKS, trades(trade(1, 1.0)))
    assert figures(lake, manifest, TICKS).first_recv_ns is None


def test_figures_of_nothing(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(bar(0)))
    found = stats(Scan(lake, manifest, [BTC], start_ns=10**18))
    assert (found.rows, found.first_ns, found.last_ns) == (0, None, None)
    assert (found.sum_volume, found.min_low, found.max_high) == (None, None, None)
    assert found.prices == [None] * 48


def test_prices_are_the_last_of_equal_spans(lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 96 minutes a span is two of them, whatever batches they come in; the hole has none."""
    monkeypatch.setattr(files, "ROW_GROUP", 7)
    rows = [bar(m, high=1000.0, close=100.0 + m) for m in range(96) if m not in {10, 11, 13}]
    write(lake, BTC, bars(*rows))
    prices = figures(lake, manifest, BTC).prices
    assert prices == [None if s == 5 else 112.0 if s == 6 else 101.0 + 2 * s for s in range(48)]
    level = {"ts": 1, "side": "bid", "price": 1.0, "size": 1.0, "is_snapshot": True}
    write(lake, BOOK, table(BOOK_L2, [level]))
    assert figures(lake, manifest, BOOK).prices is None


def test_prices_of_quotes_and_trades(lake: Config, manifest: Manifest) -> None:
    write(lake, QUOTED, quotes(quote(5, bid=2.0, ask=3.0), quote(2**61, bid=4.0, ask=5.0)))
    assert figures(lake, manifest, QUOTED).prices == [2.0, *[None] * 46, 4.0]
    write(lake, TICKS, trades(trade(1, 7.0)))
    assert figures(lake, manifest, TICKS).prices == [7.0, *[None] * 47]
