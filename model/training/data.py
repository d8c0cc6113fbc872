"""Videos of any length to windows of T segments, and the samples of a training.

Padding, segment means and dtypes are as published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from stores.records import VideoFeatures

Rows = NDArray[np.floating[Any]]


def segment_bounds(segments: int, window: int) -> NDArray[np.int64]:
    """Return the ``window + 1`` boundaries ⌊i·segments/window⌋ of equal stretches of a video."""
    return np.arange(window + 1, dtype=np.int64) * segments // window


def resample(features: Rows, window: int) -> NDArray[np.float32]:
    """Return [T,D]: row i is the mean of ``features`` [S,D] between two segment bounds.

    Where a stretch is empty (S < T) it is the row at its start. Sums are float32 whatever comes in,
    but a mean is rounded to the dtype of ``features``: float16 in, float16 precision out.
    """
    starts = segment_bounds(len(features), window)
    counts = np.maximum(np.diff(starts), 1)
    sums = features[starts[:-1]].astype(np.float32)
    # Stretches differ by one row at most, so all of them grow by a row at a time: half the time of
    # numpy's reduceat, which goes from element to element.
    for row in range(1, int(counts.max())):
        longer = np.flatnonzero(counts > row)
        sums[longer] += features[starts[longer] + row]
    means = sums / counts[:, np.newaxis].astype(np.float32)
    return means.astype(features.dtype).astype(np.float32)


def fit_to_window(features: Rows, window: int) -> tuple[Rows, int]:
    """Return one training sample [T,D] made of [S,D], and how many of its rows are not padding.

    At most T rows are zero-padded and keep their dtype; more become float32 segment means
    (reference behaviour).

    Raises:
        ValueError: ``features`` is not a matrix of finite numbers with at least one row.
    """
    _check(features)
    if len(features) > window:
        return resample(features, window), window
    return _pad(features, window), len(features)


def split_windows(features: Rows, window: int) -> tuple[Rows, NDArray[np.int64]]:
    """Return the ⌈S/T⌉ windows [W,T,D] of a video to score, and each one's valid rows [W].

    The last window is zero-padded; the dtype is kept. The published code scores one more window,
    all padding, where T divides S; it changes nothing. Errors as for :func:`fit_to_window`.
    """
    _check(features)
    count = -(-len(features) // window)
    windows = _pad(features, count * window).reshape(count, window, -1)
    lengths = np.full(count, window, dtype=np.int64)
    lengths[-1] = len(features) - (count - 1) * window
    return windows, lengths


def label_vector(labels: Sequence[str], classes: Sequence[str]) -> NDArray[np.float32]:
    """Return the multi-hot vector [K] of a video's class names.

    Raises:
        ValueError: There is no label, or one that is no class: the losses would become NaN.
    """
    unknown = [label for label in labels if label not in classes]
    if unknown or not labels:
        raise ValueError(
            f"got labels {list(labels)}, of which no class: {unknown}; expected at least one of "
            f"{', '.join(classes)}"
        )
    return np.array([name in labels for name in classes], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples: ``features`` [B,T,D], their valid segments ``lengths`` [B], ``labels`` [B,K].

    Labels are multi-hot. Features are as they are kept, float16 mostly; a part's are float32.
    """

    features: Float[Tensor, "b t d"]
    lengths: Int[Tensor, " b"]
    labels: Float[Tensor, "b k"]

    def parts(self, size: int) -> Iterator[Batch]:
        """Yield ``size`` samples at a time in float32, the last part maybe shorter.

        They come in order of length, so that a part's samples end about where its longest does.
        """
        if size >= len(self.lengths):
            yield Batch(self.features.float(), self.lengths, self.labels)
            return
        for chosen in torch.split(self.lengths.argsort(stable=True), size):
            yield Batch(self.features[chosen].float(), self.lengths[chosen], self.labels[chosen])


@dataclass(frozen=True, slots=True)
class TrainingSet(Batch):
    """All N training samples in memory, one for each crop of each video, in float16."""

    def __len__(self) -> int:
        """Return N."""
        return len(self.lengths)

    @property
    def anomalous(self) -> Bool[Tensor, " n"]:
        """Which samples are not of the normal class."""
        return self.labels[:, 0] == 0

    def to(self, device: torch.device) -> TrainingSet:
        """Return the same samples on ``device``."""
        columns = (self.features, self.lengths, self.labels)
        return TrainingSet(*(column.to(device) for column in columns))

    def batch(self, samples: Int[Tensor, " b"]) -> Batch:
        """Return the samples with these indices, on the device of the set."""
        chosen = samples.to(self.features.device)
        return Batch(self.features[chosen], self.lengths[chosen], self.labels[chosen])


def training_set(
    videos: Iterable[VideoFeatures], samples: int, window: int, classes: Sequence[str]
) -> TrainingSet:
    """Read every crop of every video, in order, into a set of exactly ``samples`` samples.

    The number is asked for so that memory is taken once: UCF-Crime fills 4 GB.

    Raises:
        ValueError: The videos have more or fewer crops, features of different widths or not finite,
            or a label that is no class. The message names the video.
    """
    features: Tensor | None = None
    lengths = torch.zeros(samples, dtype=torch.int64)
    labels = torch.zeros(samples, len(classes))
    filled = 0
    for name, own_labels, rows, length in _fitted_crops(videos, window, classes):
        width = rows.shape[-1]
        if features is None:
            features = torch.zeros(samples, window, width, dtype=torch.float16)
        if filled == samples or width != features.shape[-1]:
            raise ValueError(
                f"video {name}: got crop number {filled + 1} of width {width}, expected "
                f"{samples} crops in all, of width {features.shape[-1]}"
            )
        features[filled] = torch.from_numpy(rows)
        lengths[filled] = length
        labels[filled] = torch.from_numpy(own_labels)
        filled += 1
    if features is None or filled != samples:
        raise ValueError(f"got {filled} crops, expected {samples}")
    return TrainingSet(features, lengths, labels)


def _fitted_crops(
    videos: Iterable[VideoFeatures], window: int, classes: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.float32], Rows, int]]:
    """Yield each crop: its video's name and labels [K], its rows [T,D] and how many are valid."""
    for video in videos:
        name = video.item.video_id
        try:
            labels = label_vector(video.item.labels, classes)
            fitted = [fit_to_window(crop, window) for crop in video.segments]
        except ValueError as error:
            raise ValueError(f"video {name}: {error}") from error
        yield from ((name, labels, rows, length) for rows, length in fitted)


def _check(features: Rows) -> None:
    if features.ndim != 2 or len(features) == 0 or not np.isfinite(features).all():
        raise ValueError(
            f"got features of shape {features.shape}, expected one or more rows of finite numbers"
        )


def _pad(features: Rows, rows: int) -> Rows:
    return np.pad(features, ((0, rows - len(features)), (0, 0)))
