"""From frames to features: any iterable of one video's chunks in, its segments out.

Memory is bounded by a chunk, a batch and the pooled rows, however long the video is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from extract.crops import crop
from extract.encoder import Encoder
from extract.recipe import Recipe
from extract.source import Chunk
from stores.records import DecodeAudit, VideoFeatures, VideoItem


def extract_video(
    item: VideoItem, chunks: Iterable[Chunk], encoder: Encoder, recipe: Recipe, *, batch: int
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
    times: list[NDArray[np.float64]] = []
    audits: list[DecodeAudit | None] = []

    def sampled() -> Iterator[tuple[NDArray[np.uint8], int]]:
        for chunk in chunks:
            times.append(chunk.times)
            audits.append(chunk.last)
            yield from zip(chunk.frames, chunk.segments.tolist(), strict=True)

    pairs, pool = sampled(), _Pool(item.video_id)
    while some := list(islice(pairs, frames_at_once(batch, recipe))):
        frames, segments = zip(*some, strict=True)
        pool.add(_encode(np.stack(frames), encoder, recipe), segments)
    rows = _to_float16(pool.means(), item.video_id, recipe)
    shown = np.concatenate(times)
    backwards = np.flatnonzero(np.diff(shown) < 0)
    if backwards.size:
        reason = f"frame {backwards[0] + 1} is earlier than the one before"
        raise ValueError(f"{item.video_id}: {reason}")
    if (audit := audits[-1]) is None:
        reason = "the last chunk carries no audit; the stream was cut off"
        raise ValueError(f"{item.video_id}: {reason}")
    return VideoFeatures(item, rows, shown, audit)


def frames_at_once(batch: int, recipe: Recipe) -> int:
    """Return how many frames are encoded together where ``batch`` images may be: at least one."""
    return max(1, batch // recipe.crop_count)


def _encode(
    frames: NDArray[np.uint8], encoder: Encoder, recipe: Recipe
) -> Float[np.ndarray, "f c d"]:
    """Return the float32 features of each frame's crops."""
    crops = crop(torch.from_numpy(frames).to(encoder.device), recipe)
    features: Float[Tensor, "b d"] = encoder.encode(crops.flatten(0, 1))
    if features.shape[1] != encoder.width:
        raise ValueError(f"encoder of width {encoder.width} gave features of {features.shape[1]}")
    if recipe.l2_normalise:
        features = torch.nn.functional.normalize(features, dim=-1)
    return features.view(len(frames), recipe.crop_count, -1).cpu().numpy()


class _Pool:
    """The running mean of each segment; rows grow by one as the video goes on."""

    def __init__(self, video_id: str) -> None:
        self._video_id = video_id
        self._sums: list[NDArray[np.float32]] = []
        self._counts: list[int] = []

    def add(self, features: Float[np.ndarray, "f c d"], segments: Iterable[int]) -> None:
        """Add the features of consecutive frames to the segments they belong to."""
        for row, segment in zip(features, segments, strict=True):
            latest = len(self._sums) - 1
            if segment == latest + 1:
                self._sums.append(np.zeros_like(row))
                self._counts.append(0)
            elif segment != latest:
                raise ValueError(f"{self._video_id}: segment {segment} follows segment {latest}")
            self._sums[-1] += row
            self._counts[-1] += 1

    def means(self) -> NDArray[np.float32]:
        """Return the mean of every segment [C,S,D], crop by crop."""
        if not self._sums:
            raise ValueError(f"{self._video_id}: not one frame was sampled")
        counts = np.asarray(self._counts, dtype=np.float32)[:, None, None]
        return np.ascontiguousarray((np.stack(self._sums) / counts).transpose(1, 0, 2))


def _to_float16(means: NDArray[np.float32], video_id: str, recipe: Recipe) -> NDArray[np.float16]:
    """Narrow [C,S,D] to float16, refusing what is not finite before or after."""
    if not np.isfinite(means).all():
        message = f"features are not finite at precision {recipe.precision}; use bf16 or fp32"
        raise ValueError(f"{video_id}: {message}")
    largest = float(np.abs(means).max())
    if largest > float(np.finfo(np.float16).max):
        message = f"a feature of {largest:.3g} does not fit float16; set l2_normalise"
        raise ValueError(f"{video_id}: {message}")
    return means.astype(np.float16)
