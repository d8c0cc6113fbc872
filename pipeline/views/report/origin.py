"""Where scores come from: the run's settings, its model and recipe, and the software."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.outputs import settings_file
from pipeline.views.report.records import Section
from stores.scores.schema import ScoreHeader

_PACKAGES = (
    *("dsanet-pipeline", "torch", "open_clip_torch", "av"),
    *("decord2", "numpy", "pyarrow", "ray"),
)
_SHOWN_ELSEWHERE = frozenset({"recipe", "recipe_fingerprint", "prompts", "key", "classes"})

Json = Mapping[str, object]


def find_origin(folder: Path, header: ScoreHeader) -> list[Section]:
    """Return what is known of a folder's scores; a file that is gone leaves its section out."""
    run = _read(settings_file(folder, "score")) or _read(settings_file(folder, "watch"))
    evaluation = _read(folder / "metrics.json")
    checkpoint = str((run or evaluation).get("checkpoint", ""))
    content = _read(Path(checkpoint) / "checkpoint.json") if checkpoint else {}
    sections = [
        Section("Events", _rule(header)),
        Section("Scoring run", list(_flat(run))),
        Section("Evaluation", list(_figures(evaluation))),
        Section("Model", list(_model(folder, header, checkpoint, content))),
        Section("Recipe of the features", list(_recipe(header, content))),
        Section("Software that wrote this report", list(_versions())),
    ]
    return [section for section in sections if section.entries]


def _rule(header: ScoreHeader) -> list[tuple[str, str]]:
    rule = header.rule
    return [
        ("reach a score of", f"{rule.threshold:g}"),
        ("stay at or above", f"{rule.threshold * rule.release:g}"),
        ("last at least", f"{rule.minimum_frames} frames"),
        ("classes", ", ".join(header.classes)),
    ]


def _figures(evaluation: Json) -> Iterator[tuple[str, str]]:
    metrics = evaluation.get("metrics")
    if isinstance(metrics, dict):
        for name in ("auc", "ap", "map"):
            if isinstance(metrics.get(name), float):
                yield name, f"{100 * metrics[name]:.2f} %"


def _model(
    folder: Path, header: ScoreHeader, checkpoint: str, content: Json
) -> Iterator[tuple[str, str]]:
    yield "fingerprint", header.model_fingerprint
    if not checkpoint:
        return
    yield "checkpoint", checkpoint
    if not content:
        yield "note", "the checkpoint is no longer there"
        return
    written, scored = Path(checkpoint) / "checkpoint.json", folder / "videos"
    if written.stat().st_mtime > scored.stat().st_mtime:
        yield "note", "the checkpoint was written anew since"
    else:
        for name in ("provenance", "training", "model"):
            part = content.get(name)
            if isinstance(part, dict):
                yield from _flat({k: v for k, v in part.items() if k not in _SHOWN_ELSEWHERE})


def _recipe(header: ScoreHeader, content: Json) -> Iterator[tuple[str, str]]:
    yield "fingerprint", header.recipe_fingerprint
    provenance = content.get("provenance")
    if isinstance(provenance, dict):
        text = provenance.get("recipe")
        if text and provenance.get("recipe_fingerprint") == header.recipe_fingerprint:
            yield from _flat(json.loads(text))


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", platform.python_version()
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            yield package, version(package)


def _flat(content: Json) -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value)
        elif value not in (None, ""):
            yield name.replace("_", " "), _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _read(path: Path) -> Json:
    """Return the object in a JSON file, an empty one where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
