"""Which weights are the best, asked without looking at the test split.

The ``heldout`` protocol sets aside a share of the training videos, by video and never by crop, and
ranks weights by how well they tell those videos' weak labels: nothing finer is known of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model.data import TrainingSet
from model.dsanet import Dsanet
from model.losses import bag_mean
from model.metrics import average_precision, roc_auc

SHARE = 0.2
"""Part of each class's training videos that is held out."""


@dataclass(frozen=True, slots=True, order=True)
class Selection:
    """How good some weights are; larger is better.

    ``metric`` is an AUC or AP in [0, 1]; ``likelihood`` (the negative mean loss) decides between
    equal ones, which few videos make frequent.
    """

    metric: float
    likelihood: float = 0.0


def held_out_videos(
    labels: Sequence[tuple[str, ...]], seed: int, share: float = SHARE
) -> frozenset[int]:
    """Return the indices of the videos to hold out: of every set of labels the same share, seeded.

    A set of labels that only one video has keeps it for training.

    Raises:
        ValueError: Too few videos to hold out any of both kinds.
    """
    random = np.random.default_rng(seed)
    by_labels: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, names in enumerate(labels):
        by_labels[names].append(index)
    held: set[int] = set()
    for names in sorted(by_labels):
        members = by_labels[names]
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        held.update(int(i) for i in random.permutation(members)[:count])
    return frozenset(held)


@torch.inference_mode()
def video_selection(model: Dsanet, held: TrainingSet, metric: str, batch: int = 64) -> Selection:
    """Return how well ``model`` tells held-out videos by their labels.

    A video's score is what training sees of it: the mean of its highest segment scores. The metric
    is taken over videos, with as many samples of each as ``held`` has crops.

    Raises:
        ValueError: The held-out videos are all normal or all anomalous.
    """
    text = model.text()
    scores: list[Tensor] = []
    for samples in torch.split(torch.arange(len(held)), batch):
        chosen = held.batch(samples)
        logits = model.segment_logits(chosen.features, chosen.lengths, text)
        scores.append(bag_mean(logits.score.sigmoid().unsqueeze(-1), chosen.lengths).squeeze(-1))
    score = torch.cat(scores).float()
    truth = held.anomalous
    loss = functional.binary_cross_entropy(score, truth.float())
    rank = average_precision if metric == "ap" else roc_auc
    return Selection(rank(truth.cpu().numpy(), score.cpu().numpy()), -float(loss))
