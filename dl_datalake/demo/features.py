"""The demo's steps on features: computed in plain Python, as somebody else would, and served as they were known."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from dl_datalake.client import Lake
from dl_datalake.demo import samples
from dl_datalake.demo.checks import check
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lake.config import Config
    from lake.ingest import FileReport

SERIES = "COINBASE/SPOT/BTCUSD-FEATURES"
BARS = f"{SERIES}/bars/1m"
NAME = "momentum"
BACK = 5
"""Bars that the feature looks back."""
RESTATED = slice(600, 602)
_MINUTE = dt.timedelta(minutes=1)
_TTL = 10 * _MINUTE


class Features:
    """The steps, on the demo's lake."""

    def __init__(self, config: Config, take: Callable[[Path, str], FileReport]) -> None:
        """Take the lake, and what ingests a file into an address."""
        self._config, self._take = config, take
        self._rows = samples.plain()
        self._snapshot = 0

    def serve(self) -> tuple[str, dict[str, Any]]:
        """Register a set, write its rows, and join them to bars as they were known; a look-ahead is refused."""
        self._take(samples.write(self._config.root, "bars-of-features.csv", self._rows), BARS)
        with Lake(self._config) as lake:
            told = lake.features.register(NAME, {NAME: "float64"}, inputs=["bars/1m"], ttl=_TTL, owner="demo")
            check("features", "registered", told.status, wanted="registered")
            early = self._features(known=dt.timedelta(0))
            code = _refused(lambda: self._write(lake, early))
            check("features", "rows known before their bars closed", code, wanted="E_LOOKAHEAD")
            report = self._write(lake, self._features(known=_MINUTE))
            check("features", "rows written", report.rows["new"], wanted=len(self._rows) - BACK)
            check("features", "made from", report.lineage, wanted=1)
            again = self._write(lake, self._features(known=_MINUTE))
            check("features", "again", (again.status, again.rows["new"]), wanted=("unchanged", 0))
            joined = self._joined(lake, None)
        wanted = self._wanted()
        check("features", "rows of the training set", len(joined), wanted=len(wanted))
        for place, (found, value) in enumerate(zip(joined, wanted, strict=True)):
            check("features", f"bar {place + 1}", found, wanted=value)
        self._snapshot = report.snapshot
        some = sum(value is not None for value in wanted)
        text = f"{report.rows['new']:,} rows with what they were made from; {some:,} of {len(wanted):,} bars joined"
        return f"{text} as known; a look-ahead refused", {"rows": report.rows["new"], "joined": some}

    def audit(self) -> tuple[str, dict[str, Any]]:
        """Correct two bars: the audit finds what was made from them, and as of before everything is as it was."""
        with Lake(self._config) as lake:
            check("audit", "findings before", lake.features.audit(NAME).findings, wanted=[])
            before = self._joined(lake, None)
            rows = [row | {"close": row["high"], "volume": "1"} for row in self._rows[RESTATED]]
            report = self._take(samples.write(self._config.root, "restated-for-features.csv", rows), BARS)
            check("audit", "bars corrected", report.rows["corrected"], wanted=len(rows))
            [finding] = lake.features.audit(NAME).findings
            check(
                "audit",
                "finding",
                (finding.kind, str(finding.address)),
                wanted=("restated", f"{SERIES}/features/{NAME}.v1"),
            )
            named = ", ".join(row["timestamp"][11:16] for row in rows)
            check("audit", "the restated bars are named", named in finding.detail, wanted=True)
            check("audit", "as of before", self._joined(lake, self._snapshot), wanted=before)
        return f"{len(rows)} bars restated → {finding.detail}", {"finding": finding.kind, "detail": finding.detail}

    def _features(self, known: dt.timedelta) -> list[tuple[dt.datetime, dt.datetime, float]]:
        """Return ts, known_at and the change of the close over some bars."""
        times = [dt.datetime.fromisoformat(row["timestamp"]) for row in self._rows]
        closes = [float(row["close"]) for row in self._rows]
        return [
            (times[at], times[at] + known, closes[at] / closes[at - BACK] - 1) for at in range(BACK, len(self._rows))
        ]

    def _wanted(self) -> list[float | None]:
        """Return the value each bar is to get, by the definition alone: every row is looked at for every bar."""
        features = self._features(known=_MINUTE)
        found: list[float | None] = []
        for row in self._rows:
            decision = dt.datetime.fromisoformat(row["timestamp"]) + _MINUTE
            known = [each for each in features if each[1] <= decision and decision - each[0] <= _TTL]
            found.append(max(known)[2] if known else None)
        return found

    def _write(self, lake: Lake, rows: Sequence[tuple[dt.datetime, dt.datetime, float]]) -> Any:  # noqa: ANN401 - a report
        import pyarrow as pa

        ts, known_at, values = zip(*rows, strict=True)
        table = pa.table({"ts": ts, "known_at": known_at, NAME: values})
        return lake.features.write(NAME, table, inputs=[lake.read(BARS)], code_version="demo")

    def _joined(self, lake: Lake, as_of: int | None) -> list[float | None]:
        values: list[float | None] = []
        for batch in lake.training_set(lake.read(BARS), [NAME], as_of=as_of).batches():
            values += batch.column(f"{NAME}__{NAME}").to_pylist()
        return values


def _refused(work: Callable[[], object]) -> str:
    """Return the code of the error that a piece of work ends in; empty when it does not."""
    try:
        work()
    except LakeError as error:
        return error.code
    return ""
