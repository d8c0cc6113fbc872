"""The model card: what a checkpoint is and how well it does, for whoever finds it on a hub.

Markdown with the front matter that hubs read. It holds no path of the machine that it was made on.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from extract.crops import crop_side
from extract.recipe import IMPORTED, Recipe
from model.checkpoint import Checkpoint
from stores.calibration import Calibration
from stores.features.feature_set import Coverage
from stores.files.names import one_line
from stores.files.typed import read_json
from stores.ranges import Count, Finite
from stores.records import SEGMENT_FRAMES

FILE = "README.md"

_PROTOCOLS = {
    "heldout": "a held-out share of the training videos",
    "paper": "the test split, as published: figures on other videos are lower",
    "published": "whoever published them; they were imported",
}
_NO_FIGURES = frozenset({"samples", "steps", "selection"})  # beside those in a checkpoint


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What ``metrics.json`` of an evaluation says that a card repeats.

    ``dataset`` is empty where an earlier version wrote it: the one of the training.
    """

    model_fingerprint: str
    videos: Count
    listed_videos: Count
    frames: Count
    metrics: dict[str, Finite]
    intervals: dict[str, tuple[Finite, Finite]]
    dataset: str = ""


def read_evaluation(folder: Path) -> Evaluated | None:
    """Return the evaluation in a folder, or None where there is none; errors as in read_json."""
    return read_json(folder / "metrics.json", Evaluated, remedy="evaluate again")


