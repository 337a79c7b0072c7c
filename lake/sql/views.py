"""The tables that a statement may name: the rows of every kind, and what the manifest tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from lake.declared import schema_of
from lake.errors import LakeError
from lake.manifest import tables
from lake.manifest.feature_sets import feature_sets
from lake.read import Scan
from lake.sql.dataset import Rows
from lake.sql.stored import StoredRows, filtered
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.instruments import INSTRUMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from lake.config import Config
    from lake.manifest import Manifest
    from lake.sql.pruning import Expression
    from schemas.keys import Address

    Listing = Callable[[Manifest, int], Iterator[list[tuple[Any, ...]]]]

KINDS = {"ticks": "ticks/trade", "quotes": "ticks/quote", "book": "orderbook/l2", "book_l3": "orderbook/l3"}
"""Views of one asset each, beside bars, which are of every period."""
OF_SETS = ("features", "metrics")
"""Assets whose views are named by the set, in a schema of their own."""
_TS = pa.timestamp("us", tz="UTC")
_NAMES = {name: pa.string() for name in ("address", "exchange", "market", "symbol", "type", "period")}
_HELD = dict.fromkeys(("files", "rows", "bytes"), pa.int64())
_SPAN = dict.fromkeys(("first_ts", "last_ts"), _TS)
_COUNTS = ("read", "new", "identical", "corrected", "superseded", "quarantined", "skipped", "rows_out")
_FACTS = dict.fromkeys(("tick_size", "lot_size", "multiplier"), pa.float64()) | {"price_may_be_negative": pa.bool_()}
_LISTINGS: dict[str, tuple[Listing, dict[str, pa.DataType]]] = {
    "assets": (
        tables.assets,
        {"type": pa.string(), "period": pa.string(), "series": pa.int64(), **_HELD, **_SPAN, "snapshot": pa.int64()},
    ),
    "series": (tables.series, {**_NAMES, **_HELD, **_SPAN, "snapshot": pa.int64()}),
    "partitions": (
        tables.partitions,
        {
            **_NAMES,
            "partition": pa.string(),
            **dict.fromkeys(("start_ts", "end_ts"), _TS),
            **dict.fromkeys(("rows", "bytes"), pa.int64()),
            **_SPAN,
            "sealed": pa.bool_(),
            **dict.fromkeys(("path", "sha256", "tier"), pa.string()),
            "snapshot": pa.int64(),
        },
    ),
    "ledger": (
        tables.ledger,
        {
            "snapshot": pa.int64(),
            "at": _TS,
            **dict.fromkeys(("run_id", "operation", "source", "sha256", "dialect"), pa.string()),
            **dict.fromkeys(_COUNTS, pa.int64()),
            **dict.fromkeys(("rejected", "skipped_by"), pa.string()),
        },
    ),
    "instruments": (
        tables.instruments,
        {
            **dict.fromkeys(("exchange", "market", "symbol"), pa.string()),
            **{field.name: _FACTS.get(field.name, pa.string()) for field in INSTRUMENT if not field.names},
            "snapshot": pa.int64(),
        },
    ),
    "actions": (
        tables.actions,
        {
            **dict.fromkeys(("exchange", "market", "symbol"), pa.string()),
            "ex_date": pa.date32(),
            **dict.fromkeys(("action", "label"), pa.string()),
            **dict.fromkeys(("ratio", "amount"), pa.float64()),
            **dict.fromkeys(("currency", "known_at"), pa.string()),
            "snapshot": pa.int64(),
        },
    ),
}


class Name(NamedTuple):
    """A table's name: its schema, empty for most, and its own."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f'{self.schema}."{self.table}"' if self.schema else self.table


class Views:
    """The tables of a lake at one snapshot."""

    def __init__(self, config: Config, manifest: Manifest, snapshot: int) -> None:
        """Take the lake, which stays open, and the snapshot."""
        self._config, self._manifest, self._snapshot = config, manifest, snapshot

    def names(self) -> list[Name]:
        """Return the names of all tables."""
        found = [Name("", name) for name in ("bars", *KINDS)]
        for kind in OF_SETS:
            held = {row.address.period for row in self._manifest.series(type=kind, snapshot=self._snapshot)}
            if kind == "features":
                held |= {row.key.partition("/")[2] for row in feature_sets(self._manifest, self._snapshot)}
            found += [Name(kind, name) for name in sorted(held)]
        return found + [Name("", name) for name in _LISTINGS]

    def find(self, name: Name) -> Rows | None:
        """Return a table; None when there is none of that name, which may be written in any case."""
        name = Name(name.schema.lower(), name.table.lower())
        if name.schema in OF_SETS:
            return self._of_asset(f"{name.schema}/{name.table}")
        if name.schema:
            return None
        if name.table in _LISTINGS:
            return self._listing(*_LISTINGS[name.table])
        if name.table in KINDS:
            return self._of_asset(KINDS[name.table])
        return self._stored(arrow_schema(BARS), "bars", None) if name.table == "bars" else None

    def _of_asset(self, key: str) -> Rows | None:
        try:
            schema = schema_of(self._config, key, self._snapshot)
        except LakeError as error:
            if error.code == "E_UNKNOWN_ASSET":
                return None
            raise
        kind, _, period = key.partition("/")
        return self._stored(arrow_schema(schema), kind, period)

    def _stored(self, schema: pa.Schema, kind: str, period: str | None) -> StoredRows:
        found = self._manifest.series(type=kind, period=period, snapshot=self._snapshot)
        return StoredRows(schema, [row.address for row in found], self._plan, period=kind == "bars")

    def _plan(self, addresses: Sequence[Address], start_ns: int | None, end_ns: int | None) -> Scan:
        return Scan(self._config, self._manifest, addresses, start_ns=start_ns, end_ns=end_ns, as_of=self._snapshot)

    def _listing(self, listing: Listing, columns: dict[str, pa.DataType]) -> Rows:
        schema = pa.schema(columns.items())

        def read(names: Sequence[str], wanted: Expression | None) -> Iterator[pa.Table]:
            batches = (_batch(schema, rows) for rows in listing(self._manifest, self._snapshot))
            return filtered(batches, names, wanted)

        return Rows(schema, read)


def _batch(schema: pa.Schema, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.array([None if ns is None else ns // 1000 for ns in column], pa.int64()).cast(field.type)
        if field.type == _TS
        else pa.array(column, field.type)
        for field, column in zip(schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
