"""The worst mistakes of a scored test split: what a person should look at first."""

from __future__ import annotations

from dataclasses import dataclass

from model.evaluation.false_alarms import touch
from model.evaluation.summary import ScoredSplit
from model.scoring.events import find_events
from stores.records import EventRule, VideoScores


@dataclass(frozen=True, slots=True)
class Mistake:
    """A false alarm or a missed event.

    ``frame`` and ``seconds`` are where the score peaks within it, ``score`` is that peak; ``label``
    is the class that the model gave a false alarm, or the true class of what it missed. ``rate`` is
    the video's frames a second.
    """

    video_id: str
    path: str
    label: str
    score: float
    frame: int
    seconds: float
    rate: float = 30.0


def worst_mistakes(
    split: ScoredSplit, rule: EventRule, most: int = 6
) -> tuple[list[Mistake], list[Mistake]]:
    """Return the false alarms with the highest peaks, and the missed events with the lowest.

    An alarm is false where it touches no true event; an event is missed where no alarm touches it.
    """
    alarms: list[Mistake] = []
    misses: list[Mistake] = []
    for own, truth, counted in zip(split.scores, split.anomalies, split.counted, strict=True):
        events = find_events(own, split.classes, rule)
        found = [((e.start, e.end), e.label) for e in events if e.start < counted]
        alarms += [
            _mistake(own, *run, label)
            for run, label in found
            if not any(touch(run, true) for true in truth)
        ]
        misses += [
            _mistake(own, true.start, min(true.end, counted), true.label)
            for true in truth
            if true.start < counted and not any(touch(run, true) for run, _ in found)
        ]
    alarms.sort(key=lambda mistake: -mistake.score)
    misses.sort(key=lambda mistake: mistake.score)
    return alarms[:most], misses[:most]


def _mistake(scores: VideoScores, start: int, end: int, label: str) -> Mistake:
    frame = start + int(scores.score[start:end].argmax())
    return Mistake(
        video_id=scores.item.video_id,
        path=scores.item.path,
        label=label,
        score=float(scores.score[frame]),
        frame=frame,
        seconds=float(scores.times[frame]),
        rate=scores.rate,
    )
