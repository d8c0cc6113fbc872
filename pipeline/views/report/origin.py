"""Where scores come from: the run's settings, its model and recipe, and the software."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.views.report.records import Section
from stores.scores.schema import ScoreHeader

_PACKAGES = (
    *("dsanet-pipeline", "torch", "open_clip_torch", "av"),
    *("decord2", "numpy", "pyarrow", "ray"),
)
_FIGURES = ("auc", "ap", "map")
_TOLD_ELSEWHERE = frozenset({"recipe", "recipe_fingerprint", "prompts", "key", "classes"})

Json = Mapping[str, object]


def find_origin(folder: Path, header: ScoreHeader) -> list[Section]:
    """Return what is known of a folder's scores; a file that is gone leaves its section out."""
    run = _read(folder / "score.json") or _read(folder / "watch.json")
    evaluation = _read(folder / "metrics.json")
    checkpoint = str((run or evaluation).get("checkpoint", ""))
    sections = [
        Section("Events", _rule(header)),
        Section("Scoring run", list(_flat(run))),
        Section("Evaluation", list(_figures(evaluation))),
        Section("Model", _model(folder, header, checkpoint)),
        Section("Recipe of the features", _recipe(header, checkpoint)),
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
        for name in _FIGURES:
            if isinstance(metrics.get(name), float):
                yield name, f"{100 * metrics[name]:.2f} %"


def _model(folder: Path, header: ScoreHeader, checkpoint: str) -> list[tuple[str, str]]:
    entries = [("fingerprint", header.model_fingerprint)]
    if not checkpoint:
        return entries
    entries.append(("checkpoint", checkpoint))
    content = _read(Path(checkpoint) / "checkpoint.json")
    if not content:
        return [*entries, ("note", "the checkpoint is no longer there")]
    if _is_newer(Path(checkpoint) / "checkpoint.json", folder / "videos"):
        return [*entries, ("note", "the checkpoint was written anew since")]
    for name in ("provenance", "training", "model"):
        part = content.get(name)
        if isinstance(part, dict):
            entries += _flat({key: part[key] for key in part if key not in _TOLD_ELSEWHERE})
    return entries


def _recipe(header: ScoreHeader, checkpoint: str) -> list[tuple[str, str]]:
    entries = [("fingerprint", header.recipe_fingerprint)]
    provenance = _read(Path(checkpoint) / "checkpoint.json").get("provenance") if checkpoint else {}
    if isinstance(provenance, dict):
        text = provenance.get("recipe")
        if text and provenance.get("recipe_fingerprint") == header.recipe_fingerprint:
            entries += list(_flat(json.loads(text)))
    return entries


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
            yield name.replace("_", " "), _told(value)


def _told(value: object) -> str:
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


def _is_newer(path: Path, other: Path) -> bool:
    return path.stat().st_mtime > other.stat().st_mtime
