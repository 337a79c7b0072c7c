"""How a source would be read, as scripts and as people see it: `dl formats detect`, and `dl ingest --plan`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from dl_datalake.dates import format_ns, format_short
from dl_datalake.export import records, texts
from dl_datalake.output import facts, plural, table
from lake.errors import LakeError
from lake.sources.dialects import known
from schemas.keys import Address

if TYPE_CHECKING:
    from lake.sources import Plan, Preview
    from lake.sources.preview import Excerpt

_PLACES = ("exchange", "market", "symbol", "type", "period")
_SAMPLES = 3
"""Of so many series the first rows are shown to people."""
CONFIDENCE = {
    "asked": "its format was asked for, and the values fit",
    "named": "the vendor's name for such a file, and the values fit",
    "header": "the vendor's header, and the values fit",
    "shape": "only the number of columns and their values",
    "mapped": "the columns that --map names",
    "columns": "names of columns that are recognised",
}
"""What `confidence` means: the strongest thing that spoke for a reading."""


def plan_data(plan: Plan, preview: Preview) -> dict[str, Any]:
    """Return a plan and the first rows as scripts read them; LakeError USAGE when no address can be made of it."""
    dialect = known().get(plan.dialect)
    series = [_series(plan, excerpt) for excerpt in preview.excerpts]
    return {
        "source": str(plan.path),
        "dialect": plan.dialect,
        "title": dialect.title if dialect else None,
        "confidence": plan.confidence,
        "unit": plan.unit,
        "time_zone": plan.time_zone,
        "stamp": plan.stamp,
        "series": series,
        "more_series": preview.more,
        "missing": [f"--{name} NAME" for name in ("exchange", "symbol") if any(not each[name] for each in series)],
        "head": {
            "records": preview.records,
            "rejected": dict(Counter(reject.reason for reject in preview.rejects)),
            "skipped": preview.skipped,
        },
        "checksum": plan.checksum,
        "evidence": list(plan.evidence),
        "against": list(plan.against),
        "warnings": list(plan.warnings),
    }


def plan_lines(plan: Plan, preview: Preview) -> list[str]:
    """Return the same for people."""
    data = plan_data(plan, preview)
    where = [_where(each) for each in data["series"]]
    if preview.more:
        where.append(f"and {preview.more:,} more series")
    if data["missing"]:
        where.append(f"needs {' '.join(data['missing'])}")
    title = f" ({data['title']})" if data["title"] else ""
    told = {
        "format": f"{plan.dialect}{title}",
        "because of": f"{CONFIDENCE[plan.confidence]} ({plan.confidence})",
        "becomes": "\n".join(where),
        "times": f"{plan.unit}, {plan.time_zone}" + (f", stamped at the {plan.stamp}" if plan.type == "bars" else ""),
        "first rows": _head(preview),
        "for it": "\n".join(plan.evidence),
        "against others": "\n".join(plan.against) or "no other format has such columns",
    }
    below = "\n".join(facts(told)).split("\n")
    for excerpt, name in zip(preview.excerpts[:_SAMPLES], where, strict=False):
        below += ([name] if len(preview.excerpts) > 1 else []) + _rows(excerpt)
    return [str(plan.path), *(f"  {line}".rstrip() for line in below)]


def _series(plan: Plan, excerpt: Excerpt) -> dict[str, Any]:
    places = {
        "exchange": plan.exchange or None,
        "market": plan.market or "SPOT",
        "symbol": excerpt.symbol or None,
        "type": excerpt.channel.type,
        "period": excerpt.channel.period,
    }
    return places | {
        "address": _address(plan, places),
        "rows": excerpt.rows,
        "first": None if excerpt.first_ns is None else format_ns(excerpt.first_ns),
        "last": None if excerpt.last_ns is None else format_ns(excerpt.last_ns),
        "sample": records(excerpt.sample.schema, excerpt.sample),
    }


def _address(plan: Plan, places: dict[str, str | None]) -> str | None:
    words = [word for word in places.values() if word is not None]
    if len(words) < len(places):
        return None
    try:
        return str(Address.of(*words))
    except ValueError as error:
        why = "No series can have such an address."
        raise LakeError("USAGE", str(error), where=str(plan.path), why=why) from error


def _where(series: dict[str, Any]) -> str:
    """Return an address, with a question where something is not known."""
    return series["address"] or "/".join(series[name] or f"({name}?)" for name in _PLACES)


def _head(preview: Preview) -> str:
    parts = [plural(preview.records, "record")]
    firsts = [each.first_ns for each in preview.excerpts if each.first_ns is not None]
    lasts = [each.last_ns for each in preview.excerpts if each.last_ns is not None]
    if firsts and lasts:
        parts.append(f"{format_short(min(firsts))} → {format_short(max(lasts))} UTC")
    counted = Counter(reject.reason for reject in preview.rejects).most_common()
    parts += [f"{plural(number, 'record')} bad: {reason}" for reason, number in counted]
    parts += [f"{plural(number, 'record')} skipped: {reason}" for reason, number in preview.skipped.items()]
    return ", ".join(parts)


def _rows(excerpt: Excerpt) -> list[str]:
    """Return a sample as a table of the columns that hold something."""
    sample = excerpt.sample
    names = [name for name in sample.schema.names if sample.column(name).null_count < sample.num_rows]
    return table(names, texts(sample.select(names)), right=names) if names else []
