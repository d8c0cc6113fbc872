"""Published features to the features of videos: rows, crops and lengths as their archive has them.

Such files do not state how they were made, nor frame rates or labels: those come from the data
set's published lists, and what no file tells, from whoever imports them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stores.features import CropsAxis, RowFrames
from stores.features.archives import CropSources, Source, read_source
from stores.records import SEGMENT_FRAMES, DecodeAudit, StoreError, VideoFeatures, VideoItem

CROPS = 10

MOST_OFF = 2
"""Rows by which an archive may differ from a listed length: extractors disagree on the end."""

_USUAL_CROPS = (1, 3, 5, 10)
_MAKERS_OF = {
    768: "of CLIP ViT-L/14 or of texts",
    1024: "of I3D or Swin",
    1408: "of VideoMAEv2",
    2048: "of I3D-ResNet50",
}


@dataclass(frozen=True, slots=True)
class Archive:
    """What all files of an archive have in common.

    Rows are ``width`` wide and stand for ``row_frames`` frames each. ``crops`` are as many files of
    a video as there have to be, where each crop has one. ``crops_axis`` says where crops lie in
    arrays [T,C,D] and [C,T,D], and ``crops_in_rows`` how many rows in a row are one place's.
    """

    width: int
    row_frames: RowFrames = 16
    crops: int = CROPS
    crops_axis: CropsAxis = "auto"
    crops_in_rows: int = 1


def read_features(
    item: VideoItem,
    sources: CropSources,
    archive: Archive,
    *,
    test_crop: int,
    frame_rate: float,
    lengths: Sequence[int] = (),
) -> VideoFeatures:
    """Return the features of one video, [C,S,D], from its crops' files or its one file.

    All crops have to be there; of a test video the crop that is scored is enough. There are as many
    frames as one of ``lengths``, the numbers that lists have for it, or else as rows stand for.

    Raises:
        StoreError: A crop is missing, of another shape, not finite, or too large for float16; or
            there are over two segments more or fewer than every length gives.
    """
    if not sources:
        raise StoreError(f"no file {item.video_id}__<crop>.npy, nor {item.video_id}.npy")
    crops = _read_crops(item, sources, archive, test_crop)
    count = len(crops)
    if count > 1 and test_crop >= count:
        raise StoreError(f"has {count} crops; crop {test_crop} of ten is scored, or one alone")
    frames, segments = _frames_of(crops.shape[1], archive.row_frames, lengths)
    rows = np.stack([_to_segments(crop, archive.row_frames, segments) for crop in crops])
    note = f"frames counted from rows, {frame_rate:g} a second assumed"
    if frames in lengths:
        note = f"frames as listed, {frame_rate:g} a second assumed"
    audit = DecodeAudit("imported", frames, frames, container_seconds=0.0, note=note)
    return VideoFeatures(item, rows, np.arange(frames) / frame_rate, audit)


def is_off(video: VideoFeatures, lengths: Sequence[int]) -> bool:
    """Return whether a video has another number of segments than ⌊n/16⌋ of every listed length."""
    return bool(lengths) and all(abs(_excess(video.segments.shape[1], n)) for n in lengths)


def _read_crops(
    item: VideoItem, sources: CropSources, archive: Archive, test_crop: int
) -> NDArray[np.floating[Any]]:
    """Return all crops of a video [C,T,D], T being rows as they come."""
    if set(sources) == {0} and (found := _read(sources[0], archive)).shape[0] > 1:
        return found
    wanted = list(range(archive.crops))
    if item.split == "test" and set(sources) == {test_crop}:
        wanted = [test_crop]
    missing = [crop for crop in wanted if crop not in sources]
    if missing or len(sources) > len(wanted):
        missed = missing or "none"
        raise StoreError(f"has crops {sorted(sources)}, expected {wanted}; missing {missed}")
    crops = [_read(sources[crop], archive) for crop in wanted]
    if several := [
        sources[crop].name for crop, rows in zip(wanted, crops, strict=True) if len(rows) > 1
    ]:
        raise StoreError(f"{several[0]} holds several crops, and there are {len(wanted)} files")
    lengths = {sources[crop].name: rows.shape[1] for crop, rows in zip(wanted, crops, strict=True)}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {rows}" for name, rows in lengths.items())
        raise StoreError(f"crops have different numbers of rows: {listed}")
    return np.concatenate(crops)


def _read(source: Source, archive: Archive) -> NDArray[np.floating[Any]]:
    """Return the crops in one source, [C,T,D]."""
    rows, width = read_source(source), archive.width
    found = f"{source.name} holds {rows.dtype} of shape {rows.shape}"
    if rows.ndim not in (2, 3) or rows.shape[-1] != width or not rows.size:
        made = _MAKERS_OF.get(rows.shape[-1], "") if rows.ndim in (2, 3) else ""
        remark = f" (as features {made} are)" if made and rows.shape[-1] != width else ""
        raise StoreError(f"{found}{remark}, expected floats [T, {width}] or [T, crops, {width}]")
    if rows.ndim == 3:
        crops = rows if _has_crops_first(rows, archive.crops_axis, found) else rows.swapaxes(0, 1)
    elif len(rows) % archive.crops_in_rows:
        raise StoreError(f"{found}: no multiple of {archive.crops_in_rows} crops")
    else:
        crops = rows.reshape(-1, archive.crops_in_rows, width).swapaxes(0, 1)
    _check_values(source, rows)
    return crops


def _has_crops_first(rows: NDArray[np.floating[Any]], axis: CropsAxis, found: str) -> bool:
    first, second, _ = rows.shape
    if axis != "auto":
        return axis == "first"
    # A video of as many rows as there are crops of anything looks the same either way.
    if (first in _USUAL_CROPS) == (second in _USUAL_CROPS):
        raise StoreError(f"{found}: which axis is the crops' is not clear; give --crops-axis")
    return first in _USUAL_CROPS


def _check_values(source: Source, rows: NDArray[np.floating[Any]]) -> None:
    if not np.isfinite(rows).all():
        places = ~np.isfinite(rows).all(axis=tuple(range(1, rows.ndim)))
        raise StoreError(f"{source.name}: row {int(np.flatnonzero(places)[0])} is not finite")
    largest = float(np.abs(rows).max())
    if largest > float(np.finfo(np.float16).max):
        raise StoreError(f"{source.name}: a value of {largest:.3g} does not fit float16")


def _frames_of(rows: int, row_frames: int, lengths: Sequence[int]) -> tuple[int, int]:
    """Return the frames of a video, and how many segments its rows make: a part of one is dropped.

    Frames are listed ones where the segments are those of such a video, or else whole segments.
    """
    segments = max(rows * row_frames // SEGMENT_FRAMES, 1)
    if not lengths:
        return rows if row_frames == 1 else segments * SEGMENT_FRAMES, segments
    for frames in lengths:
        if segments in (max(frames // SEGMENT_FRAMES, 1), -(-frames // SEGMENT_FRAMES)):
            return frames, segments
    if min(abs(_excess(segments, frames)) for frames in lengths) > MOST_OFF:
        listed = " or ".join(f"{frames:,}" for frames in sorted({lengths[0], lengths[-1]}))
        raise StoreError(
            f"{rows} rows of {row_frames} frames make {segments} segments, its listed length of "
            f"{listed} frames {lengths[0] // SEGMENT_FRAMES}; is --row-frames right?"
        )
    return segments * SEGMENT_FRAMES, segments


def _excess(segments: int, frames: int) -> int:
    return segments - max(frames // SEGMENT_FRAMES, 1)


def _to_segments(
    rows: NDArray[np.floating[Any]], row_frames: int, segments: int
) -> NDArray[np.float16]:
    """Return [S,D], the mean of each segment's rows, in float32 before it is rounded."""
    per_segment = SEGMENT_FRAMES // row_frames
    if per_segment == 1:
        return rows.astype(np.float16)
    whole = rows[: segments * per_segment].astype(np.float32)
    if len(whole) < per_segment:  # a video shorter than a segment
        return whole.mean(axis=0, keepdims=True).astype(np.float16)
    return whole.reshape(segments, per_segment, -1).mean(axis=1).astype(np.float16)
