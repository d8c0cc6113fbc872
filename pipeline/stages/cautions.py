"""What has to be said of a checkpoint or its scores before anybody trusts them, in sentences.

The one place that decides it: the console's last lines and the first ones of every page are these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from extract.recipe import TINY_MODEL, recipe_from_json
from stores.calibration import Calibration
from stores.records import EventRule
from stores.scores.schema import CalibrationKind, FeatureKind, ScoreHeader

if TYPE_CHECKING:
    from model.checkpoint import Provenance  # it brings torch along, which pages need not

PUBLISHED = "published"
"""The protocol of an imported checkpoint, whose training nobody here has seen."""

_FEATURES: Mapping[FeatureKind, str] = {
    "demo": "the model was trained with the demo's random CLIP: it shows how things work, and "
    "knows nothing of real footage",
    "guess": "the recipe of the features is a guess: the model was imported, and how the features "
    "that it was trained on were made was never published",
    "unknown": "the features were imported: how they were made is stated, not known, and figures "
    "hold for those files alone",
}
_CALIBRATED: Mapping[CalibrationKind, str] = {
    "no": "not calibrated: no calibration chose the threshold of {threshold:g}, so nobody knows "
    "how many events are false alarms; run calibrate to choose one",
    "doubtful": "the calibration was installed although it is worth little; run calibrate again to "
    "see why",
}


def cautions_of(header: ScoreHeader) -> tuple[str, ...]:
    """Return what is to be said of scores with this header, one sentence each; often nothing."""
    features = _FEATURES.get(header.features, "")
    calibrated = _CALIBRATED.get(header.calibrated, "")
    said = (features, calibrated.format(threshold=header.rule.threshold))
    return tuple(each for each in said if each)


def feature_kind(provenance: Provenance) -> FeatureKind:
    """Return how far the recipe of a checkpoint's features is known."""
    try:
        recipe = recipe_from_json(provenance.recipe, "checkpoint")
    except ValueError:  # of another version
        return "unknown"
    if recipe.model == TINY_MODEL:
        return "demo"
    if recipe.frames == "unknown":
        return "unknown"
    return "guess" if provenance.protocol == PUBLISHED else "known"


def calibration_kind(calibration: Calibration | None, rule: EventRule) -> CalibrationKind:
    """Return whose rule a rule is; one that is the calibration's but for an option is nobody's."""
    if calibration is None or calibration.rule != rule:
        return "no"
    return "doubtful" if calibration.doubts else calibration.split
