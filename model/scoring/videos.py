"""A model ready to score the features of videos, from a checkpoint or in training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import tee

import torch
from jaxtyping import Float
from torch import Tensor

from model.checkpoint import Checkpoint, rebuild
from model.heads.dsanet.model import Dsanet
from model.scoring.scorer import Logits, Temperatures, score_videos, to_frames
from stores.records import VideoFeatures, VideoScores


@dataclass(frozen=True, slots=True)
class Scorer:
    """What scoring needs: the model, its class texts, the temperature and which of ten crops.

    ``score_temperature`` is a calibrated model's (see ``Temperatures``); ``logits`` is given where
    the model's own are compiled.
    """

    model: Dsanet
    text: Float[Tensor, "k d"]
    temperature: float
    test_crop: int
    score_temperature: float | None = None
    logits: Logits | None = None

    def score(self, video: VideoFeatures) -> VideoScores:
        """Return a score and class probabilities for every frame of a video."""
        return next(self.score_all([video]))

    def score_all(self, videos: Iterable[VideoFeatures]) -> Iterator[VideoScores]:
        """Yield the scores of videos in order; short ones share a batch.

        Of several crops the test crop is scored, as published.
        """
        first, second = tee(videos)
        crops = (v.segments[self.test_crop if v.segments.shape[0] > 1 else 0] for v in first)
        temperatures = Temperatures(self.temperature, self.score_temperature)
        scored = score_videos(self.model, crops, temperatures, text=self.text, logits=self.logits)
        for video, (score, probabilities) in zip(second, scored, strict=True):
            yield VideoScores(
                item=video.item,
                times=video.times,
                score=to_frames(score, video.frames),
                probabilities=to_frames(probabilities, video.frames),
                audit=video.audit,
            )


def scorer_of(
    checkpoint: Checkpoint, device: torch.device, score_temperature: float | None = None
) -> Scorer:
    """Return the scorer of a checkpoint; a StoreError says that its weights do not fit."""
    return Scorer(
        model=rebuild(checkpoint, device),
        text=checkpoint.text.to(device),
        temperature=checkpoint.training.temperature,
        test_crop=checkpoint.provenance.test_crop,
        score_temperature=score_temperature,
    )
