"""Rankings within videos and within classes, which telling videos apart does not raise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.evaluation.metrics import Scores, Truth, roc_auc


def within_video_aucs(truths: Sequence[Truth], scores: Sequence[Scores]) -> list[float]:
    """Return the AUC of each video that has frames of both kinds (arXiv 2608.11985: their mean).

    Given are one truth [F] and one score [F] a video; videos of one kind are left out.
    """
    pairs = zip(truths, scores, strict=True)
    return [roc_auc(truth, score) for truth, score in pairs if truth.any() and not truth.all()]


def padded_aucs(truths: Sequence[Truth], scores: Sequence[Scores]) -> list[float]:
    """Return the AUC of every video between a normal frame of score 0 and an anomalous one of 1.

    So UBnormal's script ("macro AUC"): normal videos count, and all but empty ones come near 1.
    """
    return [
        roc_auc(np.concatenate([[False], truth, [True]]), np.concatenate([[0.0], score, [1.0]]))
        for truth, score in zip(truths, scores, strict=True)
    ]


def category_aucs(
    truths: Sequence[Truth],
    scores: Sequence[Scores],
    labels: Sequence[Sequence[str]],
    classes: Sequence[str],
) -> dict[str, float]:
    """Return the AUC over the frames of each anomaly class's videos, by class (arXiv 2608.11985).

    Any anomaly counts in them, and a video of several classes in each. A class whose videos have
    frames of one kind alone is left out; ``classes[0]`` is normal.
    """
    found = {}
    for name in classes[1:]:
        own = [index for index, labelled in enumerate(labels) if name in labelled]
        truth = np.concatenate([truths[index] for index in own] or [np.zeros(0, dtype=np.bool_)])
        if truth.any() and not truth.all():
            found[name] = roc_auc(truth, np.concatenate([scores[index] for index in own]))
    return found
