"""Inputs made of a generated one: its start alone, its lines in no order, under a header of plain names, compressed,
bars that come again with others behind them, and bars that follow.

Run as a program, `python -m tests.bench.recast KIND SOURCE TARGET`: what it takes stays out of the process that
measures.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import random
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import pyarrow as pa

from tests.bench import home

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL_BYTES = 2_000_000
PILES = 64
"""Piles that lines are dealt to: each is shuffled in memory, so that a file of any size can be."""
PLAIN_HEADER = (
    "time,open,high,low,close,volume,until,quote_volume,trades,taker_buy_volume,taker_buy_quote_volume,ignore"
)
VOLUME, UNTIL = 5, 6
"""Places of these in a line."""
UNPACK = {"gz": ["gzip", "-dc"], "bz2": ["bzip2", "-dc"], "xz": ["xz", "-dc"], "zst": ["zstd", "-dc"]}


def start(source: Path, target: Path) -> None:
    """Whole lines of the first two megabytes."""
    with source.open("rb") as file:
        data = file.read(SMALL_BYTES)
    target.write_bytes(data[: data.rfind(b"\n") + 1])


def shuffled(source: Path, target: Path) -> None:
    """Every line once, in a random order that is the same each time."""
    pick = random.Random(11)  # noqa: S311 - a repeatable order, nothing secret
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, ExitStack() as stack:
        piles: list[IO[bytes]] = [stack.enter_context(Path(folder, str(n)).open("w+b")) for n in range(PILES)]
        with source.open("rb") as file:
            for line in file:
                piles[pick.randrange(PILES)].write(line)
        with target.open("wb") as out:
            for pile in piles:
                pile.seek(0)
                lines = pile.readlines()
                pick.shuffle(lines)
                out.writelines(lines)


def headed(source: Path, target: Path) -> None:
    """Klines under names that no vendor uses for them: the general way in."""
    with source.open("rb") as file, target.open("wb") as out:
        out.write(f"{PLAIN_HEADER}\n".encode())
        shutil.copyfileobj(file, out, 1 << 20)


def overlap(source: Path, target: Path) -> None:
    """The last tenth of the bars, each hundredth with another volume, and ten days behind them."""
    lines = source.read_bytes().splitlines()
    again = lines[-(len(lines) // 10) :]
    for number in range(0, len(again), 100):
        fields = again[number].split(b",")
        again[number] = b",".join([*fields[:VOLUME], b"%d.5" % (number + 1), *fields[VOLUME + 1 :]])
    target.write_bytes(b"\n".join([*again, *_later(lines[-14_400:], 14_400)]) + b"\n")


def following(source: Path, target: Path) -> None:
    """Twenty bars behind the last."""
    target.write_bytes(b"\n".join(_later(source.read_bytes().splitlines()[-20:], 20)) + b"\n")


def _later(lines: list[bytes], minutes: int) -> list[bytes]:
    """Bars, so many minutes later."""
    moved = []
    for line in lines:
        fields = line.split(b",")
        for place in (0, UNTIL):
            fields[place] = b"%d" % (int(fields[place]) + minutes * 60_000)
        moved.append(b",".join(fields))
    return moved


def _zstandard(target: Path) -> IO[bytes]:
    return cast("IO[bytes]", pa.CompressedOutputStream(str(target), "zstd"))


PACK: dict[str, Callable[[Path], IO[bytes]]] = {
    "gz": lambda target: cast("IO[bytes]", gzip.open(target, "wb", 6)),  # noqa: SIM115 -- closed by packed()
    "bz2": lambda target: cast("IO[bytes]", bz2.open(target, "wb")),  # noqa: SIM115 -- closed by packed()
    "xz": lambda target: cast("IO[bytes]", lzma.open(target, "wb", preset=1)),  # noqa: SIM115 -- closed by packed()
    "zst": _zstandard,
}


def packed(kind: str, source: Path, target: Path) -> None:
    """The same bytes, compressed."""
    with source.open("rb") as file, PACK[kind](target) as out:
        shutil.copyfileobj(file, out, 1 << 20)


KINDS: dict[str, Callable[[Path, Path], None]] = {
    "start": start,
    "shuffled": shuffled,
    "headed": headed,
    "overlap": overlap,
    "following": following,
}


def recast(kind: str, source: Path, facts: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """A recast input and its facts; made once, and again when its source or this module changes."""
    target = source.with_name(f"{source.name}.{kind}" if kind in PACK else f"{kind}-{source.name}")
    known = target.with_name(f"{target.name}.json")
    maker = hashlib.sha256(Path(__file__).read_bytes() + str(facts["sha256"]).encode()).hexdigest()
    if target.exists() and known.exists():
        found: dict[str, Any] = json.loads(known.read_text())
        if found["generator"] == maker:
            return target, found
    sys.stderr.write(f"making {target.name}\n")
    argv = [sys.executable, "-m", "tests.bench.recast", kind, str(source), str(target)]
    subprocess.run(argv, cwd=home.REPOSITORY, check=True)
    rows = facts["rows"]
    if kind in {"start", "overlap", "following"}:
        rows = target.read_bytes().count(b"\n")
    made = {"rows": rows, "bytes": target.stat().st_size, "generator": maker}
    known.write_text(json.dumps(made))
    return target, made


def main() -> None:
    """Make one input."""
    kind, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if kind in PACK:
        packed(kind, source, target)
    else:
        KINDS[kind](source, target)


if __name__ == "__main__":
    main()
