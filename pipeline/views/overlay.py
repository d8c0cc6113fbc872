"""A copy of a video with score and label below it, for whoever has nothing but a player."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from extract.decoders.pixels import Picture
from extract.killable import DEADLINE, SLOWEST, killable
from extract.mp4 import TICKS, to_frame, write_mp4
from extract.stills import read_pictures
from stores.files.commit import committing
from stores.files.names import one_line
from stores.records import EventRule, ScoredEvent, StoreError, VideoScores

_SMALLEST = 22  # rows of the band, so that its text can be read
_GROUND, _QUIET, _ALARM, _MARK = (32, 36, 42), (50, 90, 150), (160, 45, 40), (255, 255, 255)


def write_overlay(
    path: Path,
    scores: VideoScores,
    events: Sequence[ScoredEvent],
    rule: EventRule,
    *,
    deadline: float = DEADLINE,
) -> None:
    """Write an H.264 MP4 of every scored frame at its own time, a band of score and label below.

    Times agree with the source's to a 90,000th of a second. Sound is left out.

    Raises:
        StoreError: The video has other frames than were scored, or the file cannot be written.
        DecodeError: The video cannot be read, or not within ``deadline`` seconds, or ``SLOWEST``
            times its own duration where that is more.
    """
    deadline = max(deadline, SLOWEST * float(scores.times[-1]))
    with committing(path) as partial:
        drawn = (str(partial), scores, events, rule)
        killable(_draw, scores.item.path, *drawn, deadline=deadline)


def _draw(
    video: str, target: str, scores: VideoScores, events: Sequence[ScoredEvent], rule: EventRule
) -> None:
    labels = [""] * len(scores.score)
    for event in events:
        labels[event.start : event.end] = [event.label] * (event.end - event.start)
    pictures = _banded(video, scores, labels, rule.threshold)
    frames = ((seconds, to_frame(picture)) for seconds, picture in pictures)
    write_mp4(Path(target), frames, rate=_rate(scores), options={})


def _rate(scores: VideoScores) -> Fraction:
    """Return the frames a second for the header; the frames have times of their own."""
    ticks = np.rint(scores.times * TICKS)
    return Fraction(TICKS, max(1, round(np.diff(ticks).mean()))) if len(ticks) > 1 else Fraction(25)


def _banded(
    video: str, scores: VideoScores, labels: Sequence[str], threshold: float
) -> Iterator[tuple[float, Picture]]:
    """Yield each scored frame's time and its picture with the band below."""
    pictures, count, band = read_pictures(video), 0, None
    times, values = scores.times.tolist(), scores.score.tolist()
    for seconds, score, label, picture in zip(times, values, labels, pictures, strict=False):
        band = band or _Band(picture, threshold)
        yield seconds, band.below(picture, score, label)
        count += 1
    if count < len(labels) or next(pictures, None) is not None:
        what = f"{video} has not the {len(labels)} frames that were scored"
        raise StoreError(f"{what}; it changed since: score it again")


class _Band:
    """The strip below a video's pictures, of which it hides nothing."""

    def __init__(self, picture: Picture, threshold: float) -> None:
        self._shape = picture.shape
        self._rows = max(_SMALLEST, picture.shape[0] // 12)
        self._threshold = threshold
        size = max(9, int(self._rows * 0.6))
        self._font = ImageFont.truetype(findfont("DejaVu Sans"), size)

    def below(self, picture: Picture, score: float, label: str) -> Picture:
        """Return a picture and the band: a bar as long as the score, a mark at the threshold."""
        if picture.shape != self._shape:  # a stream may change its size; the file cannot
            picture = np.asarray(Image.fromarray(picture).resize(self._shape[1::-1]))
        width = picture.shape[1]
        band = np.full((self._rows, width, 3), _GROUND, np.uint8)
        band[:, : round(score * width)] = _ALARM if label or score >= self._threshold else _QUIET
        mark = min(round(self._threshold * width), width - 1)
        band[:, mark : mark + 2] = _MARK
        strip = Image.fromarray(band)
        text = one_line(f"{score:.2f} {label}")
        place = (self._rows // 4, self._rows // 2)
        ImageDraw.Draw(strip).text(place, text, fill=_MARK, font=self._font, anchor="lm")
        return np.vstack([picture, np.asarray(strip)])
