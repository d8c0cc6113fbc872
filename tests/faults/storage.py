"""Faults of what lies on disk: files cut, flipped, foreign, and places that cannot be written."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from command import ended, run
from workbench import Workbench, rerun

Trial = Callable[[Path], str]

FILES = {"extract": "shard-*.h5", "score": "part-*.parquet"}


def damage(bench: Workbench, stage: str, harm: Callable[[Path], None], number: int) -> Trial:
    """Return the trial that harms one committed file of a finished run.

    The command has to refuse it by name, ``verify --repair`` to set it aside, and the command then
    to make just that anew: every other file stays the same one.
    """

    def trial(out: Path) -> str:
        shutil.copytree(bench.folder / "calm", out, dirs_exist_ok=True)
        files = sorted(out.rglob(FILES[stage]))
        victim = files[number % len(files)]
        harm(victim)
        code, error = ended(run(getattr(bench, stage)(out)))
        # A harmed value that no index names is found by verify alone.
        if code not in (0, 2) or (code == 2 and victim.name not in error):
            return f"exit code {code}: {error[-200:]}"
        code, error = verify(out, "--repair")
        if code != 0:
            return f"verify --repair gave {code}: {error[-200:]}"
        # A bit that nothing reads is no damage: then nothing is made anew, and values are the same.
        if problem := rerun(bench, stage, out):
            return problem
        code, error = verify(out)
        return f"verify gave {code}: {error[-200:]}" if code else ""

    return trial


def verify(out: Path, *options: str) -> tuple[int | None, str]:
    """Run ``verify`` on a folder; return its exit code and error output."""
    return ended(run(["verify", str(out), *options]))


def cut(tenths: int) -> Callable[[Path], None]:
    """Return the harm that leaves so many tenths of a file."""

    def harm(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: path.stat().st_size * tenths // 10])

    return harm


def flip(path: Path) -> None:
    """Flip a bit of the middle third of a file, where its values lie."""
    data = bytearray(path.read_bytes())
    chance = random.Random(path.name)
    data[chance.randrange(len(data) // 3, 2 * len(data) // 3)] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def refused(bench: Workbench, stage: str, prepare: Callable[[Path], Path], said: str) -> Trial:
    """Return the trial in which the command has to end with 2, the file's name and ``said``."""

    def trial(out: Path) -> str:
        culprit = prepare(out)
        try:
            code, error = ended(run(getattr(bench, stage)(out)))
        finally:
            if culprit == out:
                subprocess.run(["umount", str(out)], check=True)
        last = error.strip().splitlines()[-1] if error.strip() else ""
        good = code == 2 and last.startswith("error: ") and said in last and str(culprit) in last
        return "" if good else f"exit code {code}: {error[-200:]}"

    return trial


def read_only(out: Path) -> Path:
    """Make a folder a disk that takes no writing."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(out)], check=True)
    return out


def file_in_the_way(out: Path) -> Path:
    """Put a file where the command wants folders."""
    for name in ("synthetic", "scores"):
        (out / name).write_text("not a folder")
    return out / "s"


def stray(stage: str) -> Callable[[Path], Path]:
    """Return the step that puts another maker's file among the results."""

    def prepare(out: Path) -> Path:
        folder = out / ("synthetic/features" if stage == "extract" else "scores/videos")
        folder.mkdir(parents=True)
        path = folder / FILES[stage].replace("*", "0")
        path.write_text("somebody else's")
        return path

    return prepare


def storage_faults(bench: Workbench, stage: str) -> Iterator[tuple[str, Sequence[Trial]]]:
    """Yield every storage fault of a stage and its trials."""
    kind = "shard" if stage == "extract" else "Parquet part"
    # Every tenth, and every bit, is a matter of `make test`: here the commands are what is tried.
    cuts = [damage(bench, stage, cut(tenths), tenths) for tenths in (0, 5, 9)]
    yield f"a {kind} cut short ({stage}), verify --repair, the command again", cuts
    flips = [damage(bench, stage, flip, 0)]
    yield f"a bit of a {kind} flipped ({stage}), verify --repair, the command again", flips
    yield f"a read-only disk ({stage})", [refused(bench, stage, read_only, "Read-only file system")]
    way = refused(bench, stage, file_in_the_way, "cannot write to")
    yield f"a file where a folder has to be ({stage})", [way]
    strays = [refused(bench, stage, stray(stage), "damaged")]
    yield f"a stray file named as a {kind} ({stage})", strays
