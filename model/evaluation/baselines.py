"""What the pooled AUC is worth on a test set: how far it goes without looking at a frame.

Both scores give all frames of a video the same, and need its truth alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.evaluation.metrics import Truth, area_under_roc, last_of_ties


def length_auc(truths: Sequence[Truth]) -> float:
    """Return the AUC of scoring every frame by less the number of frames of its video.

    Far from 0.5 on either side, videos are told apart by their length. ValueError: frames of one
    kind.
    """
    return _constant_auc(truths, -np.array([len(truth) for truth in truths], dtype=np.float64))


def video_label_auc(truths: Sequence[Truth]) -> float:
    """Return the AUC of knowing which videos have an anomaly, and nothing of where; errors same."""
    return _constant_auc(truths, np.array([truth.any() for truth in truths], dtype=np.float64))


def _constant_auc(truths: Sequence[Truth], score: NDArray[np.float64]) -> float:
    """Return the pooled AUC of one score a video [V]."""
    order = np.argsort(-score, kind="stable")
    anomalous = np.array([np.count_nonzero(truth) for truth in truths], dtype=np.float64)
    normal = np.array([len(truth) for truth in truths]) - anomalous
    if not (anomalous.any() and normal.any()):
        raise ValueError("got frames of one kind, expected some of either: no AUC is defined")
    last = last_of_ties(score[order])
    return area_under_roc(np.cumsum(anomalous[order])[last], np.cumsum(normal[order])[last])
