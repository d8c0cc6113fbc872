"""XD-Violence (Wu et al., ECCV 2020): 3,954 training and 800 test videos, up to three labels each.

Labels are in the file names: ``…_label_B1-B2-0``. ``annotations.txt`` names the test videos that
have an anomaly and its frames. The other test videos are those that ``test_videos.txt`` lists or,
without that list, those in a folder of test videos; all others, or those that ``train_videos.txt``
lists, are training videos.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stores.datasets import base, listing
from stores.files.names import plain
from stores.records import Event, StoreError, VideoItem

CLASSES = ("A", "B1", "B2", "B4", "B5", "B6", "G")
_TEXTS = ("normal", "fighting", "shooting", "riot", "abuse", "car accident", "explosion")


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return the videos of both splits, those that are listed and not there with an empty path."""
    items = itemise(root, lists, base.index_by_stem(root))
    if not any(item.path for item in items):
        raise StoreError(f"no video named …_label_… is below {root}; XD-Violence has 4,754")
    return items


def itemise(root: Path, lists: Path | None, found: Mapping[str, Path]) -> list[VideoItem]:
    """Return the items of the names that are found or listed; ``found`` gives a name's file."""
    truth = dict(_annotations(listing.find_list(root, lists, "annotations.txt")))
    listed = {split: _optional(lists or root, f"{split}_videos.txt") for split in ("train", "test")}
    truth = listing.under_listed_names(truth, listed["test"])
    found = listing.under_listed_names(found, [*listed["train"], *listed["test"], *truth])
    folders = {
        name for name, path in found.items() if _is_test(path.parent.name) and path.parent != root
    }
    test = listed["test"] or set(truth) | folders
    lost = {plain(name) for name in test if name not in found}  # a file that may be one is no other
    train = (listed["train"] or {name for name in found if plain(name) not in lost}) - test
    labelled = sorted(name for name in train | test if "_label_" in name)
    return [
        VideoItem(
            video_id=name,
            path=listing.locate(found, name),
            split="test" if name in test else "train",
            labels=labels_of(name),
            events=truth.get(name, ()) if name in test else None,
            group=name.partition("__#")[0],  # the film; clips are named film__#from_to_label
        )
        for name in labelled
    ]


def _is_test(folder: str) -> bool:
    """Return whether a folder is named as one of test videos (as distributed: ``videos``)."""
    return folder == "videos" or "Test" in folder or folder.lower().startswith("test")


def part_of(item: VideoItem) -> str:
    """Return the archive a test video comes in; which of the five training ones is not stated."""
    return "the archive of test videos (folder videos)" if item.split == "test" else ""


def labels_of(name: str) -> tuple[str, ...]:
    """Return the classes that a file name states: ``…_label_B1-B2-0`` gives B1 and B2.

    Raises:
        StoreError: It states none, or one that XD-Violence does not have.
    """
    codes = [code for code in name.rpartition("_label_")[2].split("-") if code != "0"]
    if not codes or any(code not in CLASSES for code in codes):
        raise StoreError(f"{name}: no label of XD-Violence in the name (…_label_B1-0-0)")
    return tuple(dict.fromkeys(codes))


def _optional(folder: Path, file: str) -> set[str]:
    """Return the names of a list that need not be there; empty where it is not."""
    path = next(iter(sorted(folder.rglob(file))), None)
    lines = listing.read_lines(path) if path else ()
    return {listing.listed_name(line) for _, line in lines}


def _annotations(path: Path) -> Iterator[tuple[str, tuple[Event, ...]]]:
    """Yield name and events of each line: a name, then pairs of frames, half-open.

    14 of the published names carry a ``.mp4`` that the others do not. The file has no class for a
    stretch, so a video of several classes gives each stretch its first.
    """
    for number, line in listing.read_lines(path):
        file, *numbers = line.split()
        name = listing.listed_name(file)
        yield name, listing.events_in(numbers, labels_of(name)[0], path, number)


DATASET = base.Dataset(
    name="xd",
    classes=CLASSES,
    prompts=tuple((text,) for text in _TEXTS),
    discover=discover,
    itemise=itemise,
    preset="xd",
    recipe="vadclip",
    frame_rate=24.0,
    metric="ap",
    normal_is_event=True,
    part_of=part_of,
)
