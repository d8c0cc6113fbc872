"""A model ready to score the features of videos, from a checkpoint or in training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from model.checkpoint import Checkpoint, rebuild
from model.dsanet import Dsanet
from model.score import score_segments, to_frames
from stores.records import VideoFeatures, VideoScores


@dataclass(frozen=True, slots=True)
class Scorer:
    """What scoring needs: the model, its class texts, the temperature and which of ten crops.

    ``score_temperature`` is a calibrated model's, see ``model.score.score_segments``.
    """

    model: Dsanet
    text: Float[Tensor, "k d"]
    temperature: float
    test_crop: int
    score_temperature: float | None = None

    def score(self, video: VideoFeatures) -> VideoScores:
        """Return a score and class probabilities for every frame of a video.

        Of several crops the test crop is scored, as published.
        """
        crop = self.test_crop if video.segments.shape[0] > 1 else 0
        score, probabilities = score_segments(
            self.model,
            video.segments[crop],
            self.temperature,
            text=self.text,
            score_temperature=self.score_temperature,
        )
        return VideoScores(
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
