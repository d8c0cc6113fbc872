"""UCF-Crime (Sultani et al., CVPR 2018): 1,610 training and 290 test videos, 13 kinds of anomaly.

The videos are found by file name anywhere below the root, since everybody unpacks the parts in a
different way, the published lists in the root, one folder below, or in a folder of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from stores.datasets import base, listing
from stores.records import Event, Split, StoreError, VideoItem

_PARTS = {
    "Anomaly-Videos-Part-1": ("Abuse", "Arrest", "Arson", "Assault"),
    "Anomaly-Videos-Part-2": ("Burglary", "Explosion", "Fighting"),
    "Anomaly-Videos-Part-3": ("RoadAccidents", "Robbery", "Shooting"),
    "Anomaly-Videos-Part-4": ("Shoplifting", "Stealing", "Vandalism"),
}
CLASSES = ("Normal", *chain.from_iterable(_PARTS.values()))


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return the videos of both published lists, in their order.

    A listed video that is not below ``root`` is returned with an empty path, so that it becomes a
    named failure and does not stop the others.
    """
    items = itemise(root, lists, base.index_by_stem(root))
    listing.refuse_none(items, "UCF-Crime", root)
    return items


def itemise(root: Path, lists: Path | None, found: Mapping[str, Path]) -> list[VideoItem]:
    """Return the items of both published lists; ``found`` gives a name's file."""
    truth = dict(_annotations(listing.find_list(root, lists, "Temporal_Anomaly_Annotation.txt")))
    files: dict[Split, str] = {"train": "Anomaly_Train.txt", "test": "Anomaly_Test.txt"}
    listed = {
        split: [*_listed(listing.find_list(root, lists, file))] for split, file in files.items()
    }
    names = [name for own in listed.values() for name, _ in own]
    truth = listing.under_listed_names(truth, names)
    lines: dict[Split, list[listing.Line]] = {
        split: [(name, label, truth.get(name, ())) for name, label in own]
        for split, own in listed.items()
    }
    return listing.list_videos(lines, found)


def part_of(item: VideoItem) -> str:
    """Return the archive that a video comes in, as the data set is distributed."""
    if item.labels == ("Normal",):
        train = "Training-Normal-Videos-Part-1 or -2"
        return train if item.split == "train" else "Testing_Normal_Videos"
    return next(part for part, labels in _PARTS.items() if item.labels[0] in labels)


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and class of each line ``Class/Name_x264.mp4`` or ``Folder_Normal…/Name.mp4``."""
    for number, line in listing.read_lines(path):
        folder, _, _ = line.replace("\\", "/").rpartition("/")
        name = listing.listed_name(line)
        label = "Normal" if "Normal" in line else folder.rpartition("/")[2]
        if label not in CLASSES or not name:
            raise StoreError(f"{path} line {number}: {line!r} names no class of UCF-Crime")
        yield name, label


def _annotations(path: Path) -> Iterator[tuple[str, tuple[Event, ...]]]:
    """Yield name and events of each line: name, class, two pairs of frames, -1 where there is none.

    Frames are counted at the videos' own 30 fps, half-open as the published frame truth has them.
    """
    for number, line in listing.read_lines(path):
        file, *words = line.split()
        label = words[0] if words else ""
        if label not in CLASSES:
            raise StoreError(f"{path} line {number}: {line!r} is not name, class, frames")
        yield listing.listed_name(file), listing.events_in(words[1:], label, path, number)


DATASET = base.Dataset(
    name="ucf",
    classes=CLASSES,
    prompts=tuple((name.lower(),) for name in CLASSES),
    discover=discover,
    itemise=itemise,
    preset="ucf",
    recipe="vadclip",
    test_crop=5,
    part_of=part_of,
)
