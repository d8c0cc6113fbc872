"""UCF-Crime (Sultani et al., CVPR 2018): 1,610 training and 290 test videos, 13 kinds of anomaly.

The videos are found by file name anywhere below the root, since everybody unpacks the parts in a
different way. The published lists have to lie in the root, one folder below, or in a folder of
their own that is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stores.datasets.base import (
    Dataset,
    find_list,
    index_by_stem,
    locate,
    read_lines,
    refuse_doubles,
    stretches,
)
from stores.records import Event, Split, StoreError, VideoItem

CLASSES = (
    "Normal",
    "Abuse",
    "Arrest",
    "Arson",
    "Assault",
    "Burglary",
    "Explosion",
    "Fighting",
    "RoadAccidents",
    "Robbery",
    "Shooting",
    "Shoplifting",
    "Stealing",
    "Vandalism",
)

_PARTS = {
    "Anomaly-Videos-Part-1": ("Abuse", "Arrest", "Arson", "Assault"),
    "Anomaly-Videos-Part-2": ("Burglary", "Explosion", "Fighting"),
    "Anomaly-Videos-Part-3": ("RoadAccidents", "Robbery", "Shooting"),
    "Anomaly-Videos-Part-4": ("Shoplifting", "Stealing", "Vandalism"),
}


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return the videos of both published lists, in their order.

    A listed video that is not below ``root`` is returned with an empty path, so that it becomes a
    named failure and does not stop the others.

    Raises:
        StoreError: A list is missing, has a line that cannot be read, or no video is there at all.
    """
    items = itemise(root, lists, index_by_stem(root))
    if not any(item.path for item in items):
        raise StoreError(f"none of the {len(items)} listed UCF-Crime videos is below {root}")
    return items


def itemise(root: Path, lists: Path | None, found: Mapping[str, Path]) -> list[VideoItem]:
    """Return the items of both published lists; ``found`` gives a name's file.

    Raises:
        StoreError: A list is missing, has a line that cannot be read, or a name twice.
    """
    truth = dict(_annotations(find_list(root, lists, "Temporal_Anomaly_Annotation.txt")))
    files: tuple[tuple[Split, str], ...] = (
        ("train", "Anomaly_Train.txt"),
        ("test", "Anomaly_Test.txt"),
    )
    items = [
        VideoItem(
            video_id=name,
            path=locate(found, name),
            split=split,
            labels=(label,),
            events=truth.get(name, ()) if split == "test" else None,
        )
        for split, file in files
        for name, label in _listed(find_list(root, lists, file))
    ]
    refuse_doubles(items)
    return items


def part_of(item: VideoItem) -> str:
    """Return the archive that a video comes in, as the data set is distributed."""
    if item.labels == ("Normal",):
        train = "Training-Normal-Videos-Part-1 or -2"
        return train if item.split == "train" else "Testing_Normal_Videos"
    return next(part for part, labels in _PARTS.items() if item.labels[0] in labels)


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and class of each line ``Class/Name_x264.mp4`` or ``Folder_Normal…/Name.mp4``."""
    for number, line in read_lines(path):
        folder, _, file = line.rpartition("/")
        name = file.removesuffix(".mp4")
        label = "Normal" if "Normal" in line else folder.rpartition("/")[2]
        if label not in CLASSES or not name:
            raise StoreError(f"{path} line {number}: {line!r} names no class of UCF-Crime")
        yield name, label


def _annotations(path: Path) -> Iterator[tuple[str, tuple[Event, ...]]]:
    """Yield name and events of each line: name, class, two pairs of frames, -1 where there is none.

    Frames are counted at the videos' own 30 fps, half-open as the published frame truth has them.
    """
    for number, line in read_lines(path):
        file, *words = line.split()
        label = words[0] if words else ""
        if label not in CLASSES:
            raise StoreError(f"{path} line {number}: {line!r} is not name, class, frames")
        pairs = stretches(words[1:], path, number)
        yield file.removesuffix(".mp4"), tuple(Event(start, end, label) for start, end in pairs)


DATASET = Dataset(
    name="ucf",
    classes=CLASSES,
    prompts=tuple((name.lower(),) for name in CLASSES),
    discover=discover,
    itemise=itemise,
    preset="ucf",
    recipe="vadclip",
    test_crop=5,
    metric="auc",
    part_of=part_of,
)
