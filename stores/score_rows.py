"""The rows of ``events/`` and ``videos/``, few and short, and the schemas of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from stores.events import ScoredEvent
from stores.names import printable
from stores.records import DecodeAudit, Failure, VideoScores

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
