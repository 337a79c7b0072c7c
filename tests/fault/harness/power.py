"""A power cut, as strict as POSIX allows: what is on disk afterwards is chosen from the record of what was done.

A file's bytes are there for sure once the file was synced after they were written, a name once its folder was. Of all
else any part may be there: none of it, all of it, one operation alone, all but one, half a write. One thing no
journaling file system does is left out: that a rename took the old name away, and did not give the new one.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.fault.harness.shim import read_record
from tests.fault.harness.sweep import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.fault.harness.client import Client
    from tests.fault.harness.shim import Op

SECTOR = 512
SEED = 20
NEVER = 1 << 60
Kind = Literal["write", "resize", "mode", "name"]


@dataclass(eq=False)
class Node:
    """A file or a folder, whatever its names are."""

    is_folder: bool
    data: bytes = b""
    mode: int = 0o644
    first: dict[str, Node] = field(default_factory=dict)
    """The names in a folder that were there from the start."""
    names: dict[str, Node] = field(default_factory=dict)
    """Those the program sees."""


@dataclass(eq=False)
class Effect:
    """What one operation does to one file or folder."""

    number: int
    """Of the operation."""
    kind: Kind
    node: Node
    offset: int = 0
    data: bytes = b""
    name: str = ""
    target: Node | None = None
    """What a name is given to."""
    old: str = ""
    gone: Node | None = None
    """What a name is taken from."""
    needs: Effect | None = None
    """Is on disk only together with this one."""
    durable: int = NEVER
    """The operation that made sure of it."""


@dataclass(frozen=True)
class Choice:
    """One state of the disk: a cut before an operation, and what got there of what was not made sure of."""

    cut: int
    effects: frozenset[int]
    """Their places in the history."""
    torn: int | None = None
    """The write of which only half got there."""


class History:
    """The operations of a run, as effects on a disk that held something before."""

    def __init__(self, ops: Sequence[Op], home: Path, before: Path) -> None:
        """Follow the operations.

        Args:
            ops: The record.
            home: The folder that was watched.
            before: What the folder was a copy of, and what is durable from the start.
        """
        self._home = home
        self.length = len(ops)
        self.effects: list[Effect] = []
        self.acknowledged: list[int] = [0]
        """Before each operation: how many acts were acknowledged."""
        self._root = _load(before)
        self._pending: dict[Node, list[Effect]] = {}
        for number, op in enumerate(ops):
            self.acknowledged.append(int(op.path) if op.op == "n" else self.acknowledged[-1])
            if op.op != "n":
                self._follow(number, op)

    def _find(self, path: str) -> Node | None:
        node = self._root
        for name in Path(path).relative_to(self._home).parts:
            found = node.names.get(name)
            if found is None:
                return None
            node = found
        return node

    def _folder(self, path: str) -> tuple[Node, str]:
        folder, _, name = path.rpartition("/")
        node = self._find(folder)
        assert node is not None, f"nothing is known of {folder}"
        return node, name

    def _add(self, effect: Effect) -> Effect:
        self.effects.append(effect)
        self._pending.setdefault(effect.node, []).append(effect)
        return effect

    def _follow(self, number: int, op: Op) -> None:
        if op.op in "cm":
            self._name(number, op.path, Node(op.op == "m", mode=0o755 if op.op == "m" else op.offset & ~0o022))
        elif op.op in "ud":
            folder, name = self._folder(op.path)
            gone = folder.names.pop(name)
            self._add(Effect(number, "name", folder, old=name, gone=gone))
        elif op.op == "l":
            linked = self._find(op.path)
            assert linked is not None
            self._name(number, op.target, linked)
        elif op.op == "r":
            self._rename(number, op)
        elif (node := self._find(op.path)) is not None:  # else it has no name any more, and is nobody's business
            self._change(number, op, node)

    def _name(self, number: int, path: str, target: Node) -> Effect:
        folder, name = self._folder(path)
        folder.names[name] = target
        return self._add(Effect(number, "name", folder, name=name, target=target))

    def _rename(self, number: int, op: Op) -> None:
        source, old = self._folder(op.path)
        moved = source.names.pop(old)
        given = self._name(number, op.target, moved)
        if source is given.node:
            given.old, given.gone = old, moved
            return
        self._add(Effect(number, "name", source, old=old, gone=moved, needs=given))
        # Whoever makes sure that the old name is gone makes sure of the new one.
        self._pending[source].append(given)

    def _change(self, number: int, op: Op, node: Node) -> None:
        if op.op == "s":
            for effect in self._pending.pop(node, ()):
                effect.durable = min(effect.durable, number)
        elif op.op == "w":
            self._add(Effect(number, "write", node, op.offset, op.data))
        elif op.op == "p":
            self._add(Effect(number, "mode", node, op.offset))
        else:
            self._add(Effect(number, "resize", node, op.offset if op.op == "t" else 0))

    # ---- states

    def choices(self, cut: int, dice: random.Random, most: int) -> Iterator[Choice]:
        """Yield states of the disk after a power cut right before an operation: the plain ones, then `most` by lot."""
        sure = [i for i, e in enumerate(self.effects) if e.durable < cut]
        open_ = [i for i, e in enumerate(self.effects) if e.number < cut <= e.durable]
        writes = [i for i in open_ if self.effects[i].kind == "write"]
        ways: list[Callable[[], Choice]] = [
            *(lambda i=i: self._choice(cut, [*sure, i]) for i in open_),
            *(lambda i=i: self._choice(cut, [*sure, *(j for j in open_ if j != i)]) for i in open_),
            *(lambda i=i: self._choice(cut, [*sure, *open_], i) for i in writes),
            *(lambda: self._choice(cut, [*sure, *dice.sample(open_, dice.randint(0, len(open_)))]) for _ in range(4)),
        ]
        yield self._choice(cut, sure)
        yield self._choice(cut, [*sure, *open_])
        for way in dice.sample(ways, min(most, len(ways))) if open_ else ():
            yield way()

    def _choice(self, cut: int, effects: list[int], torn: int | None = None) -> Choice:
        chosen = {id(self.effects[i]) for i in effects}
        kept = [i for i in effects if (needs := self.effects[i].needs) is None or id(needs) in chosen]
        return Choice(cut, frozenset(kept), torn)

    def lay_out(self, choice: Choice, folder: Path) -> None:
        """Make the state in a folder that is not there yet."""
        disk = _Disk()
        for i in sorted(choice.effects):
            disk.apply(self.effects[i], torn=choice.torn == i)
        disk.write(self._root, folder)


class _Disk:
    """What is on disk where that is not what was there at first."""

    def __init__(self) -> None:
        self._names: dict[Node, dict[str, Node]] = {}
        self._data: dict[Node, bytearray] = {}
        self._modes: dict[Node, int] = {}

    def apply(self, effect: Effect, *, torn: bool) -> None:
        """Let one effect get there, or half of it."""
        node = effect.node
        if effect.kind == "name":
            names = self._names.setdefault(node, dict(node.first))
            if effect.gone is not None and names.get(effect.old) is effect.gone:
                del names[effect.old]
            if effect.target is not None:
                names[effect.name] = effect.target
        elif effect.kind == "mode":
            self._modes[node] = effect.offset
        else:
            data = self._data.setdefault(node, bytearray(node.data))
            written = effect.data[: len(effect.data) // 2 // SECTOR * SECTOR] if torn else effect.data
            if effect.kind == "resize":
                del data[effect.offset :]
            data.extend(bytes(max(0, effect.offset - len(data))))
            data[effect.offset : effect.offset + len(written)] = written

    def write(self, node: Node, path: Path) -> None:
        """Write a file, or a folder with all that is in it."""
        if node.is_folder:
            path.mkdir()
            for name, inner in self._names.get(node, node.first).items():
                self.write(inner, path / name)
        else:
            path.write_bytes(self._data.get(node, node.data))
        path.chmod(self._modes.get(node, node.mode))


def _load(path: Path) -> Node:
    mode = path.stat().st_mode & 0o7777
    if not path.is_dir():
        return Node(is_folder=False, mode=mode, data=path.read_bytes())
    names = {inner.name: _load(inner) for inner in path.iterdir()}
    return Node(is_folder=True, mode=mode, first=names, names=dict(names))


def states(history: History, seed: int, most: int, limit: int) -> Iterator[Choice]:
    """Yield up to `limit` different states of all cuts, these in an order by lot.

    Args:
        history: What was done.
        seed: For what is left to chance.
        most: States of one cut beside those with nothing and with everything.
        limit: States in all.
    """
    dice = random.Random(seed)  # noqa: S311 -- the same states every time
    cuts = list(range(1, history.length + 1))
    dice.shuffle(cuts)
    seen: set[tuple[object, ...]] = set()
    for cut in cuts:
        for choice in history.choices(cut, dice, most):
            key = (choice.effects, choice.torn, history.acknowledged[cut])
            if key not in seen:
                seen.add(key)
                yield choice
            if len(seen) == limit:
                return


def cut_everywhere(client: Client, verb: str, most: int, limit: int, mutation: str = "") -> Tally:
    """Record a verb, and check the states that a power cut may leave; with a mistake put in, until it is found."""
    tally = Tally()
    record = client.scratch / "record"
    record.unlink(missing_ok=True)
    home, before = client.record(verb, mutation, record)
    history = History(read_record(record), home, before)
    for choice in states(history, SEED, most, limit):
        history.lay_out(choice, home)
        tally.points += 1
        for finding in client.check(verb, home, history.acknowledged[choice.cut]):
            tally.note(f"{verb} cut before {choice.cut}, {len(choice.effects)} effects, torn {choice.torn}", *finding)
        shutil.rmtree(home)
        if mutation and tally.broken:
            break
    return tally
