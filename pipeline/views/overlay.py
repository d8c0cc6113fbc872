"""A copy of a video with its score and label burnt in, for whoever has nothing but a player."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from matplotlib.font_manager import findfont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from extract.stills import read_pictures
from stores.files.commit import committing
from stores.records import EventRule, ScoredEvent, StoreError, VideoScores

_TICKS = 90_000  # a second, as in broadcasting: the usual rates are whole numbers of them
_SMALLEST = 22  # rows of the band, so that its text can be read
_QUIET, _ALARM, _MARK = (70, 140, 230), (225, 60, 50), (255, 255, 255)

Pixels = NDArray[np.uint8]


def write_overlay(
    path: Path, scores: VideoScores, events: Sequence[ScoredEvent], rule: EventRule
) -> None:
    """Write an H.264 MP4 of every scored frame at its own time, with a band of score and label.

    Times agree with the source's to a 90,000th of a second. Sound is left out.

    Raises:
        StoreError: The video has other frames than were scored, or the file cannot be written.
        DecodeError: The video cannot be read.
    """
    labels = [""] * len(scores.score)
    for event in events:
        labels[event.start : event.end] = [event.label] * (event.end - event.start)
    ticks = np.rint(scores.times * _TICKS).astype(np.int64).tolist()
    rate = Fraction(_TICKS, max(1, round(np.mean(np.diff(ticks))))) if len(ticks) > 1 else 25
    count = 0
    with committing(path) as partial, av.open(str(partial), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        for picture in read_pictures(scores.item.path):
            if count == len(labels):
                raise StoreError(_changed(scores))
            if count == 0:
                band = _Band(picture, rule.threshold)
                stream.height, stream.width = (side + side % 2 for side in picture.shape[:2])
            made = band.burn(picture, float(scores.score[count]), labels[count])
            frame = av.VideoFrame.from_ndarray(_even(made), format="rgb24")
            frame.pts, frame.time_base = ticks[count], Fraction(1, _TICKS)
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode())
        if count != len(labels):
            raise StoreError(_changed(scores))


def _changed(scores: VideoScores) -> str:
    return (
        f"{scores.item.path} has not the {len(scores.score)} frames that were scored; it changed "
        "since: score it again"
    )


def _even(picture: Pixels) -> Pixels:
    """Return a picture whose sides are even, as H.264 wants them, by repeating the last ones."""
    height, width = picture.shape[:2]
    if height % 2 == width % 2 == 0:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


class _Band:
    """The strip over the lowest rows of a video's pictures."""

    def __init__(self, picture: Pixels, threshold: float) -> None:
        self._shape = picture.shape
        self._rows = min(max(_SMALLEST, picture.shape[0] // 12), picture.shape[0])
        self._threshold = threshold
        font = findfont("DejaVu Sans")
        self._font = ImageFont.truetype(font, max(9, int(self._rows * 0.6)))

    def burn(self, picture: Pixels, score: float, label: str) -> Pixels:
        """Return a picture with the band: a bar as long as the score, a mark at the threshold."""
        if picture.shape != self._shape:  # a stream may change its size; the file cannot
            picture = np.asarray(Image.fromarray(picture).resize(self._shape[1::-1]))
        made = picture.copy()
        lowest = made[-self._rows :]
        lowest //= 3
        width = lowest.shape[1]
        colour = _ALARM if label or score >= self._threshold else _QUIET
        lowest[:, : round(score * width)] = np.add(lowest[:, : round(score * width)], colour) // 2
        mark = min(round(self._threshold * width), width - 1)
        lowest[:, mark : mark + 2] = _MARK
        strip = Image.fromarray(lowest)
        text = f"{score:.2f} {label}".strip()
        place = (self._rows // 4, self._rows // 2)
        ImageDraw.Draw(strip).text(place, text, fill=_MARK, font=self._font, anchor="lm")
        lowest[:] = np.asarray(strip)
        return made
