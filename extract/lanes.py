"""Where batches are encoded and pooled: a GPU with copies on streams of their own, or a thread.

Of a batch only the sums of its segments come back. They are made frame after frame, a segment that
began in an earlier batch from what it had come to there: whatever shares its batches, a segment's
sum is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

from extract.features import FrameProgram


@dataclass(slots=True, eq=False)
class Carry:
    """What a video's latest segment had come to when a batch ended, on the device."""

    row: Float[Tensor, " x"] | None = None


@dataclass(frozen=True, slots=True)
class Pooling:
    """How the frames of a batch add up: to R sums, each of ``lengths`` rows that follow another.

    ``order`` [N] picks the rows, of those that are ``carried`` in and then of the batch's frames.
    ``kept`` says which sums are carried on.
    """

    order: NDArray[np.int64]
    lengths: NDArray[np.int64]
    carried: Sequence[Carry]
    kept: Sequence[tuple[int, Carry]]


@dataclass(frozen=True, slots=True)
class Pooled:
    """The sums of a batch [R, C·D], and the seconds it took the device."""

    sums: NDArray[np.float32]
    seconds: float


Finish: TypeAlias = Callable[[], Pooled]
"""Waits for a batch; its frames may be written over afterwards."""


@runtime_checkable
class Lane(Protocol):
    """Encodes one batch after another, in the order of the calls of one thread."""

    def buffer(self, frames: int, height: int, width: int) -> UInt8[Tensor, "f h w 3"]:
        """Return memory for the frames of a batch."""

    def launch(self, frames: UInt8[Tensor, "f h w 3"], pooling: Pooling) -> Finish:
        """Begin a batch, without waiting for the one before."""

    def stop(self) -> None:
        """End what the lane has of its own."""


class ThreadLane:
    """Encodes in a thread: for a device without streams, and for a stand-in of one."""

    def __init__(self, program: FrameProgram) -> None:
        self._program = program
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoding")

    def buffer(self, frames: int, height: int, width: int) -> UInt8[Tensor, "f h w 3"]:
        """Return plain memory."""
        return torch.zeros(frames, height, width, 3, dtype=torch.uint8)

    def launch(self, frames: UInt8[Tensor, "f h w 3"], pooling: Pooling) -> Finish:
        """Leave a batch to the thread."""
        return self._thread.submit(self._encode, frames, pooling).result

    def stop(self) -> None:
        """End the thread, after the batches that it has."""
        self._thread.shutdown(wait=False)

    def _encode(self, frames: UInt8[Tensor, "f h w 3"], pooling: Pooling) -> Pooled:
        begun = time.perf_counter()
        tables = torch.from_numpy(pooling.order), torch.from_numpy(pooling.lengths)
        sums = _add_up(self._program(frames), *tables, pooling).cpu().numpy()
        return Pooled(sums, time.perf_counter() - begun)


class CudaLane:
    """Encodes on a GPU: while a batch is computed, the next one and the sums of the last travel."""

    def __init__(self, program: FrameProgram, device: torch.device) -> None:
        self._program = program
        self._device = device
        self._in, self._out = _stream(device), _stream(device)

    def buffer(self, frames: int, height: int, width: int) -> UInt8[Tensor, "f h w 3"]:
        """Return pinned memory, from which the GPU copies by itself."""
        return torch.zeros(frames, height, width, 3, dtype=torch.uint8, pin_memory=True)

    def launch(self, frames: UInt8[Tensor, "f h w 3"], pooling: Pooling) -> Finish:
        """Ask the GPU for a batch."""
        compute = torch.cuda.current_stream(self._device)
        begun, ended, arrived = _event(), _event(), _event()
        tables = torch.from_numpy(np.concatenate([pooling.order, pooling.lengths])).pin_memory()
        with torch.cuda.stream(self._in):
            there = frames.to(self._device, non_blocking=True)
            tables_there = tables.to(self._device, non_blocking=True)
        compute.wait_stream(self._in)
        for each in (there, tables_there):  # its memory is not given away before it was read
            each.record_stream(compute)
        begun.record(compute)
        order, lengths = torch.split(tables_there, [len(pooling.order), len(pooling.lengths)])
        sums = _add_up(self._program(there), order, lengths, pooling)
        ended.record(compute)
        here = torch.empty(sums.shape, dtype=sums.dtype, pin_memory=True)
        self._out.wait_event(ended)
        with torch.cuda.stream(self._out):
            here.copy_(sums, non_blocking=True)
            arrived.record(self._out)
        sums.record_stream(self._out)

        def finish() -> Pooled:
            arrived.synchronize()
            return Pooled(here.numpy(), begun.elapsed_time(ended) / 1000)

        return finish

    def stop(self) -> None:
        """Do nothing: streams end with their last use."""


def lane_on(device: torch.device, program: FrameProgram) -> Lane:
    """Return the lane of a device."""
    return CudaLane(program, device) if device.type == "cuda" else ThreadLane(program)


def _stream(device: torch.device) -> torch.cuda.Stream:
    # torch leaves the constructor untyped.
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _event() -> torch.cuda.Event:
    # As above.
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


@torch.inference_mode()
def _add_up(
    features: Float[Tensor, "f c d"],
    order: Int[Tensor, " n"],
    lengths: Int[Tensor, " r"],
    pooling: Pooling,
) -> Float[Tensor, "r x"]:
    """Return the sums of a batch, and keep what is carried on; nobody waits for the device."""
    carried = [carry.row[None] for carry in pooling.carried if carry.row is not None]
    rows = torch.cat([*carried, features.flatten(1)])[order]
    # A sum is made in one order: by one thread, frame after frame.
    sums = torch.segment_reduce(rows, "sum", lengths=lengths, axis=0, unsafe=True)
    for number, carry in pooling.kept:
        carry.row = sums[number].clone()
    return sums
