"""The encoding loop of a device: batches of one size, filled by all videos that are being read.

Readers write their frames straight into the batch that is being filled, and wait where all batches
are full. A batch leaves when it is full; one that is not leaves only when the device has had
nothing to do for a moment, with whatever else lies in its memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from extract.crops import frame_size
from extract.features import means_of
from extract.lanes import Carry, Finish, Lane, Pooling
from extract.recipe import Recipe

BATCHES = 4
"""Batches in memory: one computed, one on its way, one ready and one that is being filled."""

_PATIENCE = 0.05  # seconds that an idle device waits for the rest of a batch


@dataclass(slots=True, eq=False)
class _Batch:
    """Frames and whose they are; some places are ``taken``, and some of these ``written``."""

    frames: UInt8[torch.Tensor, "f h w 3"]
    pieces: list[_Piece] = field(default_factory=list)
    taken: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive frames of one video in a batch: from which place on, and of which segments."""

    feed: Feed
    start: int
    segments: NDArray[np.int64]


@dataclass(slots=True, eq=False)
class Feed:
    """The means of one video whose frames are encoded together with those of others."""

    loop: EncodingLoop
    carry: Carry = field(default_factory=Carry)
    waiting: int = 0
    """Frames that were given and are not encoded yet."""
    latest: int = -1
    """The last segment that left for the device."""
    sums: list[NDArray[np.float32]] = field(default_factory=list)
    segments: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, frames: NDArray[np.uint8], segments: NDArray[np.int64]) -> None:
        """Copy frames into batches, and wait for room as often as the device is the limit."""
        self.segments.append(segments)
        self.loop.add(self, frames, segments)

    def close(self) -> None:
        """Do nothing: the last batch leaves by itself."""

    def means(self) -> Float[np.ndarray, "c s d"]:
        """Return the mean of every segment, crop by crop, once all frames are encoded."""
        self.loop.wait_for(self)
        counts = np.bincount(np.concatenate(self.segments))
        return means_of(np.stack(self.sums), counts.tolist(), self.loop.crops)


class EncodingLoop:
    """Encodes batches of so many frames on a lane, until it is stopped.

    ``busy`` are the seconds that the device has worked, ``images`` what it encoded for videos.
    Whatever goes wrong on the device is raised by every thread that feeds or waits.
    """

    def __init__(self, lane: Lane, recipe: Recipe, frames: int) -> None:
        size = frame_size(recipe)
        self.crops = recipe.crop_count
        self.busy = 0.0
        self.images = 0
        self._lane = lane
        self._size = frames
        self._free = deque(_Batch(lane.buffer(frames, *size)) for _ in range(BATCHES))
        self._filling = self._free.popleft()
        self._full: deque[_Batch] = deque()
        self._launched: deque[tuple[_Batch, list[tuple[Feed, int]], Finish]] = deque()
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        for turn in (self._launch, self._collect):
            threading.Thread(target=self._repeat, args=(turn,), daemon=True).start()

    def feed(self) -> Feed:
        """Return what takes the frames of one video."""
        return Feed(self)

    def add(self, feed: Feed, frames: NDArray[np.uint8], segments: NDArray[np.int64]) -> None:
        """Copy a video's next frames into batches, and wait where all are full."""
        while len(frames):
            with self._changed:
                self._wait(lambda: self._filling.taken < self._size)
                batch = self._filling
                start = batch.taken
                batch.taken = min(start + len(frames), self._size)
                count = batch.taken - start
                batch.pieces.append(_Piece(feed, start, segments[:count]))
                feed.waiting += count
                if batch.taken == self._size and self._free:
                    self._filling = self._free.popleft()
            np.copyto(batch.frames[start : start + count].numpy(), frames[:count])
            with self._changed:
                batch.written += count
                if batch.written == self._size:
                    self._full.append(batch)
                    self._changed.notify_all()
            frames, segments = frames[count:], segments[count:]

    def wait_for(self, feed: Feed) -> None:
        """Return once every frame of a video that was given is encoded."""
        with self._changed:
            self._wait(lambda: not feed.waiting)

    def stop(self) -> None:
        """End the threads; whoever still feeds or waits gets an error."""
        with self._changed:
            self._error = self._error or RuntimeError("the encoding loop was stopped")
            self._changed.notify_all()
        self._lane.stop()

    def _wait(self, condition: Callable[[], object], timeout: float | None = None) -> None:
        self._changed.wait_for(lambda: self._error or condition(), timeout)
        if self._error is not None:
            raise self._error

    def _repeat(self, turn: Callable[[], None]) -> None:
        try:
            while True:
                turn()
        except BaseException as error:  # noqa: BLE001 - raised by every thread that feeds or waits
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _launch(self) -> None:
        """Send the next batch to the device, if there is one within a moment."""
        with self._changed:
            self._wait(lambda: self._full, _PATIENCE)
            if self._full:
                batch = self._full.popleft()
            elif not self._launched and 0 < self._filling.taken == self._filling.written:
                batch, self._filling = self._filling, self._free.popleft()
            else:
                return
        pooling, targets = plan(batch.pieces)
        finish = self._lane.launch(batch.frames, pooling)
        with self._changed:
            self._launched.append((batch, targets, finish))
            self._changed.notify_all()

    def _collect(self) -> None:
        """Wait for the oldest batch on the device and give its sums to their videos."""
        with self._changed:
            self._wait(lambda: self._launched)
            batch, targets, finish = self._launched[0]
        pooled = finish()
        for (feed, segment), row in zip(targets, pooled.sums, strict=True):
            del feed.sums[segment:]  # what it had come to in the batch before
            feed.sums.append(row.copy())
        with self._changed:
            self._launched.popleft()
            self.busy += pooled.seconds
            self.images += batch.taken * self.crops
            for piece in batch.pieces:
                piece.feed.waiting -= len(piece.segments)
            batch.pieces, batch.taken, batch.written = [], 0, 0
            if self._filling.taken == self._size:  # and nobody could give it a successor
                self._filling = batch
            else:
                self._free.append(batch)
            self._changed.notify_all()


def plan(pieces: Sequence[_Piece]) -> tuple[Pooling, list[tuple[Feed, int]]]:
    """Return how the frames of a batch add up, and the video and segment of each sum.

    Notes the last segment of each video, so batches have to be planned in the order they leave.
    """
    by_feed: dict[Feed, list[_Piece]] = {}
    for piece in pieces:
        by_feed.setdefault(piece.feed, []).append(piece)
    carried = [feed for feed, (first, *_) in by_feed.items() if first.segments[0] == feed.latest]
    order: list[NDArray[np.int64]] = []
    lengths: list[NDArray[np.int64]] = []
    kept: list[tuple[int, Carry]] = []
    targets: list[tuple[Feed, int]] = []
    for feed, own in by_feed.items():
        segments = np.concatenate([piece.segments for piece in own])
        edges = np.flatnonzero(np.diff(segments)) + 1
        runs = np.diff(edges, prepend=0, append=len(segments))
        if feed in carried:
            runs[0] += 1
            order.append(np.array([carried.index(feed)]))
        order += [
            len(carried) + np.arange(piece.start, piece.start + len(piece.segments))
            for piece in own
        ]
        lengths.append(runs)
        targets += [(feed, int(segments[edge])) for edge in (0, *edges)]
        kept.append((len(targets) - 1, feed.carry))
        feed.latest = int(segments[-1])
    carries = [feed.carry for feed in carried]
    return Pooling(np.concatenate(order), np.concatenate(lengths), carries, kept), targets
