"""What the commands that look at data print, and their exit codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from pipeline.show import DONE, SOME_FAILED, results, say
from stores.datasets.inventory import Inventory
from stores.files.names import one_line

if TYPE_CHECKING:  # each command imports only what it runs
    from extract.protocol_search import Match, Matching
    from pipeline.stages.preflight import Preflight

_NOTHING_GOES = 2
_SHOWN = 10  # of each kind


def show_check_data(report: Preflight) -> int:
    """Print what was found of a data set and whether an extraction can start."""
    inventory = report.inventory
    say(
        f"{report.name}: {report.readable:,} of {len(inventory.items):,} videos can be read · "
        f"{report.root}"
    )
    if report.note:
        say(report.note)
    _show_classes(report)
    for what, names in _findings(report):
        _show(what, names)
    say(
        f"{report.seconds / 3600:,.1f} h, {report.frames:,} frames, "
        f"{inventory.bytes / 1e9:,.2f} GB of video; about {report.feature_bytes / 1e6:,.1f} MB of "
        "features"
        + ("" if report.free_bytes is None else f", {report.free_bytes / 1e9:,.1f} GB free")
    )
    if report.work_seconds is None:
        say("time: give --rate, the frames a second that an earlier extraction here printed")
    else:
        say(f"time: about {report.work_seconds / 3600:,.1f} h at the given rate")
    return _verdict(report)


def _verdict(report: Preflight) -> int:
    if report.verdict == "go":
        say("go: every listed video is there and opens")
        return DONE
    if report.verdict == "some":
        left = len(report.inventory.items) - report.readable
        say(f"go, without {left:,} videos: an extraction records each as a failure")
        return SOME_FAILED
    full = report.is_too_large
    say("no: the features would not fit on the disk" if full else "no: not one video can be read")
    return _NOTHING_GOES


def _show_classes(report: Preflight) -> None:
    """Print how many present videos each class has in each split, where there are classes."""
    splits = sorted({split for split, _ in report.classes}, reverse=True)
    labels = sorted({label for _, label in report.classes})
    if not labels:
        return
    table = Table(title="present videos")
    table.add_column("class")
    for split in splits:
        table.add_column(split, justify="right")
    for label in labels:
        table.add_row(label, *(str(report.classes.get((split, label), 0)) for split in splits))
    results.print(table)


def _findings(report: Preflight) -> list[tuple[str, list[str]]]:
    """Return what is wrong, most serious first: a sentence each, and the names it is true of."""
    found: Inventory = report.inventory
    return [
        (
            "unpack: videos of an archive are missing",
            [
                f"{loss.part}: {loss.missing:,} of {loss.listed:,} missing, "
                + ("not unpacked" if loss.missing == loss.listed else "unpacked in part")
                for loss in found.parts
            ],
        ),
        ("archives and unfinished downloads below the root", [str(p) for p in found.leftovers]),
        ("missing", [item.video_id for item in found.missing]),
        ("missing, but another file looks like it", [f"{v}: {p}" for v, p in found.renamed]),
        ("empty (0 bytes)", [item.path for item in found.empty]),
        ("cannot be read", [f"{item.path}: {why}" for item, why in report.unreadable]),
        (
            "different videos of one name, none is taken",
            [f"{item.video_id}: {', '.join(map(str, paths))}" for item, paths in found.clashing],
        ),
        ("links that lead nowhere", [str(path) for path in found.broken_links]),
        ("folders that cannot be searched", [str(path) for path in found.unreadable]),
        ("copies, one is taken", [", ".join(map(str, paths)) for paths in found.copies]),
        ("extra videos that no list names", [str(path) for path in found.extra]),
    ]


def show_match(matching: Matching) -> int:
    """Print the ranking of protocols, the recipe to use and what it cannot be told from."""
    from pipeline.stages.match_features import advice

    table = Table(title=f"{len(matching.ranked)} combinations, {len(matching.rows)} rows compared")
    for column in ("frames", "recipe", "crop", "colours", "matrix", "length 1"):
        table.add_column(column)
    for column in ("mean cosine", "worst", "length ratio"):
        table.add_column(column, justify="right")
    for found in matching.ranked[:_SHOWN]:
        figures = (f"{found.cosine:.6f}", f"{found.worst:.6f}", f"{found.length:.3f}")
        table.add_row(*_choices(found), *figures)
    results.print(table)
    if not matching.is_explained:
        say(
            f"no combination explains the file (best mean cosine {matching.best.cosine:.4f}): "
            "other weights, another model, a re-encoded video or a protocol that is not tried here"
        )
        return SOME_FAILED
    say(f"use: extract {advice(matching)}")
    say(f"  the file holds crop {matching.best.image.crop} of that recipe")
    if len(matching.tails) > 1:
        say(f"  keeping and dropping the tail are the same for {matching.frames} frames")
    equals = matching.equals
    say(f"cannot be told from it by this file: {len(equals) or 'nothing'}")
    for other in equals[:_SHOWN]:
        say(f"  {_difference(matching.best, other)}")
    if len(equals) > _SHOWN:
        say(f"  … and {len(equals) - _SHOWN} more")
    return DONE


def _choices(found: Match) -> tuple[str, ...]:
    image = found.image
    return (
        found.frames,
        image.recipe,
        str(image.crop),
        image.channels,
        image.matrix,
        found.normalised,
    )


def _difference(best: Match, other: Match) -> str:
    """Return in which choices another combination differs from the best."""
    names = ("frames", "recipe", "crop", "colours", "matrix", "length 1")
    pairs = zip(names, _choices(best), _choices(other), strict=True)
    return ", ".join(
        f"{name} {theirs} for {ours}" for name, ours, theirs in pairs if ours != theirs
    )


def _show(what: str, names: Sequence[str]) -> None:
    if not names:
        return
    say(f"{what}: {len(names):,}")
    for name in names[:_SHOWN]:
        say(f"  {one_line(name)}")
    if len(names) > _SHOWN:
        say(f"  … and {len(names) - _SHOWN:,} more")
