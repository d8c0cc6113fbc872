"""What a checkpoint scores videos with: recipe, CLIP's weights, calibration and event rule."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from extract.clip_weights import resolve_weights
from extract.recipe import Recipe, recipe_from_json
from model.checkpoint import Checkpoint, build_scorer, load_checkpoint
from model.heads.segment_scorer import SegmentScorer
from pipeline.options import EventOptions, check_options
from pipeline.stages.cautions import calibration_kind, feature_kind
from stores.calibration import FILE, Calibration, load_calibration
from stores.files.hashes import check_hash
from stores.records import EventRule, StoreError
from stores.scores.schema import ScoreHeader

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScoringPlan:
    """A checkpoint with all that turns videos into its scores; ``source`` is where CLIP's are."""

    checkpoint: Checkpoint
    recipe: Recipe
    source: str
    header: ScoreHeader

    def build_scorer(self, device: torch.device) -> SegmentScorer:
        """Return the scorer on a device; a StoreError says that the weights do not fit."""
        return build_scorer(self.checkpoint, device, self.header.score_temperature)


def make_scoring_plan(path: Path, weights: str, events: EventOptions) -> ScoringPlan:
    """Return what the checkpoint at ``path`` scores videos with.

    Raises:
        StoreError: No checkpoint or a damaged one, or one of features of an unknown recipe.
        ValueError: CLIP weights that are not those of its features, or options out of range.
    """
    check_options(events)
    checkpoint = load_checkpoint(path)
    recipe = recipe_from_json(checkpoint.provenance.recipe, path)
    if recipe.frames == "unknown":
        raise StoreError(
            f"{path} scores published features, and how those are made of a video is not "
            "known; import it with --recipe vadclip to score videos on a guess"
        )
    source = weights or _named_weights(path, checkpoint, recipe)
    if recipe.weights != resolve_weights(recipe.model, source):
        raise ValueError(
            f"weights {source!r} of {recipe.model} are not those the checkpoint's features were "
            "made with; give WEIGHTS=<that file or tag>"
        )
    calibration = find_calibration(path, checkpoint) if events.calibrated else None
    rule = resolve_rule(events, calibration)
    header = ScoreHeader(
        classes=checkpoint.provenance.classes,
        model_fingerprint=checkpoint.fingerprint,
        recipe_fingerprint=recipe.fingerprint,
        rule=rule,
        score_temperature=None if calibration is None else calibration.temperature,
        features=feature_kind(checkpoint.provenance),
        calibrated=calibration_kind(calibration, rule),
    )
    return ScoringPlan(checkpoint, recipe, source, header)


def _named_weights(path: Path, checkpoint: Checkpoint, recipe: Recipe) -> str:
    """Return the weights that a checkpoint names; StoreError where it is a file of elsewhere."""
    source = checkpoint.provenance.clip_weights
    file = Path(source).expanduser()
    if (file.suffix or len(file.parts) > 1) and not file.is_file():
        raise StoreError(
            f"{path} was made with CLIP weights in {source}, which is not here; give --weights "
            f"<that file>, whose SHA-256 begins with {recipe.weights[:16]}"
        )
    return source


def resolve_rule(
    events: EventOptions, calibration: Calibration | ScoreHeader | None = None
) -> EventRule:
    """Return the rule that options ask for, over the calibration's or header's, over defaults."""
    rule = EventRule() if calibration is None else calibration.rule
    return replace(
        rule,
        threshold=rule.threshold if events.threshold is None else events.threshold,
        release=rule.release if events.release is None else events.release,
        minimum_frames=events.minimum_frames or rule.minimum_frames,
        longest_gap=events.longest_gap or rule.longest_gap,
    )


def find_calibration(path: Path, checkpoint: Checkpoint) -> Calibration | None:
    """Return the calibration that belongs to a checkpoint; one of another is logged, not used."""
    folder = path.parent if path.is_file() else path
    check_hash(folder / FILE)
    calibration = load_calibration(folder)
    if calibration is not None and calibration.model_fingerprint != checkpoint.fingerprint:
        logger.warning(
            "%s belongs to another checkpoint (%s, now %s) and is not used; run calibrate again",
            folder / FILE,
            calibration.model_fingerprint,
            checkpoint.fingerprint,
        )
        return None
    return calibration
