"""The shim sees what the kernel sees: what is not counted is never struck."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.client import REPO
from tests.fault.harness.shim import build, read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KINDS = {
    "write": "w", "pwrite64": "w", "writev": "w", "pwritev": "w", "pwritev2": "w", "sendfile": "w",
    "copy_file_range": "w", "fsync": "s", "fdatasync": "s", "rename": "r", "renameat": "r", "renameat2": "r",
    "unlink": "u", "unlinkat": "u", "rmdir": "d", "mkdir": "m", "mkdirat": "m", "ftruncate": "t", "truncate": "t",
    "link": "l", "linkat": "l", "chmod": "p", "fchmod": "p", "fchmodat": "p", "fchmodat2": "p",
}  # fmt: skip
OTHERS = ("open", "openat", "openat2", "creat", "fallocate", "symlink", "symlinkat", "mknod", "mknodat")
MAKING = "trace=" + ",".join(f"?{name}" for name in (*KINDS, *OTHERS))

# An ingest of bars in several row groups: Arrow writes those itself, and SQLite writes as it always does.
PROGRAM = """
import sys
from pathlib import Path
from lake import files
from lake.manifest import Manifest
from tests.fault.harness.lakes import at, take
from tests.fault.harness.shim import Fault, Shim
home, source, record = map(Path, sys.argv[1:])
shim = Shim()
shim.watch(home)
shim.record(record)
shim.arm(Fault())
files.ROW_GROUP = 500
config = at(home)
Manifest.create(config)
take(config, source)
take(config, source)
"""


def whole(lines: Iterable[str]) -> Iterator[str]:
    """Put calls together that another thread's came into."""
    begun: dict[str, str] = {}
    for line in lines:
        pid, _, rest = line.partition(" ")
        if rest.endswith("<unfinished ...>"):
            begun[pid] = line.removesuffix("<unfinished ...>")
        elif "resumed>" in rest:
            yield begun.pop(pid) + rest.partition("resumed>")[2]
        else:
            yield line


def seen_by_the_kernel(lines: Iterable[str], home: Path) -> Counter[str]:
    """Count the calls that changed something below a folder, by the shim's letters."""
    found: Counter[str] = Counter()
    for line in whole(lines):
        call = re.match(r"\d+ +(\w+)\((.*)\) += (-?\d+)", line)
        if call is None or int(call[3]) < 0 or str(home) not in call[2]:
            continue
        name, arguments = call[1], call[2]
        if name in KINDS:
            found["d" if "AT_REMOVEDIR" in arguments else KINDS[name]] += 1
        elif "O_CREAT" in arguments or "O_TRUNC" in arguments:
            found["opened"] += 1
        elif not name.startswith("open"):
            found[name] += 1
    return found


def test_the_shim_sees_every_call_that_strace_sees(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("NOT TESTED: no strace to compare the shim with")
    shim = build(tmp_path)
    home, source, record, trace = (tmp_path / name for name in ("home", "a.csv", "record", "trace"))
    home.mkdir()
    rows = (f"{1_700_006_400_000 + s * 60_000},1.5,2,1,1.5,3\n" for s in range(3_000))
    source.write_text("ts,open,high,low,close,volume\n" + "".join(rows))
    done = subprocess.run(
        [strace, "-f", "-y", "-s", "0", "-o", trace, "-e", MAKING, "-E", f"LD_PRELOAD={shim}", sys.executable, "-c",
         PROGRAM, home, source, record],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counted = Counter(op.op for op in read_record(record))
    seen = seen_by_the_kernel(trace.read_text(errors="replace").splitlines(), home)
    opened = seen.pop("opened")
    made = counted.pop("c") + counted.pop("z", 0)
    assert seen == counted
    assert 0 < made <= opened  # a file that was there may be opened in the same way
