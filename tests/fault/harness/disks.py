"""Real file systems in a file, whose power can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.server import Case
from tests.fault.harness.shim import Fault, Mode
from tests.fault.harness.sweep import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.fault.harness.client import Client

KINDS = {"ext4": (64, ["mkfs.ext4", "-q", "-F"]), "xfs": (320, ["mkfs.xfs", "-q", "-f"])}
"""How many MiB a file system needs at least, and how it is made."""


class Disk:
    """A file system in a file, with a lake on it."""

    def __init__(self, kind: str, folder: Path) -> None:
        """Make it; skip, loudly, where this machine cannot.

        Args:
            kind: Which file system.
            folder: Where its image and its mount point are to be.
        """
        size, words = KINDS[kind]
        if os.geteuid() != 0 or shutil.which("losetup") is None:
            pytest.skip("NOT TESTED: a real power cut needs root and loop devices")
        if shutil.which(words[0]) is None:
            pytest.skip(f"NOT TESTED: no {words[0]}, so no power is cut on {kind}")
        self._image, self._clean, self.mounted = folder / "disk.img", folder / "clean.img", folder / "mnt"
        self.mounted.mkdir()
        self._is_mounted = False  # a disk without power cannot be asked
        with self._clean.open("wb") as stream:
            stream.truncate(size << 20)
        _run(*words, str(self._clean))

    def fill(self, template: Path) -> Path:
        """Lay a copy of a lake on the clean disk; return where it lies once the disk is mounted."""
        self._mount(self._clean)
        home = self.mounted / "home"
        shutil.copytree(template, home)
        self.unmount()
        return home

    def fresh(self) -> None:
        """Mount a new copy of the clean disk."""
        _run("cp", "--sparse=always", str(self._clean), str(self._image))
        self._mount(self._image)

    def power_up(self) -> None:
        """Mount the disk again, after its power was cut."""
        self.unmount()
        self._mount(self._image)

    def _mount(self, image: Path) -> None:
        done = subprocess.run(
            ["mount", "-o", "loop", str(image), str(self.mounted)],  # noqa: S607 -- mount is where it is
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"NOT TESTED: the image cannot be mounted: {done.stderr.strip()}")
        self._is_mounted = True

    def unmount(self) -> None:
        """Unmount the disk, if it is mounted."""
        if self._is_mounted:
            _run("umount", str(self.mounted))
            self._is_mounted = False


def cut_power(client: Client, disk: Disk, verb: str, points: Iterable[int], mutation: str = "") -> Tally:
    """Cut the power at operations of a verb, and check what the file system brings back."""
    tally = Tally()
    client.plan(verb)
    home = disk.fill(client.template(verb))
    for at in points:
        disk.fresh()
        try:
            outcome = client.run(Case(verb, (Fault(Mode.CUT_POWER, at),), mutation, home, check=False))
            assert outcome.fired, f"no power cut at {at}"
            disk.power_up()
            outcome.findings += client.check(verb, home, outcome.done)
            tally.add(f"{verb} power cut at {at}", outcome)
        finally:
            disk.unmount()
    return tally


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
