"""From frames to features: any iterable of one video's chunks in, its segments out.

Memory is bounded by a chunk, a batch and the pooled rows, however long the video is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from extract.crops import crop, cut_from
from extract.encoder import Encoder
from extract.recipe import Recipe
from extract.source import Chunk
from stores.records import DecodeAudit, VideoFeatures, VideoItem

FrameProgram: TypeAlias = Callable[[UInt8[Tensor, "f h w 3"]], Float[Tensor, "f c d"]]
"""From frames to a float32 feature for each of their crops, on the encoder's device."""


@runtime_checkable
class SegmentMeans(Protocol):
    """Takes the sampled frames of one video in order, and gives the mean of each segment."""

    def add(self, frames: NDArray[np.uint8], segments: NDArray[np.int64]) -> None:
        """Take frames [F,H,W,3] and the segment of each; it may wait until there is room."""

    def close(self) -> None:
        """Take note that no more frames come."""

    def means(self) -> Float[np.ndarray, "c s d"]:
        """Return the mean feature of every segment and crop, once all frames are encoded."""


def extract_video(
    item: VideoItem, chunks: Iterable[Chunk], encoder: Encoder, recipe: Recipe, *, batch: int
) -> VideoFeatures:
    """Encode one video's chunks and pool them to a feature a segment and crop: [C,S,D] float16.

    ``batch`` is the most images (frames times crops) that the encoder sees at once, at least the
    crops of one frame; a batch spans chunks.

    Raises:
        ValueError: As :func:`read_video` and what it returns.
    """
    program = frame_program(encoder, recipe)
    means = InTurn(program, recipe, frames_at_once(batch, recipe))
    return read_video(item, chunks, means, recipe)()


def read_video(
    item: VideoItem, chunks: Iterable[Chunk], means: SegmentMeans, recipe: Recipe
) -> Callable[[], VideoFeatures]:
    """Hand one video's frames over to be encoded; return what waits for its features [C,S,D].

    How frames are cut into chunks and batches does not change the result beyond float rounding.
    The mean over a segment's frames is taken in float32, after each frame's L2 normalisation where
    the recipe asks for it.

    Raises:
        ValueError: The video has no sampled frame or no audit, segments do not count up from 0, or
            times go backwards. In what is returned: a feature is not finite (float16 overflowed).
    """
    times: list[NDArray[np.float64]] = []
    audit: DecodeAudit | None = None
    latest = -1
    for chunk in chunks:
        times.append(chunk.times)
        audit = chunk.last
        latest = _check_order(item.video_id, latest, chunk.segments)
        means.add(cut_from(chunk.frames, recipe), chunk.segments)
    means.close()
    if latest < 0:
        raise ValueError(f"{item.video_id}: not one frame was sampled")
    shown = np.concatenate(times)
    backwards = np.flatnonzero(np.diff(shown) < 0)
    if backwards.size:
        reason = f"frame {backwards[0] + 1} is earlier than the one before"
        raise ValueError(f"{item.video_id}: {reason}")
    if audit is None:
        reason = "the last chunk carries no audit; the stream was cut off"
        raise ValueError(f"{item.video_id}: {reason}")
    made = audit

    def features() -> VideoFeatures:
        return VideoFeatures(item, _to_float16(means.means(), item.video_id, recipe), shown, made)

    return features


def frames_at_once(batch: int, recipe: Recipe) -> int:
    """Return how many frames are encoded together where ``batch`` images may be: at least one."""
    return max(1, batch // recipe.crop_count)


def frame_program(encoder: Encoder, recipe: Recipe) -> FrameProgram:
    """Return what cuts frames, wherever they lie, into the recipe's crops and encodes these."""

    @torch.inference_mode()
    def program(frames: UInt8[Tensor, "f h w 3"]) -> Float[Tensor, "f c d"]:
        return encode_frames(frames.to(encoder.device), encoder.encode, recipe)

    return program


def encode_frames(
    frames: UInt8[Tensor, "f h w 3"],
    encode: Callable[[UInt8[Tensor, "b 3 h w"]], Float[Tensor, "b d"]],
    recipe: Recipe,
) -> Float[Tensor, "f c d"]:
    """Return the feature of each crop of each frame, of length 1 where the recipe asks for it."""
    features = encode(crop(frames, recipe).flatten(0, 1))
    if recipe.l2_normalise:
        features = torch.nn.functional.normalize(features, dim=-1)
    return features.view(len(frames), recipe.crop_count, -1)


class InTurn:
    """The means of one video whose frames are encoded by the thread that brings them."""

    def __init__(self, program: FrameProgram, recipe: Recipe, frames: int) -> None:
        self._program = program
        self._crops = recipe.crop_count
        self._frames = frames
        self._waiting: list[tuple[NDArray[np.uint8], int]] = []
        self._sums: list[NDArray[np.float32]] = []
        self._counts: list[int] = []

    def add(self, frames: NDArray[np.uint8], segments: NDArray[np.int64]) -> None:
        """Encode as many batches as are full."""
        self._waiting += zip(frames, segments.tolist(), strict=True)
        while len(self._waiting) >= self._frames:
            self._encode()

    def close(self) -> None:
        """Encode the rest."""
        if self._waiting:
            self._encode()

    def means(self) -> Float[np.ndarray, "c s d"]:
        """Return the mean of every segment, crop by crop."""
        return means_of(np.stack(self._sums), self._counts, self._crops)

    def _encode(self) -> None:
        frames, segments = zip(*self._waiting[: self._frames], strict=True)
        del self._waiting[: self._frames]
        features = self._program(torch.from_numpy(np.stack(frames))).flatten(1).cpu().numpy()
        for row, segment in zip(features, segments, strict=True):
            if segment == len(self._sums):
                self._sums.append(np.zeros_like(row))
                self._counts.append(0)
            self._sums[-1] += row
            self._counts[-1] += 1


def means_of(
    sums: Float[np.ndarray, "s x"], counts: Iterable[int], crops: int
) -> Float[np.ndarray, "c s d"]:
    """Return the means of segments whose crops' sums lie one after another, crop by crop."""
    means = sums / np.fromiter(counts, dtype=np.float32)[:, None]
    return np.ascontiguousarray(means.reshape(len(means), crops, -1).transpose(1, 0, 2))


def _check_order(video_id: str, latest: int, segments: NDArray[np.int64]) -> int:
    """Return the last segment of a chunk; each has to be that of the frame before or the next."""
    steps = np.diff(segments, prepend=latest)
    # A video begins with the first segment, and not with one that nobody saw.
    wrong = np.flatnonzero((steps != 0) & (steps != 1) | (segments < 0))
    if wrong.size:
        at = wrong[0]
        before = segments[at] - steps[at]
        raise ValueError(f"{video_id}: segment {segments[at]} follows segment {before}")
    return int(segments[-1]) if len(segments) else latest


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
