"""Where scores come from: the run's settings, its model and recipe, and the software."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.outputs import settings_file
from pipeline.views.report.records import Section
from stores.files.typed import Document, decode_json, read_json
from stores.records import StoreError
from stores.scores.schema import CalibrationKind, ScoreHeader

logger = logging.getLogger(__name__)

_PACKAGES = (
    *("dsanet-pipeline", "torch", "open_clip_torch", "av"),
    *("decord2", "numpy", "pyarrow", "ray"),
)
_SHOWN_ELSEWHERE = frozenset({"recipe", "recipe_fingerprint", "prompts", "key", "classes"})

_CALIBRATED: Mapping[CalibrationKind, str] = {
    "no": "no",
    "test": "yes, on a labelled test split",
    "normal": "yes, on footage in which nothing happened: what it misses is not known",
    "doubtful": "yes, by a calibration that is worth little",
}

Json = Mapping[str, object]


def find_origin(folder: Path, header: ScoreHeader) -> list[Section]:
    """Return what is known of a folder's scores; a file that is gone leaves its section out."""
    run, evaluation = _run(folder), _read(folder / "metrics.json")
    checkpoint = _checkpoint(run or evaluation)
    content = _content(checkpoint)
    sections = [
        Section("Events", _rule(header)),
        Section("Scoring run", list(_settings(run))),
        Section("Evaluation", list(_figures(evaluation))),
        Section("Model", list(_model(folder, header, checkpoint, content))),
        Section("Recipe of the features", list(_recipe(header, checkpoint, content))),
        Section("Software that wrote this report", list(_versions())),
    ]
    return [section for section in sections if section.entries]


def remark_on(folder: Path) -> str:
    """Return what readers have to know of scores that no trained head gave; else nothing."""
    content = _content(_checkpoint(_run(folder) or _read(folder / "metrics.json")))
    provenance = content.get("provenance")
    if not isinstance(provenance, dict) or content.get("training", {}) is not None:
        return ""
    texts = provenance.get("prompts")
    own = texts if isinstance(texts, list) else []
    return f"{provenance.get('protocol')}. Texts: {'; '.join(_text(each) for each in own)}"


def _run(folder: Path) -> Json:
    return _read(settings_file(folder, "score")) or _read(settings_file(folder, "watch"))


def _checkpoint(made_by: Json) -> str:
    return str(made_by.get("checkpoint", ""))


def _content(checkpoint: str) -> Json:
    return _read(Path(checkpoint) / "checkpoint.json") if checkpoint else {}


def _rule(header: ScoreHeader) -> list[tuple[str, str]]:
    rule = header.rule
    return [
        ("reach a score of", f"{rule.threshold:g}"),
        ("stay at or above", f"{rule.threshold * rule.release:g}"),
        ("last at least", f"{rule.minimum_frames} frames"),
        ("end at a gap of more than", f"{rule.longest_gap:g} s"),
        ("calibrated", _CALIBRATED[header.calibrated]),
        ("classes", ", ".join(header.classes)),
    ]


def _settings(run: Json) -> Iterator[tuple[str, str]]:
    """Yield the settings of a run; that a calibration might be used says not that one was."""
    events = run.get("events")
    if isinstance(events, dict):
        run = {**run, "events": {k: v for k, v in events.items() if k != "calibrated"}}
    return _flat(run)


def _figures(evaluation: Json) -> Iterator[tuple[str, str]]:
    metrics = evaluation.get("metrics")
    videos, listed = evaluation.get("videos"), evaluation.get("listed_videos")
    over = "" if listed in (None, videos) else f" ({videos} of {listed} test videos)"
    if isinstance(metrics, dict):
        for name in ("auc", "ap", "map"):
            if isinstance(metrics.get(name), float):
                yield name, f"{100 * metrics[name]:.2f} %{over}"


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


def _recipe(header: ScoreHeader, checkpoint: str, content: Json) -> Iterator[tuple[str, str]]:
    yield "fingerprint", header.recipe_fingerprint
    provenance = content.get("provenance")
    if isinstance(provenance, dict):
        text = provenance.get("recipe")
        if text and provenance.get("recipe_fingerprint") == header.recipe_fingerprint:
            source = f"{Path(checkpoint) / 'checkpoint.json'}: recipe"
            yield from _flat(_sound(lambda: decode_json(str(text), Document, source)) or {})


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
    """Return the object in a JSON file; an empty one where there is none, or no sound one."""
    return _sound(lambda: read_json(path, Document)) or {}


def _sound(read: Callable[[], Json | None]) -> Json | None:
    """Return what is read; None, with a warning, where it is damaged: a report needs none of it."""
    try:
        return read()
    except StoreError as error:
        logger.warning("left out of the report: %s", error)
        return None
