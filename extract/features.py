"""The hinge between decoding and features: chunks of frames in, one video's segments out.

Takes any iterable of chunks: a list in a test, a stream of the cluster in production. Memory is
bounded by a chunk, a batch and the pooled rows, however long the video is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from extract.crops import crop
from extract.encoder import Encoder
from extract.recipe import Recipe
from extract.video import Chunk
from stores.records import DecodeAudit, VideoFeatures, VideoItem


@dataclass(slots=True)
class _Ledger:
    """What is noted of a video while its frames pass by."""

    times: list[NDArray[np.float64]] = field(default_factory=list)
    audit: DecodeAudit | None = None


def extract_video(
    item: VideoItem,
    chunks: Iterable[Chunk],
    encoder: Encoder,
    recipe: Recipe,
    *,
    batch: int,
) -> VideoFeatures:
    """Encode one video's chunks and pool them to a feature a segment and crop: [C,S,D] float16.

    ``batch`` is the most images (frames times crops) that the encoder sees at once, at least the
    crops of one frame; a batch spans chunks. How frames are cut into chunks and batches does not
    change the result beyond float rounding. The mean over a segment's frames is taken in float32,
    after each frame's L2 normalisation where the recipe asks for it.

    Raises:
        ValueError: The video has no sampled frame or no audit, segments do not count up from 0,
            times go backwards, or a feature is not finite (float16 overflowed).
    """
    ledger = _Ledger()
    pool = _Pool(item.video_id, width=encoder.width)
    for frames, segments in _rebatch(chunks, frames_at_once(batch, recipe), ledger):
        pool.add(_encode(frames, encoder, recipe), segments)
    rows = _to_float16(pool.means(), item.video_id, recipe)
    times = np.concatenate(ledger.times)
    backwards = np.flatnonzero(np.diff(times) < 0)
    if backwards.size:
        raise ValueError(
            f"{item.video_id}: frame {backwards[0] + 1} is earlier than the one before"
        )
    if ledger.audit is None:
        raise ValueError(
            f"{item.video_id}: the last chunk carries no audit; the stream was cut off"
        )
    return VideoFeatures(item=item, segments=rows, times=times, audit=ledger.audit)


def frames_at_once(batch: int, recipe: Recipe) -> int:
    """Return how many frames are encoded together where ``batch`` images may be: at least one."""
    return max(1, batch // recipe.crop_count)


def _rebatch(
    chunks: Iterable[Chunk], size: int, ledger: _Ledger
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Yield ``size`` frames [F,H,W,3] at a time with their segments [F], the last batch shorter."""
    frames: list[NDArray[np.uint8]] = []
    segments: list[NDArray[np.int64]] = []
    held = 0
    for chunk in chunks:
        ledger.times.append(chunk.times)
        ledger.audit = chunk.last
        start, count = 0, len(chunk.segments)
        while start < count:
            stop = min(count, start + size - held)
            frames.append(chunk.frames[start:stop])
            segments.append(chunk.segments[start:stop])
            held += stop - start
            start = stop
            if held == size:
                yield np.concatenate(frames), np.concatenate(segments)
                frames, segments, held = [], [], 0
    if held:
        yield np.concatenate(frames), np.concatenate(segments)


def _encode(
    frames: NDArray[np.uint8], encoder: Encoder, recipe: Recipe
) -> Float[np.ndarray, "f c d"]:
    """Return the float32 features of each frame's crops."""
    crops = crop(torch.from_numpy(frames).to(encoder.device), recipe)
    features: Float[Tensor, "b d"] = encoder.encode(crops.flatten(0, 1))
    if recipe.l2_normalise:
        features = torch.nn.functional.normalize(features, dim=-1)
    return features.view(len(frames), recipe.crop_count, -1).cpu().numpy()


class _Pool:
    """The running mean of each segment; rows grow by one as the video goes on."""

    def __init__(self, video_id: str, width: int) -> None:
        self._video_id = video_id
        self._width = width
        self._sums: list[NDArray[np.float32]] = []
        self._counts: list[int] = []

    def add(self, features: Float[np.ndarray, "f c d"], segments: NDArray[np.int64]) -> None:
        """Add the features of consecutive frames to the segments they belong to."""
        if features.shape[2] != self._width:
            raise ValueError(f"encoder of width {self._width} gave features of {features.shape[2]}")
        for row, segment in zip(features, segments.tolist(), strict=True):
            if segment == len(self._sums):
                self._sums.append(np.zeros_like(row))
                self._counts.append(0)
            elif segment != len(self._sums) - 1:
                raise ValueError(
                    f"{self._video_id}: segment {segment} follows segment {len(self._sums) - 1}"
                )
            self._sums[-1] += row
            self._counts[-1] += 1

    def means(self) -> NDArray[np.float32]:
        """Return the mean of every segment [C,S,D], crop by crop."""
        if not self._sums:
            raise ValueError(f"{self._video_id}: not one frame was sampled")
        counts = np.asarray(self._counts, dtype=np.float32)[:, None, None]
        means: NDArray[np.float32] = np.stack(self._sums) / counts
        return np.ascontiguousarray(means.transpose(1, 0, 2))


def _to_float16(means: NDArray[np.float32], video_id: str, recipe: Recipe) -> NDArray[np.float16]:
    """Narrow [C,S,D] to float16, refusing what is not finite before or after."""
    if not np.isfinite(means).all():
        raise ValueError(
            f"{video_id}: features are not finite at precision {recipe.precision}; use bf16 or fp32"
        )
    largest = float(np.abs(means).max())
    if largest > float(np.finfo(np.float16).max):
        raise ValueError(
            f"{video_id}: a feature of {largest:.3g} does not fit float16; set l2_normalise"
        )
    return means.astype(np.float16)
