"""TAD, the Traffic Anomaly Dataset (WSAL, TIP 2021), in the split of UMIL: 400 + 100 videos.

Two splits circulate. This one is ``TAD_train.txt`` and ``TAD_test.txt``, which the data set's own
author publishes with UMIL; the test list of LaGoVAD (``tad_test_anno.json``) is another one, and 76
of its 100 videos are in the training list here. A video is a folder of images that may be named
like a file (``01_Accident_001.mp4``); its kind is in its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from stores.datasets import base, listing
from stores.records import Event, Split, StoreError, VideoItem

CLASSES = (
    *("Normal", "Accident", "IllegalTurn", "IllegalOccupation", "Retrograde", "else"),
    *("PedestrianOnRoad", "RoadSpills"),
)
_TEXTS = (
    *("normal", "traffic accident", "illegal turn", "illegal occupation of a lane"),
    *("driving against the traffic", "unusual traffic", "pedestrian on the road"),
    "things spilled on the road",
)
_LISTS: dict[Split, str] = {"train": "TAD_train.txt", "test": "TAD_test.txt"}


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return the videos of both lists, those that are not below ``root`` with an empty path."""
    items = itemise(root, lists, base.index_by_stem(root))
    listing.refuse_none(items, "TAD", root)
    return items


def itemise(root: Path, lists: Path | None, found: Mapping[str, Path]) -> list[VideoItem]:
    """Return the items of both lists; ``found`` gives a name's file or folder."""
    listed = {
        split: [*_listed(listing.find_list(root, lists, file), split)]
        for split, file in _LISTS.items()
    }
    lines: dict[Split, list[listing.Line]] = {
        split: [(name, label, events) for name, label, _, events in own]
        for split, own in listed.items()
    }
    return listing.list_videos(lines, found)


def lengths(root: Path, lists: Path | None) -> dict[str, dict[str, range]]:
    """Return the frames that the lists give each video."""
    return {
        name: {file: range(frames, frames + 1)}
        for split, file in _LISTS.items()
        for name, _, frames, _ in _listed(listing.find_list(root, lists, file), split)
    }


def _listed(path: Path, split: Split) -> Iterator[tuple[str, str, int, tuple[Event, ...]]]:
    """Yield name, class, frames and events of each line.

    Lines are ``folder/name.mp4 0 frames kind`` in training and ``folder/name.mp4 frames-1 kind
    start end`` in test, half-open; kinds count as the classes do.
    """
    form = (
        r"(\S+) 0 (\d{1,9}) ([0-7])" if split == "train" else r"(\S+) (\d{1,9}) ([0-7]) (\S+ \S+)"
    )
    for number, line in listing.read_lines(path):
        match = re.fullmatch(form, " ".join(line.split()))
        name = listing.listed_name(match[1]) if match else ""
        label = CLASSES[int(match[3])] if match else ""
        if match is None or label not in name:
            raise StoreError(f"{path} line {number}: {line!r} is no line of UMIL's {path.name}")
        frames = int(match[2]) + (split == "test")
        words = match[4].split() if split == "test" and label != "Normal" else []
        yield name, label, frames, listing.events_in(words, label, path, number)


DATASET = base.Dataset(
    name="tad",
    classes=CLASSES,
    prompts=tuple((text,) for text in _TEXTS),
    discover=discover,
    itemise=itemise,
    lengths=lengths,
    preset="tad",
    recipe="vadclip",
    note="split of UMIL; LaGoVAD's test list is another one: 76 of its videos are trained on here",
)
