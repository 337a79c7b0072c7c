"""Which series given rows belong to: by their own exchange, market and symbol, or by what is said of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake import rows
from lake.errors import LakeError
from schemas.features import ALL, KEYS
from schemas.keys import normalise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lake.features.model import Names
    from schemas.features import FeatureSet
    from schemas.keys import Address

    Where = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Parting:
    """The rows of a block by the series they belong to."""

    places: list[tuple[Where, NDArray[np.int64] | None]]
    """Exchange, market and symbol, with the places of their rows in order; None where it is all of them."""
    nameless: dict[int, str]
    """Rows that belong to none, with the name that is missing."""


class Naming:
    """Tells the series of rows, and makes addresses of what they say; any thread may ask."""

    def __init__(self, feature_set: FeatureSet, names: Names) -> None:
        """Take what is said of all rows."""
        self._set = feature_set
        self._told = {key: getattr(names, key) for key in KEYS if key in feature_set.serving.keys}
        self._normal: dict[str, str] = {}
        try:
            self._normal = {key: normalise(value) for key, value in self._told.items() if value is not None}
            self.place = feature_set.address(*(self._told.get(key) or ALL for key in KEYS))
        except ValueError as error:
            why = "No series can have such an address."
            raise LakeError("USAGE", str(error), where=feature_set.label, why=why) from error
        """Where the rows go as far as that is known before they are read; `_ALL` stands for the rest."""

    def part(self, batch: pa.RecordBatch) -> Parting:
        """Part rows by what they say.

        Raises:
            LakeError: USAGE when a name is told nowhere; SCHEMA when rows and caller say different ones.
        """
        constant: dict[str, str] = {}
        codes: NDArray[np.int64] | None = None
        several: list[tuple[str, list[str | None]]] = []
        for key in KEYS:
            words, numbers = self._column(batch, key)
            if len(words) == 1 and words[0] is not None:
                constant[key] = words[0]
                continue
            if not words:
                continue
            several.append((key, words))
            codes = numbers if codes is None else codes * len(words) + numbers
        if not batch.num_rows:
            return Parting([], {})
        if codes is None:
            return Parting([((constant["exchange"], constant["market"], constant["symbol"]), None)], {})
        return self._parted(codes, several, constant)

    def _parted(
        self, codes: NDArray[np.int64], several: list[tuple[str, list[str | None]]], constant: dict[str, str]
    ) -> Parting:
        order = np.argsort(codes, kind="stable")
        ordered = codes[order]
        cuts = np.flatnonzero(np.diff(ordered)) + 1
        found: list[tuple[Where, NDArray[np.int64] | None]] = []
        nameless: dict[int, str] = {}
        for places in np.split(order, cuts):
            code, said = int(codes[places[0]]), dict[str, str | None](constant)
            for key, words in reversed(several):
                code, number = divmod(code, len(words))
                said[key] = words[number]
            missing = [key for key in KEYS if said[key] is None]
            if missing:
                nameless |= dict.fromkeys(places.tolist(), missing[0])
            else:
                found.append(((str(said["exchange"]), str(said["market"]), str(said["symbol"])), places))
        return Parting(found, nameless)

    def _column(self, batch: pa.RecordBatch, key: str) -> tuple[list[str | None], NDArray[np.int64]]:
        """Return the different names that rows have for a key, and the number of each row's; one where all share it."""
        none = np.empty(0, np.int64)
        told = self._told.get(key)
        if key not in batch.schema.names:
            if key not in self._set.serving.keys:
                return [ALL], none
            if not told:
                raise LakeError(
                    "USAGE",
                    f"the rows do not say their {key}",
                    where=self._set.label,
                    why=f"Its series are told apart by {', '.join(self._set.serving.keys)}.",
                    fix=[f"--{key} NAME", f"or give the rows a column {key}"],
                )
            return [told], none
        words, numbers = self._encoded(batch.column(key), key)
        if key not in self._set.serving.keys:
            if other := sorted({word for word in words if word not in {None, ALL}}, key=str):
                raise self._refusal(f"rows of {key} {other[0]!r}, and its series are not told apart by {key}")
            return [ALL], none
        if told:
            self._hold(key, words)
            return [told], none
        return words, numbers

    def _encoded(self, column: pa.Array, key: str) -> tuple[list[str | None], NDArray[np.int64]]:
        try:
            if pa.types.is_dictionary(column.type):
                column = rows.plain_words(column).dictionary_decode()
            coded = column.cast(pa.string()).dictionary_encode()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise self._refusal(f"a column {key} of {column.type}, and names are texts") from error
        words: list[str | None] = coded.dictionary.to_pylist()
        numbers = coded.indices.fill_null(len(words)).to_numpy().astype(np.int64)
        return (words if not coded.null_count else [*words, None]), numbers

    def _hold(self, key: str, words: list[str | None]) -> None:
        for word in words:
            if word is not None and self._spelt(key, word) != self._normal[key]:
                raise self._refusal(f"rows of {key} {word!r}, and {self._told[key]!r} was said")

    def _spelt(self, key: str, name: str) -> str:
        try:
            return normalise(name)
        except ValueError as error:
            raise self._refusal(f"a {key} that cannot be: {error}") from error

    def address(self, where: Where) -> Address:
        """Return the series of exchange, market and symbol; SCHEMA when these cannot be names."""
        try:
            return self._set.address(*where)
        except ValueError as error:
            raise self._refusal(f"a name that cannot be: {error}") from error

    def _refusal(self, message: str) -> LakeError:
        return LakeError(
            "SCHEMA",
            f"the rows have {message}",
            where=self._set.label,
            why="Rows of one series would be stored as another's.",
            fix=["write each series' rows to its own", "or drop the column"],
        )


def without_names(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows without what they say of exchange, market and symbol."""
    if not any(key in batch.schema.names for key in KEYS):
        return batch
    kept = [name for name in batch.schema.names if name not in KEYS]
    arrays: list[Any] = [batch.column(place) for place, name in enumerate(batch.schema.names) if name in kept]
    return pa.RecordBatch.from_arrays(arrays, names=kept)
