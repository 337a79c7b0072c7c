"""Empty cells that mean what the last one said: whatever the blocks, the rows are those of a plain reading in order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("block_bytes", [1, 97, 1000, 1 << 20])
def test_blocks_change_nothing(tmp_path: Path, seed: int, block_bytes: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- no secret: the same rows every time
    empty = seed / 8  # from none on
    text, bid, ask = HEADER, "", ""
    expected: list[tuple[float, float]] = []
    skipped = {"no_quote": 0, "before_first_quote": 0}
    for number in range(400):
        cells = ["" if chance.random() < empty else f"{chance.randint(1, 9)}.{chance.randint(0, 99)}" for _ in "ba"]
        text += f"2024.01.02\t00:{number // 60:02}:{number % 60:02}.000\t{cells[0]}\t{cells[1]}\t\t\t6\n"
        bid, ask = cells[0] or bid, cells[1] or ask
        if not any(cells):
            skipped["no_quote"] += 1
        elif not (bid and ask):
            skipped["before_first_quote"] += 1
        else:
            expected.append((float(bid), float(ask)))
    whole = read(write(tmp_path / "X_202401020000_202401022359.csv", text), block_bytes=block_bytes)
    assert list(zip(whole.column("bid"), whole.column("ask"), strict=True)) == expected
    counted = {reason: sum(batch.skipped.get(reason, 0) for batch in whole.batches) for reason in skipped}
    assert counted == skipped
    assert not whole.rejects
