"""What the files of a folder of scores have in common, and the columns of each kind of file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from stores.files.names import printable
from stores.records import DecodeAudit, EventRule, Failure, ScoredEvent, VideoScores

SCHEMA_VERSION = "2"  # 1 had no duplicate_frames, nor the status "marked"

EVENTS_SCHEMA = pa.schema(
    [
        ("video_id", pa.string()),
        ("start_frame", pa.int32()),
        ("end_frame", pa.int32()),
        ("start_time", pa.float64()),
        ("end_time", pa.float64()),
        ("label", pa.string()),
        ("peak", pa.float32()),
        ("mean", pa.float32()),
    ]
)
VIDEOS_SCHEMA = pa.schema(
    [
        ("video_id", pa.string()),
        ("path", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("frames", pa.int32()),
        ("seconds", pa.float64()),
        ("peak", pa.float32()),
        ("label", pa.string()),
        ("events", pa.int32()),
        ("decoder", pa.string()),
        ("expected_frames", pa.int32()),
        ("duplicate_frames", pa.int32()),
        ("container_seconds", pa.float64()),
        ("attempts", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class ScoreHeader:
    """What every file of a folder of scores has in common, kept in its Parquet metadata.

    ``score_temperature`` is that of a calibrated model; None says that scores are as the model was
    trained to give them.
    """

    classes: tuple[str, ...]
    model_fingerprint: str
    recipe_fingerprint: str
    rule: EventRule
    score_temperature: float | None = None

    def metadata(self) -> dict[bytes, bytes]:
        """Return the key-value metadata of a file."""
        return {
            b"schema_version": SCHEMA_VERSION.encode(),
            b"classes": json.dumps(self.classes).encode(),
            b"model_fingerprint": self.model_fingerprint.encode(),
            b"recipe_fingerprint": self.recipe_fingerprint.encode(),
            b"event_rule": json.dumps(asdict(self.rule)).encode(),
            b"score_temperature": json.dumps(self.score_temperature).encode(),
        }


def scores_schema(header: ScoreHeader) -> pa.Schema:
    """Return the schema of ``scores/``: the fixed columns, then ``p_<class>`` for each class."""
    columns = [
        ("video_id", pa.dictionary(pa.int32(), pa.string())),
        ("frame", pa.int32()),
        ("time", pa.float64()),
        ("score", pa.float32()),
        ("label", pa.dictionary(pa.int32(), pa.string())),
        ("label_probability", pa.float32()),
        *[(f"p_{name}", pa.float32()) for name in header.classes],
    ]
    # Columns in which nothing can be missing take two thirds of the time to write.
    fields = [pa.field(name, kind, nullable=False) for name, kind in columns]
    return pa.schema(fields, metadata=header.metadata())


def event_row(event: ScoredEvent) -> dict[str, Any]:
    """Return a found event as a row, without the name of its video."""
    row = asdict(event)
    return row | {"start_frame": row.pop("start"), "end_frame": row.pop("end")}


def video_row(result: VideoScores, events: Sequence[ScoredEvent]) -> dict[str, Any]:
    """Return what is known of a scored video."""
    audit = result.audit
    best = max(events, key=lambda event: event.peak, default=None)
    return {
        "video_id": result.item.video_id,
        "path": printable(result.item.path),
        "status": _status(audit),
        "reason": "" if audit is None else audit.objection or audit.note,
        "frames": result.score.shape[0],
        "seconds": float(result.times[-1]),
        "peak": float(result.score.max()),
        "label": "" if best is None else best.label,
        "events": len(events),
        "decoder": None if audit is None else audit.decoder,
        "expected_frames": None if audit is None else audit.expected_frames,
        "duplicate_frames": None if audit is None else audit.duplicate_frames,
        "container_seconds": None if audit is None else audit.container_seconds,
        "attempts": 1,
    }


def _status(audit: DecodeAudit | None) -> str:
    if audit is None or not audit.objection:
        return "ok"
    return "partial" if audit.partial else "marked"


def failure_row(failure: Failure) -> dict[str, Any]:
    """Return what is known of a video that could not be read."""
    return {
        "video_id": failure.item.video_id,
        "path": printable(failure.item.path),
        "status": "failed",
        "reason": failure.reason,
        "frames": 0,
        "seconds": 0.0,
        "peak": 0.0,
        "label": "",
        "events": 0,
        "attempts": failure.attempts,
    }
