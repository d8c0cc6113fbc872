"""Which weights are the best, asked without looking at the test split.

The ``heldout`` protocol sets aside a share of the training videos, by video and never by crop, and
ranks weights by how well they tell those videos' weak labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model.evaluation.metrics import average_precision, roc_auc
from model.heads.bags import bag_mean
from model.heads.segment_scorer import SegmentScorer
from model.training.config import Metric
from model.training.data import TrainingSet

SHARE = 0.2
"""Part of each class's training videos that is held out."""


@dataclass(frozen=True, slots=True, order=True)
class Selection:
    """How good some weights are: larger is better.

    ``metric`` is an AUC or AP in [0, 1]; ``likelihood``, the negative mean loss, decides between
    equal ones, which few videos make frequent.
    """

    metric: float
    likelihood: float = 0.0


def held_out_videos(
    labels: Sequence[tuple[str, ...]], groups: Sequence[str], normal: str, seed: int
) -> frozenset[int]:
    """Return the indices of the videos to hold out: of every set of labels the same share, seeded.

    Videos of one group, cut from one recording, are held out together or not at all, so that the
    choice is not made on scenes that were trained on; an empty group is a video of its own. A set
    of labels that only one video or group has keeps it for training; where that leaves out all
    anomalous videos, the share is taken of normal and of anomalous videos instead.

    Raises:
        ValueError: There are not two groups of either kind, so none can be spared.
    """
    kinds = ["normal" if names == (normal,) else "anomalous" for names in labels]
    if min(kinds.count("normal"), kinds.count("anomalous")) < 2:
        raise ValueError(
            f"got {kinds.count('normal')} normal and {kinds.count('anomalous')} anomalous training "
            "videos, expected two of each at least: one of each is held out"
        )
    for strata in (["-".join(names) for names in labels], kinds):
        held = _share_of(strata, groups, seed)
        if len({kinds[index] for index in held}) == 2:
            return held
    raise ValueError(
        "all normal or all anomalous training videos are of one recording; to hold some out, "
        "two of each kind are needed"
    )


def _share_of(strata: Sequence[str], groups: Sequence[str], seed: int) -> frozenset[int]:
    """Return a seeded share of every stratum, in whole groups, and never all of a stratum."""
    random = np.random.default_rng(seed)
    members: dict[str, list[int]] = defaultdict(list)
    together: dict[str | int, list[int]] = defaultdict(list)
    for index, stratum in enumerate(strata):
        members[stratum].append(index)
        together[groups[index] or index].append(index)
    held: set[int] = set()
    for _, own in sorted(members.items()):
        count = min(max(round(SHARE * len(own)), 1), len(own) - 1)
        for index in random.permutation(own).tolist():
            if len(held.intersection(own)) >= count:
                break
            taken = held.union(together[groups[index] or index])
            if not any(taken.issuperset(others) for others in members.values()):
                held = taken
    return frozenset(held)


@torch.inference_mode()
def video_selection(
    scorer: SegmentScorer, held: TrainingSet, metric: Metric, *, fine: bool = False
) -> Selection:
    """Return how well ``scorer`` tells held-out videos by their labels.

    A video's score is what training sees of it: the mean of its highest segment scores. The metric
    is taken over videos, with as many samples of each as ``held`` has crops. ``fine``: a segment's
    score is what its class probabilities leave to anomalies.

    Raises:
        ValueError: The held-out videos are all normal or all anomalous.
    """
    scores: list[Tensor] = []
    frozen = scorer.frozen()
    for samples in torch.split(torch.arange(len(held)), 64):
        chosen = held.batch(samples)
        found = frozen(chosen.features.float(), chosen.lengths)
        own = 1 - found.probabilities[..., 0] if fine else found.score
        scores.append(bag_mean(own.unsqueeze(-1), chosen.lengths).squeeze(-1))
    score = torch.cat(scores).float()
    truth = held.anomalous
    loss = functional.binary_cross_entropy(score, truth.float())
    rank = average_precision if metric == "ap" else roc_auc
    return Selection(rank(truth.cpu().numpy(), score.cpu().numpy()), -float(loss))
