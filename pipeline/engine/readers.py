"""A shard worker's encoder and its video readers, each of these in a thread of its own."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from extract.batch_size import WithinMemory, choose_batch, kept_choice
from extract.encoder import CPU_BATCH, ClipEncoder, batch_on, load_encoder
from extract.encoding_loop import EncodingLoop
from extract.features import FrameProgram, InTurn, SegmentMeans, frame_program, frames_at_once
from extract.lanes import lane_on
from pipeline.engine.cluster import WorkerPlan
from pipeline.engine.compile import CompiledFrames
from pipeline.engine.decode_worker import OutOfReachError
from pipeline.engine.decoder_client import DecoderClient, DecoderLost
from pipeline.engine.events import FramesRead, Remark, WorkerLoad
from pipeline.engine.settings import StageSettings
from pipeline.engine.video_reader import Outcome, VideoReader
from stores.files.locations import size_of
from stores.records import VideoItem

ReaderOutput: TypeAlias = FramesRead | Callable[[], Outcome] | BaseException
"""What comes of reading: frames on the way, and in the end what waits for the video's outcome."""

_NO_MEMORY = (
    "the GPU is out of memory with half a batch, too: others use it, or --batch is too large"
)


class Readers:
    """The encoder of a shard worker and its video readers, each in a thread of its own."""

    def __init__(self, settings: StageSettings, plan: WorkerPlan) -> None:
        recipe = settings.recipe
        # First those that start by themselves: they import while the encoder is loaded.
        self._clients = [DecoderClient(settings.limits) for _ in range(plan.decoders)]
        for _ in range(plan.helpers):
            self._clients.append(DecoderClient(settings.limits, helps=True))
        self._remarks: queue.SimpleQueue[Remark] = queue.SimpleQueue()
        encoder = load_encoder(recipe, settings.weights, "cuda" if plan.gpus else "cpu")
        self._loop: EncodingLoop | None = None
        self._shared: SharedCores | None = None
        if plan.gpus:
            self._loop = self._start_loop(encoder, settings)
            means: Callable[[], SegmentMeans] = self._loop.feed
        else:
            allowed = CPU_BATCH if settings.batch == "auto" else settings.batch
            frames = frames_at_once(batch_on(encoder.device, allowed), recipe)
            program = self._program(encoder, settings, frames)
            self._shared = SharedCores(program, plan.torch_threads)
            means = partial(InTurn, self._shared, recipe, frames)
        self._waiting = Waiting()
        self._strangers: set[str] = set()
        self._begun = time.monotonic()
        for client in self._clients:
            reader = VideoReader(
                client=client,
                means=means,
                recipe=recipe,
                decoder=settings.decoder,
                strict=settings.strict,
                full_digest=settings.full_digest,
                image_rate=settings.image_rate,
            )
            threading.Thread(target=self._read_all, args=(reader,), daemon=True).start()

    def read(self, items: Sequence[VideoItem]) -> Iterator[FramesRead | Outcome]:
        """Yield what comes of reading until every video has been read or failed.

        Raises:
            ValueError: The GPU's memory does not do.
        """
        outputs: queue.SimpleQueue[ReaderOutput] = queue.SimpleQueue()
        # The longest starts first; one that is not there has no size.
        for item in sorted(items, key=lambda item: size_of(item.path) or 0, reverse=True):
            self._waiting.put(Reading(item, outputs.put))
        left = len(items)
        while left:
            output = outputs.get()
            if isinstance(output, FramesRead):
                yield output
                continue
            try:
                if isinstance(output, BaseException):
                    raise output
                outcome = output()
            except torch.OutOfMemoryError as error:
                raise ValueError(_NO_MEMORY) from error
            yield outcome
            left -= 1

    def news(self) -> Iterator[Remark | WorkerLoad]:
        """Yield what there is to say, and what kept this worker busy so far."""
        with suppress(queue.Empty):
            while True:
                yield self._remarks.get_nowait()
        if self._loop is not None:
            yield WorkerLoad(
                worker=os.getpid(),
                wall=time.monotonic() - self._begun,
                encoding=self._loop.busy,
                decoding=sum(client.busy for client in self._clients),
                decoders=sum(client.is_up for client in self._clients),
            )

    def _start_loop(self, encoder: ClipEncoder, settings: StageSettings) -> EncodingLoop:
        recipe, device, images = settings.recipe, encoder.device, settings.batch
        if images == "auto":
            plain = frame_program(encoder, recipe)
            try:
                choice = kept_choice(partial(choose_batch, plain, device, recipe), device, recipe)
            except torch.OutOfMemoryError as error:
                raise ValueError(_NO_MEMORY) from error
            images = choice.images
            self._say(f"--batch {images}, at which the GPU took {choice.rate:,.0f} images/s alone")
        frames = frames_at_once(images, recipe)
        program = WithinMemory(self._program(encoder, settings, frames), self._say)
        return EncodingLoop(lane_on(device, program), recipe, frames)

    def _program(self, encoder: ClipEncoder, settings: StageSettings, frames: int) -> FrameProgram:
        if settings.compile:
            return CompiledFrames(encoder, settings.recipe, frames)
        return frame_program(encoder, settings.recipe)

    def _say(self, line: str) -> None:
        self._remarks.put(Remark(line))

    def _read_all(self, reader: VideoReader) -> None:
        """Read one video after another; an error goes to the thread of its job.

        What a decoder of another node cannot read to its end is left to those of this one.
        """
        client = reader.client
        while True:
            client.settle()
            reading = self._waiting.take(helps=client.helps)
            try:
                with self._shared.used() if self._shared else nullcontext():
                    reading.emit(reader.read(reading.item, reading.emit))
            except DecoderLost:
                self._waiting.put(reading, helpable=False)
            except OutOfReachError:
                self._waiting.put(reading, helpable=False)
                self._say_stranger(client.address, reading.item.path)
                client.end()
                return
            except BaseException as error:  # noqa: BLE001 - raised by the thread of the job
                reading.emit(error)

    def _say_stranger(self, address: str, path: str) -> None:
        if address not in self._strangers:
            self._strangers.add(address)
            self._say(
                f"node {address} does not hold {path} as the GPU's node does, and decodes nothing; "
                "put videos where all nodes have them at one path, or behind a URL"
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """A video to be read, and where to what comes of it goes."""

    item: VideoItem
    emit: Callable[[ReaderOutput], None]


class Waiting:
    """The videos that wait for a decoder: for this node's first, and some for these alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._any: deque[Reading] = deque()
        self._own: deque[Reading] = deque()
        self._idle = 0

    def put(self, reading: Reading, *, helpable: bool = True) -> None:
        """Add a video, ``helpable`` by decoders of other nodes."""
        with self._changed:
            (self._any if helpable else self._own).append(reading)
            self._changed.notify_all()

    def take(self, *, helps: bool) -> Reading:
        """Wait for a video; a decoder that ``helps`` leaves those that own ones are idle for."""
        with self._changed:
            if helps:
                self._changed.wait_for(lambda: len(self._any) > self._idle)
                return self._any.popleft()
            self._idle += 1
            self._changed.wait_for(lambda: bool(self._own or self._any))
            self._idle -= 1
            self._changed.notify_all()  # those that help may have one more now
            return (self._own or self._any).popleft()


class SharedCores:
    """A program that several threads run side by side on the cores of a CPU.

    Each has its share of the cores, so that a core which a decoder takes for a moment holds up one
    batch and not all the others that would wait for their share of it.
    """

    def __init__(self, program: FrameProgram, cores: int) -> None:
        self._program = program
        self._cores = cores
        self._lock = threading.Lock()
        self._users = 0

    @contextmanager
    def used(self) -> Iterator[None]:
        """Count the calling thread among those that share the cores."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1

    def __call__(self, frames: UInt8[Tensor, "f h w 3"]) -> Float[Tensor, "f c d"]:
        """Run the program on this thread's share of the cores."""
        # Set anew every time, so that the last video of a job soon has the cores of the others.
        torch.set_num_threads(max(1, self._cores // max(1, self._users)))
        return self._program(frames)
