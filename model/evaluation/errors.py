"""The worst mistakes of a scored test split: what a person should look at first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.evaluation.summary import anomalies_of, counted_frames
from model.scoring.events import find_events
from stores.records import EventRule, VideoFeatures, VideoScores


@dataclass(frozen=True, slots=True)
class Mistake:
    """A false alarm or a missed event.

    ``frame`` and ``seconds`` are where the score peaks within it, ``score`` is that peak; ``label``
    is the class that the model gave a false alarm, or the true class of what it missed.
    """

    video_id: str
    path: str
    label: str
    score: float
    frame: int
    seconds: float


def worst_mistakes(
    test: Sequence[VideoFeatures],
    scores: Sequence[VideoScores],
    classes: Sequence[str],
    rule: EventRule,
    most: int = 6,
) -> tuple[list[Mistake], list[Mistake]]:
    """Return the false alarms with the highest peaks, and the missed events with the lowest.

    An alarm is false where it touches no true event; an event is missed where no alarm touches it.
    """
    alarms: list[Mistake] = []
    misses: list[Mistake] = []
    anomalies = anomalies_of(test, classes[0])
    for own, truth, counted in zip(scores, anomalies, counted_frames(test), strict=True):
        found = [e for e in find_events(own, classes, rule) if e.start < counted]
        alarms += _mistakes(
            own,
            [
                (e.start, e.end, e.label)
                for e in found
                if not any(e.start < true.end and true.start < e.end for true in truth)
            ],
        )
        misses += _mistakes(
            own,
            [
                (true.start, min(true.end, counted), true.label)
                for true in truth
                if true.start < counted
                and not any(e.start < true.end and true.start < e.end for e in found)
            ],
        )
    alarms.sort(key=lambda mistake: -mistake.score)
    misses.sort(key=lambda mistake: mistake.score)
    return alarms[:most], misses[:most]


def _mistakes(scores: VideoScores, stretches: Sequence[tuple[int, int, str]]) -> Iterator[Mistake]:
    for start, end, label in stretches:
        frame = start + int(scores.score[start:end].argmax())
        yield Mistake(
            video_id=scores.item.video_id,
            path=scores.item.path,
            label=label,
            score=float(scores.score[frame]),
            frame=frame,
            seconds=float(scores.times[frame]),
        )
