"""`OUT ERR PROGRAM ARGUMENT…`: run a program, its output into two files, and print what it took as JSON.

A child's peak memory starts at that of the process which started it (Linux carries it across exec). This one imports
next to nothing, so that what it reports is the program's own.
"""

import json
import os
import sys
import time

KIB_PER_MIB = 1024


def machine_busy_s() -> float:
    """CPU seconds the machine has spent on anything since it started, time stolen by the host included."""
    with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 - pathlib would double this process
        user, nice, system, _idle, _waiting, *rest = map(int, file.readline().split()[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def run(out: str, err: str, argv: list[str]) -> dict[str, float]:
    """Run a program to its end."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    redirects = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, flags, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, err, flags, 0o600),
    ]
    busy_s, start = machine_busy_s(), time.perf_counter()
    child = os.posix_spawn(argv[0], argv, os.environ, file_actions=redirects)
    _, status, used = os.wait4(child, 0)
    wall_s = time.perf_counter() - start
    cpu_s = used.ru_utime + used.ru_stime
    return {
        "exit": os.waitstatus_to_exitcode(status),
        "wall_s": round(wall_s, 4),
        "cpu_s": round(cpu_s, 4),
        "rss_mib": round(used.ru_maxrss / KIB_PER_MIB, 1),
        "others": round(max(0.0, machine_busy_s() - busy_s - cpu_s) / wall_s, 2),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1], sys.argv[2], sys.argv[3:])))
