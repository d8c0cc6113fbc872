"""Published feature trees: ``<video>__<crop>.npy`` files, one a crop, to the features of videos.

The way this field shares features. Such a file does not state how it was made, nor frame rates or
labels: those come from the data set's published lists.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stores.files.arrays import read_array
from stores.records import SEGMENT_FRAMES, DecodeAudit, StoreError, VideoFeatures, VideoItem

CROPS = 10
_NAME = re.compile(r"(?P<video>.+)__(?P<crop>\d+)\.npy")

CropFiles = Mapping[int, Path]


def find_features(root: Path) -> dict[str, CropFiles]:
    """Return the files below ``root`` by video and crop.

    Raises:
        StoreError: ``root`` is no folder, holds no such file, or two files of one video and crop.
    """
    if not root.is_dir():
        raise StoreError(f"no such folder: {root}; give the folder that holds the .npy files")
    found: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in sorted(root.rglob("*.npy")):
        if match := _NAME.fullmatch(path.name):
            crops, crop = found[match["video"]], int(match["crop"])
            if crop in crops:
                raise StoreError(f"two files of one video and crop: {crops[crop]} and {path}")
            crops[crop] = path
    if not found:
        raise StoreError(f"no file named <video>__<crop>.npy is below {root}")
    return dict(found)


def read_features(
    item: VideoItem, files: CropFiles, *, width: int, test_crop: int, frame_rate: float
) -> VideoFeatures:
    """Return the features of one video from its crops' files.

    All ten crops have to be there; of a test video the crop that is scored is enough. Frames are
    16 a segment, since published features drop an incomplete last one, at ``frame_rate`` a second.

    Raises:
        StoreError: A crop is missing, of another shape, not finite, or too large for float16.
    """
    if not files:
        raise StoreError(f"no file {item.video_id}__<crop>.npy")
    wanted = list(range(CROPS))
    if item.split == "test" and set(files) == {test_crop}:
        wanted = [test_crop]
    missing = [crop for crop in wanted if crop not in files]
    if missing or len(files) > len(wanted):
        missed = missing or "none"
        raise StoreError(f"has crops {sorted(files)}, expected {wanted}; missing {missed}")
    crops = [_read_crop(files[crop], width) for crop in wanted]
    lengths = {files[crop].name: len(rows) for crop, rows in zip(wanted, crops, strict=True)}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {rows}" for name, rows in lengths.items())
        raise StoreError(f"crops have different numbers of segments: {listed}")
    frames = SEGMENT_FRAMES * len(crops[0])
    note = f"frames counted from segments, {frame_rate:g} a second assumed"
    audit = DecodeAudit("imported", frames, frames, container_seconds=0.0, note=note)
    return VideoFeatures(item, np.stack(crops), np.arange(frames) / frame_rate, audit)


def _read_crop(path: Path, width: int) -> NDArray[np.float16]:
    rows = read_array(path)
    if rows.ndim != 2 or rows.shape[1] != width or not len(rows):
        found = f"{path.name} holds {rows.dtype} of shape {rows.shape}"
        raise StoreError(f"{found}, expected floats [S, {width}]")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise StoreError(f"{path.name}: segment {bad} is not finite")
    largest = float(np.abs(rows).max())
    if largest > float(np.finfo(np.float16).max):
        raise StoreError(f"{path.name}: a value of {largest:.3g} does not fit float16")
    return rows.astype(np.float16)
