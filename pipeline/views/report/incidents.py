"""The events of all videos as incidents: when on the wall's clock, where, of which classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from pipeline.views.report.clocks import VideoClock
from pipeline.views.report.records import Incident, IncidentVideo
from stores.records import ScoredEvent, VideoScores
from stores.scores.rows import ScoredVideo

TILES = 6
"""Pictures of a preview: the peak's, then some over the event."""


def strongest(events: Mapping[str, Sequence[ScoredEvent]], most: int) -> frozenset[tuple[str, int]]:
    """Return ids of videos and first frames of the events with the highest peaks."""
    every = ((name, event) for name, found in events.items() for event in found)
    ranked = sorted(every, key=lambda each: (-each[1].peak, each[0], each[1].start))
    return frozenset((name, event.start) for name, event in islice(ranked, most))


def preview_times(event: ScoredEvent, scores: VideoScores) -> tuple[float, ...]:
    """Return the seconds of an event's pictures: its peak, then evenly over it."""
    peak = event.start + int(scores.score[event.start : event.end].argmax())
    frames = np.linspace(event.start, event.end - 1, TILES - 1).round().astype(int)
    return tuple(float(scores.times[frame]) for frame in (peak, *frames))


def incident_video(key: str, video: ScoredVideo, clock: VideoClock) -> IncidentVideo:
    """Return what the incidents of a video have in common."""
    return IncidentVideo(
        key=key,
        name=video.video_id,
        camera=clock.camera,
        clock=clock.source,
        zone=clock.zone,
        seconds=video.seconds,
    )


def incidents_of(
    number: int,
    events: Sequence[ScoredEvent],
    scores: VideoScores,
    classes: Sequence[str],
    clock: VideoClock,
    previews: Mapping[int, str],
) -> Iterator[Incident]:
    """Yield the incidents of the ``number``-th video; ``previews`` are files by first frame."""
    for event in events:
        yield Incident(
            video=number,
            start=event.start,
            end=event.end,
            start_time=event.start_time,
            end_time=event.end_time,
            peak=event.peak,
            label=classes.index(event.label),
            shares=_shares(event, scores),
            at=clock.at(event.start_time),
            preview=previews.get(event.start, ""),
        )


def _shares(event: ScoredEvent, scores: VideoScores) -> list[int]:
    """Return how much of an event each anomalous class has: of the sum of their probabilities."""
    sums = scores.probabilities[event.start : event.end, 1:].sum(axis=0, dtype=np.float64)
    return [round(100 * share) for share in sums / max(float(sums.sum()), 1e-12)]
