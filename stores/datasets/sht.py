"""ShanghaiTech Campus in the weakly supervised split of Zhong et al. (CVPR 2019): 238 + 199 videos.

``SH_Train.txt`` and ``SH_Test.txt`` are names alone; a video is abnormal where
``test_frame_mask/<name>.npy`` says which of its frames are. The 107 abnormal videos have names of
four digits (``01_0015``) and come as folders of images, most others as ``.avi``; ``01_001`` and
``01_0001`` are different videos. What an abnormal test video shows is not published, so there is
one class of anomaly, with a text for each of the 13 kinds that training videos are known to have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stores.datasets import base, listing
from stores.files.arrays import read_array
from stores.records import Event, Split, StoreError, VideoItem

CLASSES = ("Normal", "Abnormal")
_KINDS = (
    *("cycling", "chasing", "pushing a handcart", "fighting", "skateboarding", "a vehicle"),
    *("running", "jumping", "wandering", "lifting", "robbery", "climbing over", "throwing"),
)
_LISTS: dict[Split, str] = {"train": "SH_Train.txt", "test": "SH_Test.txt"}
_MASKS = "test_frame_mask"
_NAME, _FRAMES = r"(?P<name>\d{2}_\d{3,4})", r"(?P<frames>\d{1,9})"
_LENGTHS = {
    "SH_Test_NEW.txt": rf"{_NAME},[01],(?P<frames>-1|\d{{1,9}})",  # -1: see its mask
    "SHANGHAI_train.txt": rf"(.*/)?{_NAME} 0 {_FRAMES} [01]",
    "SHANGHAI_test.txt": rf"(.*/)?{_NAME} {_FRAMES} [01] \d+ \d+",
}
"""Lists of other authors that state lengths, and their lines."""
_DISPUTED = {"05_015": 1418}
"""Frames of videos of which the lists above have other numbers, as Joint-VAD has them."""


def discover(root: Path, lists: Path | None = None) -> list[VideoItem]:
    """Return the videos of both lists, those that are not below ``root`` with an empty path."""
    items = itemise(root, lists, base.index_by_stem(root))
    listing.refuse_none(items, "ShanghaiTech", root)
    return items


def itemise(root: Path, lists: Path | None, found: Mapping[str, Path]) -> list[VideoItem]:
    """Return the items of both lists; ``found`` gives a name's file or folder."""
    listed = {
        split: [*_names(listing.find_list(root, lists, file))] for split, file in _LISTS.items()
    }
    names = [name for split in listed.values() for name in split]
    masks = _find_masks(root, lists)
    # A mask that is missing would make a normal video of an abnormal one.
    if lost := [name for name in names if _is_abnormal(name) and name not in masks]:
        raise StoreError(
            f"{len(lost)} abnormal videos have no {_MASKS}/<name>.npy ({', '.join(lost[:5])}); the "
            "masks come with the data set's testing part: put them there, or give --lists"
        )
    # Masks of training videos are there, and nobody asks for them.
    truth = {name: _truth(masks.get(name)) for name in listed["test"]}
    lines: dict[Split, list[listing.Line]] = {
        split: [(name, CLASSES[_is_abnormal(name)], truth.get(name, ())) for name in own]
        for split, own in listed.items()
    }
    return listing.list_videos(lines, found)


def lengths(root: Path, lists: Path | None) -> dict[str, dict[str, range]]:
    """Return the frames of a video by its mask, and by the lists of others where they are there.

    These disagree: a decoder's last frames, and whole videos (``05_015``).
    """
    known = {
        name: {_MASKS: _exactly(len(_read_mask(path)))}
        for name, path in _find_masks(root, lists).items()
    }
    for file, form in _LENGTHS.items():
        path = listing.optional_list(root, lists, file)
        for number, line in listing.read_lines(path) if path else ():
            if (match := re.fullmatch(form, line)) is None:
                raise StoreError(f"{path} line {number}: {line!r} states no frames of a video")
            if match["frames"] != "-1":
                known.setdefault(match["name"], {})[file] = _exactly(int(match["frames"]))
    for name in _DISPUTED.keys() & known.keys():
        known[name]["Joint-VAD"] = _exactly(_DISPUTED[name])
    return known


def _exactly(frames: int) -> range:
    return range(frames, frames + 1)


def _names(path: Path) -> Iterator[str]:
    for number, line in listing.read_lines(path):
        name = listing.listed_name(line)
        if not re.fullmatch(r"\d{2}_\d{3,4}", name):
            raise StoreError(f"{path} line {number}: {line!r} is no name such as 01_001 or 01_0015")
        yield name


def _is_abnormal(name: str) -> bool:
    """Return whether a video is one of the original test set's, all of which have an anomaly."""
    return len(name.rpartition("_")[2]) == 4


def _find_masks(root: Path, lists: Path | None) -> dict[str, Path]:
    """Return the files of masks by the names of their videos, wherever the folder of masks is."""
    for folder in dict.fromkeys([lists or root, root]):
        for level in ("", "*/", "*/*/"):
            for masks in sorted(folder.glob(f"{level}{_MASKS}")):
                return {path.stem: path for path in sorted(masks.glob("*.npy"))}
    return {}


def _read_mask(path: Path) -> NDArray[np.bool_]:
    mask = read_array(path, "biuf")
    if mask.ndim != 1 or not np.isin(mask, (0, 1)).all():
        raise StoreError(f"{path} holds {mask.dtype} of shape {mask.shape}, expected 0 or 1 [F]")
    return mask.astype(np.bool_)


def _truth(path: Path | None) -> tuple[Event, ...]:
    """Return the runs of anomalous frames in a mask, half-open; a video without one has none."""
    mask = np.zeros(0, np.bool_) if path is None else _read_mask(path)
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return tuple(Event(start, end, CLASSES[1]) for start, end in pairs)


DATASET = base.Dataset(
    name="sht",
    classes=CLASSES,
    prompts=(("normal",), _KINDS),
    discover=discover,
    itemise=itemise,
    lengths=lengths,
    preset="sht",
    recipe="vadclip",
    frame_rate=24.0,
)