def write_card(
    checkpoint: Checkpoint,
    recipe: Recipe,
    calibration: Calibration | None,
    evaluated: Evaluated | None,
    gaps: Mapping[str, float],
) -> str:
    """Return the card; ``gaps`` are those of ONNX files to torch, by name."""
    provenance = checkpoint.provenance
    parts = [
        _front_matter(checkpoint),
        f"# {_plain(checkpoint.head)} on {_plain(provenance.dataset)}",
        "Scores every frame of a video from 0, normal, to 1, anomalous, and says what kind of "
        "anomaly it is. Trained with one label a video.",
        _table(("", ""), _facts(checkpoint, recipe)),
        "## Figures",
        *_figures(checkpoint, evaluated),
        "## Threshold",
        _calibrated(calibration),
        "## Use",
        _use(recipe),
        *_onnx(checkpoint, recipe, gaps),
        "## Limits",
        "It has seen the footage of its data set alone. On other views its scores are a ranking "
        "at best: calibrate it on videos of your own before you trust a threshold. Class "
        "probabilities tell those classes apart, and know no others. The licences of the encoder's "
        "weights and of the data set go on in what was made of them.",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(checkpoint: Checkpoint) -> str:
    lines = ["library_name: dsanet-pipeline", "pipeline_tag: video-classification", "tags:"]
    return "\n".join(["---", *lines, "- video-anomaly-detection", f"- {checkpoint.head}", "---"])


def _facts(checkpoint: Checkpoint, recipe: Recipe) -> Iterator[tuple[str, str]]:
    model, provenance = checkpoint.model, checkpoint.provenance
    yield "fingerprint", f"`{checkpoint.fingerprint}`"
    yield "classes", ", ".join(map(_plain, provenance.classes))
    yield "weights chosen by", _PROTOCOLS.get(provenance.protocol, _plain(provenance.protocol))
    yield "window", f"{model.window} segments of {SEGMENT_FRAMES} frames"
    if recipe.frames == IMPORTED.frames:
        yield "features", f"published ones of width {model.width}; how they were made is not known"
        return
    yield (
        "features",
        f"{recipe.resize}, {recipe.crops} crops, frames {recipe.frames}, tail {recipe.tail}, "
        f"{recipe.channels}, width {model.width}, in `recipe.json`",
    )
    yield "encoder", f"{_plain(recipe.model)} of open_clip, {recipe.precision}"
    yield "encoder's weights, by SHA-256", f"`{_plain(recipe.weights)}`"


def _figures(checkpoint: Checkpoint, evaluated: Evaluated | None) -> Iterator[str]:
    if evaluated is None:
        yield "No evaluation of these weights was at hand when this was written."
        figures = {k: v for k, v in checkpoint.metrics.items() if k not in _NO_FIGURES}
        if figures:
            yield "After its training the test split had:"
            yield _table(("figure", "value"), [(k, f"{v:.4f}") for k, v in figures.items()])
        return
    over = Coverage(evaluated.videos, evaluated.listed_videos)
    dataset = _plain(evaluated.dataset or checkpoint.provenance.dataset)
    yield (
        f"On {dataset}, {over}, {evaluated.frames:,} frames. An interval holds 95 % of bootstrap "
        "draws of its videos."
    )
    rows = []
    for name, value in evaluated.metrics.items():
        low_high = evaluated.intervals.get(name)
        interval = f"{low_high[0]:.4f} to {low_high[1]:.4f}" if low_high else ""
        rows.append((_plain(name), f"{value:.4f}", interval))
    yield _table(("figure", "value", "95 % interval"), rows)


def _calibrated(calibration: Calibration | None) -> str:
    if calibration is None:
        return "Not calibrated: events begin at a score of 0.5, which means nothing by itself."
    temperature = calibration.temperature
    scores = "left as they are" if temperature is None else f"at a temperature of {temperature:.3f}"
    made_of = f"the {calibration.split} split of {_plain(calibration.dataset)}"
    if calibration.split == "normal":
        made_of = "footage in which nothing happened"
    recall = calibration.recall
    finds = "" if recall is None else f"finds {100 * recall:.1f} % of its events at "
    doubts = f" It is worth little: {'; '.join(calibration.doubts)}." if calibration.doubts else ""
    return (
        f"Calibrated on {made_of} "
        f"({calibration.videos} videos, {calibration.hours:.2f} hours): {calibration.chosen_by}. "
        f"The threshold is {calibration.rule.threshold:.4f}, which {finds or 'makes '}"
        f"{calibration.false_alarms_per_hour:.2f} false alarms an hour; scores are {scores}."
        f"{doubts}"
    )


def _use(recipe: Recipe) -> str:
    if recipe.frames == IMPORTED.frames:
        return "It scores features of its kind (`evaluate`), and no videos."
    return (
        "```\npython -m pipeline score --videos FOLDER --checkpoint THIS_FOLDER\n```\n\n"
        "In place of the folder the name of a repository does, `hf://owner/name`. CLIP's weights "
        "are not in here: `--weights` names their file or tag where the checkpoint's own is not "
        "found, and others than those above are refused. `sha256sum --check SHA256SUMS` tells "
        "whether everything arrived."
    )


def _onnx(checkpoint: Checkpoint, recipe: Recipe, gaps: Mapping[str, float]) -> Iterator[str]:
    if not gaps:
        return
    model, side = checkpoint.model, crop_side(recipe)
    rows = {
        "encoder.onnx": (
            f"`images` uint8 [batch, 3, {side}, {side}], {recipe.channels}",
            f"`features` [batch, {model.width}]",
        ),
        "scorer.onnx": (
            f"`features` float32 [batch, {model.window}, {model.width}], zero from each length on; "
            "`lengths` int64 [batch]",
            f"`score` [batch, {model.window}], `probabilities` [batch, {model.window}, "
            f"{model.classes}]",
        ),
    }
    yield "## ONNX"
    yield _table(
        ("file", "in", "out", "gap to torch"),
        [(name, *rows[name], f"{gap:.0e}") for name, gap in gaps.items()],
    )
    yield (
        f"Float32. A segment's feature is the mean of its {SEGMENT_FRAMES} frames' (or of the one "
        "frame that the recipe names), a frame's score that of its segment. The calibration's "
        "temperature is in the scorer."
    )


def _table(head: Sequence[str], rows: Sequence[tuple[str, ...]] | Iterator[tuple[str, ...]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Return a text that Markdown and HTML show as it is, on one line."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(one_line(text), quote=False))
