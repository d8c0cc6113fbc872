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
    labels: Sequence[tuple[str, ...]], normal: str, seed: int, share: float = SHARE
) -> frozenset[int]:
    """Return the indices of the videos to hold out: of every set of labels the same share, seeded.

    A set of labels that only one video has keeps it for training; where that leaves out all
    anomalous videos, the share is taken of normal and of anomalous videos instead.

    Raises:
        ValueError: There are not two videos of either kind, so none can be spared.
    """
    kinds = ["normal" if names == (normal,) else "anomalous" for names in labels]
    if min(kinds.count("normal"), kinds.count("anomalous")) < 2:
        raise ValueError(
            f"got {kinds.count('normal')} normal and {kinds.count('anomalous')} anomalous training "
            "videos, expected two of each at least: one of each is held out"
        )
    held = _share_of(["-".join(names) for names in labels], seed, share)
    if len({kinds[index] for index in held}) < 2:
        held = _share_of(kinds, seed, share)
    return held


def _share_of(strata: Sequence[str], seed: int, share: float) -> frozenset[int]:
    """Return a seeded share of every stratum, one at least, and never all of it."""
    random = np.random.default_rng(seed)
    members: dict[str, list[int]] = defaultdict(list)
    for index, stratum in enumerate(strata):
        members[stratum].append(index)
    held: set[int] = set()
    for stratum in sorted(members):
        own = members[stratum]
        count = min(max(round(share * len(own)), 1), len(own) - 1)
        held.update(int(i) for i in random.permutation(own)[:count])
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
