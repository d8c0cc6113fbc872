"""The rows of ``events/`` and ``videos/``, as columns and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from stores.files.names import printable
from stores.files.typed import convert
from stores.ranges import Count, Finite
from stores.records import Content, Failure, ScoredEvent, VideoScores


@dataclass(frozen=True, slots=True)
class ScoredVideo:
    """One row of ``videos/``, and the file of ``part`` that it was read from.

    ``status`` is that of :class:`DecodeAudit`, or ``failed``. Of two rows of a video the one of the
    higher ``generation`` counts.
    """

    video_id: str
    path: str
    status: str
    reason: str
    frames: Count
    seconds: Finite
    peak: Finite
    label: str
    events: Count
    clock_steps: Annotated[str, Meta(pattern=r"^[0-9 ]*$")] = ""
    file_size: int = 0
    file_modified: int = 0
    file_digest: str = ""
    generation: Count = 0
    part: str = ""

    @property
    def clock_step_frames(self) -> tuple[int, ...]:
        """The frames before which the file's clock steps."""
        return tuple(map(int, self.clock_steps.split()))

    @property
    def is_marked(self) -> bool:
        """Whether it was read, and does not hold what it announces."""
        return self.status in ("partial", "mismatch")

    @property
    def content(self) -> Content | None:
        """What the video's file held when it was read; None where that is not known."""
        if not self.file_digest:
            return None
        return Content(self.file_size, self.file_modified, self.file_digest)


def event_row(event: ScoredEvent) -> dict[str, Any]:
    """Return a found event as a row, without the name of its video."""
    row = asdict(event)
    return row | {"start_frame": row.pop("start"), "end_frame": row.pop("end")}


def event_of(row: dict[str, Any], part: Path) -> ScoredEvent:
    """Return the event that :func:`event_row` wrote; StoreError where a value is missing or odd."""
    fields = row | {"start": row["start_frame"], "end": row["end_frame"]}
    return convert(fields, ScoredEvent, f"{part}: event of {row.get('video_id')}")


def video_row(
    result: VideoScores, events: Sequence[ScoredEvent], generation: int
) -> dict[str, Any]:
    """Return the row of a scored video."""
    audit = result.audit
    audited = "decoder", "expected_frames", "duplicate_frames", "lost_frames", "container_seconds"
    return {
        "video_id": result.item.video_id,
        "path": printable(result.item.path),
        "status": "ok" if audit is None else audit.status,
        "reason": "" if audit is None else audit.mismatch or audit.note,
        "frames": result.score.shape[0],
        "seconds": float(result.times[-1]),
        **found_columns(result, events),
        **{name: getattr(audit, name, None) for name in audited},
        "clock_steps": " ".join(map(str, result.clock_steps)),
        "attempts": 1,
        **_content_columns(result.content),
        "generation": generation,
    }


def found_columns(result: VideoScores, events: Sequence[ScoredEvent]) -> dict[str, Any]:
    """Return what the rule and the temperature make of a video's row."""
    best = max(events, key=lambda event: event.peak, default=None)
    return {
        "peak": float(result.score.max()),
        "label": "" if best is None else best.label,
        "events": len(events),
    }


def failure_row(failure: Failure, generation: int) -> dict[str, Any]:
    """Return the row of a video that could not be read."""
    nothing = {"frames": 0, "seconds": 0.0, "peak": 0.0, "label": "", "events": 0}
    return {
        "video_id": failure.item.video_id,
        "path": printable(failure.item.path),
        "status": "failed",
        "reason": failure.reason,
        **nothing,
        "clock_steps": "",
        "attempts": failure.attempts,
        **_content_columns(failure.content),
        "generation": generation,
    }


def _content_columns(content: Content | None) -> dict[str, Any]:
    known = content or Content(0, 0, "")
    return {
        "file_size": known.size,
        "file_modified": known.modified,
        "file_digest": known.digest,
    }
