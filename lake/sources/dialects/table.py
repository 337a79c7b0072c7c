"""The table of all dialects: the built-in ones, those of installed packages, and what else was registered."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from lake.errors import printable
from lake.offered import is_offered
from lake.sources.dialects.declare import Dialect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENTRY_POINTS = "dl.dialects"
"""The group of entry points by which an installed package offers dialects: a Dialect, an iterable of them, or a
function that returns either."""
BUILT_IN = "dl-datalake"
OWN_FOLDER = "dialects"
"""The folder of a lake that its own dialects lie in, a TOML file each."""


class Table:
    """Dialects by name. What others offer is loaded when the table is first looked into, once; any thread may look.

    Names are taken once: the built-in ones first, then those of packages, then in the order of registration. What
    cannot be loaded or declares nothing usable is left out with a reason, and never stops the lake.
    """

    def __init__(self, built_in: Mapping[str, Dialect]) -> None:
        """Begin with the built-in dialects."""
        self._found: dict[str, tuple[str, Dialect]] = {name: (BUILT_IN, d) for name, d in built_in.items()}
        self._waiting: list[tuple[str, Callable[[], object]]] = []
        self._left_out: list[tuple[str, str]] = []
        self._asked = False
        self._lock = threading.RLock()  # a package may look into the table while it is being loaded

    def register(self, origin: str, load: Callable[[], object]) -> None:
        """Have the dialects that `load` gives in the table, in place of what `origin` gave before.

        Args:
            origin: Whose they are, as a reader is to be told: a package, or a file.
            load: Gives a Dialect, an iterable of them, or a function that returns either; called once, and late.
        """
        with self._lock:
            self._found = {name: entry for name, entry in self._found.items() if entry[0] != origin}
            self._left_out = [each for each in self._left_out if each[0] != origin]
            self._waiting = [each for each in self._waiting if each[0] != origin]
            self._waiting.append((origin, load))

    def known(self) -> Mapping[str, Dialect]:
        """Return all dialects by name."""
        with self._lock:
            if not self._asked:
                self._asked = True
                self._waiting[:0] = _installed()
            while self._waiting:
                self._enter(*self._waiting.pop(0))
            return MappingProxyType({name: dialect for name, (_, dialect) in self._found.items()})

    def origin_of(self, name: str) -> str:
        """Return whose a dialect is; KeyError when there is none of that name."""
        self.known()
        return self._found[name][0]

    def left_out(self) -> tuple[str, ...]:
        """Return what was left out and why, a sentence each, as far as the table was loaded."""
        return tuple(text for _, text in self._left_out)

    def _enter(self, origin: str, load: Callable[[], object]) -> None:
        try:
            offered = list(_dialects(load()))
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever is wrong with another's package must not stop the lake
            self._leave_out(origin, f"the dialects of {origin} are left out: {type(error).__name__}: {error}")
            return
        for each in offered:
            if not isinstance(each, Dialect):
                self._leave_out(origin, f"what {origin} offers is left out: {each!r:.80} is no Dialect")
            elif wrong := self._wrong(each):
                self._leave_out(origin, f"the dialect {each.name} of {origin} is left out: {'; '.join(wrong)}")
            else:
                self._found[each.name] = (origin, each)

    def _wrong(self, dialect: Dialect) -> list[str]:
        from lake.sources.dialects.checking import check

        wrong = check(dialect)
        if not wrong and dialect.name in self._found:
            wrong = [f"its name is taken by {self._found[dialect.name][0]}"]
        return wrong

    def _leave_out(self, origin: str, text: str) -> None:
        self._left_out.append((origin, printable(text)))


def _dialects(offered: object) -> Iterator[object]:
    """Yield what was offered one by one; anything that is no Dialect is for the caller to refuse."""
    if not isinstance(offered, Dialect | Iterable) and callable(offered):
        offered = offered()
    if isinstance(offered, Mapping):
        offered = offered.values()
    if isinstance(offered, Iterable) and not isinstance(offered, str | bytes):
        yield from offered
    else:
        yield offered


def _installed() -> Iterator[tuple[str, Callable[[], object]]]:
    if not is_offered(ENTRY_POINTS):
        return
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS):
        owner = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        yield f"{owner} ({point.name})", point.load
