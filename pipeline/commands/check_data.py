"""``check-data``: what is there of a data set, what is wrong with it, and what it will take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes, Positional

from extract.recipe import RecipeOptions
from pipeline.console import DONE, MISTAKE, SHOWN, SOME_FAILED, print_line, print_table
from pipeline.options import Location
from stores.files.names import counted, one_line
from stores.ranges import PositiveAmount

if TYPE_CHECKING:
    from pipeline.stages.preflight import Preflight


@dataclass(frozen=True)
class CheckDataRun:
    """Compare a folder of videos with a data set's lists, before hours are spent on it.

    Exit code 0: all is there; 3: some videos will be left out; 2: it cannot go on.
    """

    root: Positional[Location]
    """Folder that holds the videos, anywhere below it; of a custom set also a list of videos."""
    dataset: str = "ucf"
    """Data set: ucf, xd, msad, sht, tad, custom (your own classes), folder or synthetic."""
    lists: Location | None = None
    """Folder of the data set's lists; the root or one folder below it by default."""
    out: Location = Path("outputs")
    """Where the features will go; its disk is asked for room."""
    recipe: OmitArgPrefixes[RecipeOptions] = RecipeOptions()
    """How frames are to become features, from which their size follows."""
    rate: PositiveAmount | None = None
    """Frames a second that an extraction reached on this machine, to reckon the time."""
    image_rate: PositiveAmount | None = None
    """Frames a second of folders of images, which state none; the data set's own by default."""


def execute(run: CheckDataRun) -> int:
    """Check the data set, print what was found and return the exit code."""
    from pipeline.stages.preflight import check_data

    return render(check_data(run))


def render(report: Preflight) -> int:
    """Print what was found of a data set and whether an extraction can start."""
    inventory = report.inventory
    print_line(
        f"{report.name}: {report.readable:,} of {len(inventory.items):,} videos can be read · "
        f"{report.root}"
    )
    if report.note:
        print_line(report.note)
    _print_classes(report)
    for what, names in _findings(report):
        _print_names(what, names)
    free = "" if report.free_bytes is None else f", {report.free_bytes / 1e9:,.1f} GB free"
    print_line(
        f"{report.seconds / 3600:,.1f} h, {report.frames:,} frames, "
        f"{inventory.bytes / 1e9:,.2f} GB of video; about {report.feature_bytes / 1e6:,.1f} MB of "
        f"features{free}"
    )
    if report.work_seconds is None:
        print_line("time: give --rate, the frames a second that an earlier extraction here printed")
    else:
        print_line(f"time: about {report.work_seconds / 3600:,.1f} h at the given rate")
    return _print_verdict(report)


def _print_verdict(report: Preflight) -> int:
    if report.verdict == "go":
        print_line("go: every listed video is there and opens")
        return DONE
    if report.verdict == "some":
        left = len(report.inventory.items) - report.readable
        print_line(f"go, without {counted(left, 'video')}: an extraction records each as a failure")
        return SOME_FAILED
    full, unread = "the features would not fit on the disk", "not one video can be read"
    print_line(f"no: {full if report.is_too_large else unread}")
    return MISTAKE


def _print_classes(report: Preflight) -> None:
    """Print how many present videos each class has in each split, where there are classes."""
    splits = sorted({split for split, _ in report.classes}, reverse=True)
    labels = sorted({label for _, label in report.classes})
    if labels:
        print_table(
            "present videos",
            {"class": "left", **dict.fromkeys(splits, "right")},
            [(each, *(str(report.classes.get((s, each), 0)) for s in splits)) for each in labels],
        )


def _findings(report: Preflight) -> list[tuple[str, list[str]]]:
    """Return what is wrong, most serious first: a sentence each, and the names it is true of."""
    found, tree = report.inventory, report.inventory.tree
    parts = [
        f"{loss.part}: {loss.missing:,} of {loss.listed:,} missing, "
        + ("not unpacked" if loss.missing == loss.listed else "unpacked in part")
        for loss in found.parts
    ]
    clashing = [f"{item.video_id}: {', '.join(map(str, paths))}" for item, paths in found.clashing]
    return [
        ("unpack: videos of an archive are missing", parts),
        ("missing", [item.video_id for item in found.missing]),
        ("missing, but another file looks like it", [f"{v}: {p}" for v, p in found.renamed]),
        ("empty (0 bytes)", [item.path for item in found.empty]),
        ("cannot be read", [f"{item.path}: {why}" for item, why in report.unreadable]),
        ("folders that lack images, whose frames count as lost", list(report.missing_images)),
        ("of another length than the lists say, truth may not fit", list(report.unlike)),
        ("different videos of one name, none is taken", clashing),
        ("links that lead nowhere", [*map(str, tree.broken_links)]),
        ("folders that cannot be searched", [*map(str, tree.unreadable)]),
        ("passed over, by kind", tree.others),
        ("copies, one is taken", [", ".join(map(str, paths)) for paths in found.copies]),
        ("extra videos that no list names", [*map(str, found.extra)]),
    ]


def _print_names(what: str, names: Sequence[str]) -> None:
    if not names:
        return
    print_line(f"{what}: {len(names):,}")
    for name in names[:SHOWN]:
        print_line(f"  {one_line(name)}")
    if len(names) > SHOWN:
        print_line(f"  … and {len(names) - SHOWN:,} more")
