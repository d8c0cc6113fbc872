"""The records that cross layer borders, and the error of this layer: plain data, no file format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stores.mismatch import mismatch_of
from stores.ranges import Count, Finite, PositiveAmount, PositiveCount, Share

SEGMENT_FRAMES = 16
"""Frames in one segment, so in one feature row and one score (paper, section 4.1)."""

LONGEST_GAP = 10.0
"""Seconds for which a frame may stand for what happens: no camera is meant to pause for longer, and
what is not shown for longer is damage or a camera that was off."""

Split = Literal["train", "test", "none"]


class StoreError(ValueError):
    """A file or folder cannot be used; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Event:
    """A labelled stretch of frames, half-open: ``start <= frame < end``.

    Where a list has seconds, of milliseconds until the times of the frames are known.
    """

    start: Count
    end: Count
    label: str
    unit: Literal["frames", "milliseconds"] = "frames"

    def in_frames(self, times: NDArray[np.float64]) -> Event:
        """Return the event in frames, given the seconds of each frame [F]; one frame at least.

        Its frames are those that are shown from its start on and before its end.
        """
        if self.unit == "frames":
            return self
        # Half a millisecond, since that is what rounding took from the list's times.
        places = np.searchsorted(times, [self.start / 1000 - 5e-4, self.end / 1000 - 5e-4])
        start, end = places.tolist()
        return Event(start, max(end, start + 1), self.label)


@dataclass(frozen=True, slots=True)
class VideoItem:
    """One video of a data set before it is read: its file, its split and its truth.

    ``labels`` are class names of the data set, the normal class alone for a normal video and empty
    for an unlabelled one. ``events`` is the frame truth of a test video, ``None`` where there is
    none (an empty tuple says that no frame is anomalous). ``group`` names the recording that the
    video was cut from, with others of the same group; empty where it stands alone.
    """

    video_id: str
    path: str
    split: Split = "none"
    labels: tuple[str, ...] = ()
    events: tuple[Event, ...] | None = None
    group: str = ""

    def __post_init__(self) -> None:
        if not self.video_id:
            raise StoreError("video_id is empty")


@dataclass(frozen=True, slots=True)
class LostFrames:
    """Neighbouring frames that could not be decoded: seconds of the first and last, and a count.

    The count is 0 of a hole: a stretch of which the file has no packets.
    """

    start: float
    end: float
    frames: int


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A place where a file's clock jumps although its film goes on.

    ``frame`` is the first one after it, ``seconds`` that frame's time, which goes on evenly, and
    ``jump`` by how many seconds the clock went ahead or, below 0, back.
    """

    frame: int
    seconds: float
    jump: float


@dataclass(frozen=True, slots=True)
class DecodeAudit:
    """What the container announces against what was decoded.

    ``expected_frames`` counts the pictures that packets should show, ``duplicate_frames`` those at
    the end that only repeated the one before, at no later time, and were cut. ``container_seconds``
    is the stated duration (0 for none), ``shown_seconds`` the time of the last frame (None where it
    was not noted). ``partial``: decoding ended in an error after some good frames. ``lost_frames``
    are those that could not be decoded, ``lost`` the first places where, ``steps`` the first places
    where the clock stepped.
    """

    decoder: str
    expected_frames: Count
    decoded_frames: Count
    container_seconds: Finite
    partial: bool = False
    note: str = ""
    duplicate_frames: Count = 0
    shown_seconds: Finite | None = None
    lost_frames: Count = 0
    lost: tuple[LostFrames, ...] = ()
    steps: tuple[ClockStep, ...] = ()

    @property
    def mismatch(self) -> str:
        """How the video falls short of what its container announces; empty where it does not."""
        return mismatch_of(self)

    @property
    def status(self) -> Literal["ok", "partial", "mismatch"]:
        """The video in one word: ``partial``, or any other ``mismatch``."""
        return "partial" if self.partial else "mismatch" if self.mismatch else "ok"


@dataclass(frozen=True, slots=True)
class Content:
    """What a file held when it was read: enough to tell later whether it still holds the same.

    ``size`` is in bytes, ``modified`` the file's date in nanoseconds since 1970 (0 where a store
    has none), ``digest`` as :mod:`stores.files.content` makes it.
    """

    size: int
    modified: int
    digest: str


@dataclass(frozen=True, slots=True)
class VideoFeatures:
    """The features of one video: ``segments`` [C,S,D] float16 and ``times`` [F] float64, seconds.

    ``times`` are those of presentation from the first frame on: each decoded frame gets a score.
    ``content`` is what the video's file held, None where there was no file of its own.
    """

    item: VideoItem
    segments: NDArray[np.float16]
    times: NDArray[np.float64]
    audit: DecodeAudit
    content: Content | None = None

    @property
    def frames(self) -> int:
        """Number of decoded frames F."""
        return len(self.times)


@dataclass(frozen=True, slots=True)
class Failure:
    """A video that could not be read: which, why, after how many attempts, and what it held."""

    item: VideoItem
    reason: str
    attempts: Count = 1
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class VideoScores:
    """The scores of one video: a value for every frame.

    ``score`` [F] is the anomaly score in [0, 1]; ``probabilities`` [F,K] sum to 1 over the classes,
    class 0 being normal; ``times`` [F] are seconds. ``clock_steps`` are the frames before which the
    file's clock steps, though times go on evenly.
    """

    item: VideoItem
    times: NDArray[np.float64]
    score: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    audit: DecodeAudit | None = None
    content: Content | None = None
    clock_steps: tuple[int, ...] = ()

    @property
    def rate(self) -> float:
        """Frames a second by the usual step of the times; 1 where they have none."""
        step = float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.0
        return 1 / step if step > 0 else 1.0


@dataclass(frozen=True, slots=True)
class EventRule:
    """When a run of frames is an event.

    A run is entered at ``threshold`` and left below ``release`` x ``threshold``, so that a score
    that wavers around the threshold makes one event and not ten. Runs shorter than
    ``minimum_frames`` are dropped; the default is one segment, the resolution of the scores. No run
    goes on over a gap, where nothing is shown for longer than ``longest_gap`` seconds.
    """

    threshold: Share = 0.5
    release: Share = 0.8
    minimum_frames: PositiveCount = SEGMENT_FRAMES
    longest_gap: PositiveAmount = LONGEST_GAP


@dataclass(frozen=True, slots=True)
class ScoredEvent:
    """A found event: frames half-open, seconds from the first frame, the class and its scores."""

    start: Count
    end: Count
    start_time: Finite
    end_time: Finite
    label: str
    peak: Finite
    mean: Finite


@dataclass(frozen=True, slots=True)
class LabelledScores:
    """The scores of one video with the frame labels and events that a rule derives from them.

    ``labels`` [F] are class indices, ``label_probability`` [F] the probability of each frame's
    class; ``events`` are in order of time.
    """

    scores: VideoScores
    labels: NDArray[np.int32]
    label_probability: NDArray[np.float32]
    events: tuple[ScoredEvent, ...]
