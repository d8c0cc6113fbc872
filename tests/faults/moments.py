"""The moments at which processes are killed: events of a run, and so the same on any machine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from command import PATIENCE, ROOT, Command, family

HOOK = Path(__file__).parent / "hook"

LISTED = 0.5  # seconds between two lists of a command's processes: each is work

VICTIMS = {
    "driver": "",
    "decode worker": "ray::DecodeWorker",
    "shard worker": "ray::ShardWorker",
    "raylet": "raylet/raylet",
}
"""What the command line of a victim has in it; the driver is known by its number."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the second commit of a run: what happens to which file; '' is while reading."""

    words: str
    happening: str
    file: str

    def environment(self, sign: Path) -> dict[str, str]:
        """Return what tells the processes of a run to stop there."""
        paths = {"PYTHONPATH": f"{HOOK}{os.pathsep}{ROOT}"}
        if not self.happening:
            return paths
        return paths | {
            "FAULT_MOMENT": self.happening,
            "FAULT_FILE": self.file,
            "FAULT_SIGN": str(sign),
            "FAULT_COUNT": "2",
        }


_SHARD = r"/\.partial-\w+-shard-"
_PART = r"/%s/\.partial-\w+-part-"
READING = Moment("reads a video", "", "")
MOMENTS = {
    "extract": (
        Moment("has begun a shard", "begun", _SHARD),
        Moment("has written a shard and not renamed it", "written", _SHARD),
        Moment("has just renamed a shard", "committed", _SHARD),
    ),
    "score": (
        Moment("has begun a part", "begun", _PART % "scores"),
        Moment("has committed the scores of a part alone", "committed", _PART % "scores"),
        Moment("has written a part and not renamed its last file", "written", _PART % "videos"),
        Moment("has just committed a part", "committed", _PART % "videos"),
    ),
}


def strike(
    process: Command, victim: str, moment: Moment, sign: Path, videos: Path
) -> tuple[bool, list[psutil.Process]]:
    """Kill one process of a command when the moment comes, and let the others go on.

    Returns whether it came to that before the command ended, and all processes that were seen.
    """
    members: dict[int, psutil.Process] = {}
    is_here = _comes(moment, sign, videos)
    begun, listed, struck = time.monotonic(), 0.0, False
    while process.poll() is None and time.monotonic() - begun < PATIENCE and not struck:
        if time.monotonic() - listed > LISTED:
            members |= {member.pid: member for member in family(process)}
            listed = time.monotonic()
        if is_here(members):
            members |= {member.pid: member for member in family(process)}
            for pid in _found(victim, process, members):
                os.kill(pid, signal.SIGKILL)
                struck = True
        time.sleep(0.02)
    (sign / "go").touch()
    return struck, list(members.values())


def _comes(
    moment: Moment, sign: Path, videos: Path
) -> Callable[[Mapping[int, psutil.Process]], bool]:
    def is_here(members: Mapping[int, psutil.Process]) -> bool:
        if moment.happening:
            return (sign / "here").exists()
        readers = [m for m in members.values() if VICTIMS["decode worker"] in line_of(m)]
        return any(_reads_below(reader, videos) for reader in readers)

    return is_here


def _found(victim: str, process: Command, members: Mapping[int, psutil.Process]) -> list[int]:
    if victim == "driver":
        return [process.pid]
    alive = [m.pid for m in members.values() if VICTIMS[victim] in line_of(m)]
    return alive[:1]


def _reads_below(process: psutil.Process, folder: Path) -> bool:
    try:
        return any(Path(file.path).is_relative_to(folder) for file in process.open_files())
    except psutil.Error:
        return False


def line_of(process: psutil.Process) -> str:
    """Return a process's command line, empty for one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
