"""Metrics of whole videos: is a video told from the others, and is it given the right class?

A video's score, and its probability of a class, are what training sees of it: the mean of the
highest segments, ⌊S/16⌋ + 1 of them (paper, section 3), counted in frames here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.evaluation.metrics import Scores, roc_auc
from stores.records import SEGMENT_FRAMES


def highest_mean(values: Scores) -> NDArray[np.float64]:
    """Return the mean of the highest ⌊S/16⌋ + 1 segments' frames of each column of [F,K]: [K]."""
    segments = -(-len(values) // SEGMENT_FRAMES)
    count = min(SEGMENT_FRAMES * (segments // SEGMENT_FRAMES + 1), len(values))
    highest = np.partition(values, len(values) - count, axis=0)[len(values) - count :]
    return highest.mean(axis=0, dtype=np.float64)


def video_table(scores: Sequence[Scores], probabilities: Sequence[Scores]) -> NDArray[np.float64]:
    """Return [V,K]: each video's anomaly score in column 0, then its probability of each anomaly.

    Given are each video's score [F] and class probabilities [F,K].
    """
    pairs = zip(scores, probabilities, strict=True)
    columns = [np.concatenate([score[:, None], own[:, 1:]], axis=1) for score, own in pairs]
    return np.stack([highest_mean(own) for own in columns])


def class_aucs(
    table: NDArray[np.float64], labels: Sequence[Sequence[str]], classes: Sequence[str]
) -> dict[str, float]:
    """Return how well videos of each class are told from all others, by the class's own column.

    The normal class is ranked by the score, lowest first. A class that no video or every video has
    is left out.
    """
    aucs = {}
    for index, name in enumerate(classes):
        truth = np.array([name in own for own in labels])
        if 0 < truth.sum() < len(truth):
            aucs[name] = roc_auc(truth, -table[:, 0] if index == 0 else table[:, index])
    return aucs


def confusion(
    table: NDArray[np.float64],
    labels: Sequence[Sequence[str]],
    classes: Sequence[str],
    threshold: float,
) -> NDArray[np.int64]:
    """Return [K,K], how many videos of a class (row) were taken for which (column).

    A video below the threshold is taken for normal, any other for its likeliest anomaly. A video of
    several classes counts as the one it was taken for if that is among them, else as its first.
    """
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    taken = np.where(table[:, 0] >= threshold, table[:, 1:].argmax(axis=1) + 1, 0)
    for own, column in zip(labels, taken.tolist(), strict=True):
        name = classes[column] if classes[column] in own else own[0]
        counts[classes.index(name), column] += 1
    return counts
