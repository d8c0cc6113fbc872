"""The shard worker: reads and encodes a job's videos, several at a time, and commits them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import ray
import torch

from extract.decoders import Decoder
from extract.encoder import Encoder, batch_on, load_encoder
from extract.features import frames_at_once
from extract.recipe import Recipe
from pipeline.engine.cluster import WorkerPlan
from pipeline.engine.compile import CompiledEncoder
from pipeline.engine.decode_worker import DecoderClient, Limits
from pipeline.engine.events import FramesRead, VideoFailed, VideoFinished, WorkerEvent
from pipeline.engine.sink import Sink
from pipeline.engine.video_reader import VideoReader
from stores.files.locations import size_of
from stores.records import Failure, VideoFeatures, VideoItem

if TYPE_CHECKING:
    from pipeline.options import ReadOptions

ReaderOutput: TypeAlias = FramesRead | VideoFeatures | Failure
"""What comes of reading: frames on the way, and in the end a video's features or its failure."""


@dataclass(frozen=True, slots=True)
class StageSettings:
    """How videos are read and encoded, and by how many shard workers at most; None is no limit."""

    recipe: Recipe
    weights: str
    decoder: Decoder
    batch: int
    compile: bool
    workers: int | None
    limits: Limits
    strict: bool
    full_digest: bool


def stage_settings(recipe: Recipe, weights: str, reading: ReadOptions) -> StageSettings:
    """Return the settings that the options of a command come to."""
    return StageSettings(
        recipe=recipe,
        weights=weights,
        decoder=reading.decoder,
        batch=reading.batch,
        compile=reading.compile,
        workers=reading.workers,
        limits=Limits(reading.deadline, int(reading.decoder_memory * 2**30)),
        strict=reading.strict,
        full_digest=reading.full_digest,
    )


@dataclass(frozen=True, slots=True)
class Job:
    """The videos of one commit, and the generation that their results are of."""

    items: tuple[VideoItem, ...]
    generation: int = 0


class ShardWorker:
    """The actor that turns jobs into commits: one encoder, and a thread for each video reader."""

    def __init__(self, settings: StageSettings, plan: WorkerPlan, sink: Sink) -> None:
        # Nothing here may fail: an actor that dies while it is made looks like a lost one.
        self._settings = settings
        self._plan = plan
        self._sink = sink
        self._encoder: SharedEncoder | None = None
        self._readers: list[VideoReader] = []

    def node_id(self) -> str:
        """Return the id of the node this worker runs on."""
        return ray.get_runtime_context().get_node_id()

    def run(self, job: Job) -> Iterator[WorkerEvent]:
        """Read, encode and commit one job, yielding what happens.

        Raises:
            ValueError: The encoder cannot be loaded.
            StoreError: The results cannot be written.
        """
        if self._sink.is_done(job.items, job.generation):
            yield from (VideoFinished(item) for item in job.items)
            return
        videos: list[VideoFeatures] = []
        failures: list[Failure] = []
        for output in self._read(job):
            if isinstance(output, VideoFeatures):
                videos.append(output)
            elif isinstance(output, Failure):
                failures.append(output)
                yield VideoFailed(output)
            else:
                yield output
        videos.sort(key=lambda video: video.item.video_id)
        failures.sort(key=lambda failure: failure.item.video_id)
        self._sink.write(videos, failures, job.generation)
        yield from (VideoFinished(each.item, bool(each.audit.mismatch)) for each in videos)

    def _read(self, job: Job) -> Iterator[ReaderOutput]:
        """Yield what the readers give until every video of the job has been read or failed."""
        encoder = self._encoder or self._start()
        readers = self._readers[: len(job.items)]
        items: queue.SimpleQueue[VideoItem | None] = queue.SimpleQueue()
        # The longest starts first; one that is not there has no size.
        by_size = sorted(job.items, key=lambda item: size_of(item.path) or 0, reverse=True)
        for item in (*by_size, *(None for _ in readers)):
            items.put(item)
        outputs: queue.SimpleQueue[ReaderOutput | BaseException] = queue.SimpleQueue()
        for reader in readers:
            arguments = (reader, encoder, items, outputs.put)
            threading.Thread(target=_read_all, args=arguments, daemon=True).start()
        left = len(job.items)
        while left:
            output = outputs.get()
            if isinstance(output, BaseException):
                raise output
            left -= not isinstance(output, FramesRead)
            yield output

    def _start(self) -> SharedEncoder:
        """Load the encoder and start the decode workers."""
        settings, recipe, plan = self._settings, self._settings.recipe, self._plan
        torch.set_num_threads(plan.torch_threads)  # of this thread, which commits
        # First those that start by themselves: they import while the encoder is loaded.
        clients = [DecoderClient(settings.limits) for _ in range(plan.decoders)]
        clip = load_encoder(recipe, settings.weights, "cuda" if plan.gpus else "cpu")
        batch = batch_on(clip.device, settings.batch)
        images = frames_at_once(batch, recipe) * recipe.crop_count
        encoder = CompiledEncoder(clip, images) if settings.compile else clip
        shared = SharedEncoder(encoder, plan.torch_threads)
        self._readers = [
            VideoReader(
                client=client,
                encoder=shared,
                recipe=recipe,
                decoder=settings.decoder,
                batch=batch,
                strict=settings.strict,
                full_digest=settings.full_digest,
            )
            for client in clients
        ]
        self._encoder = shared
        return shared


class SharedEncoder:
    """An encoder that several threads use: in turn on a GPU, side by side on a CPU.

    Side by side each has its share of the cores, so that a core which a decoder takes for a moment
    holds up one batch and not all the others that would wait for their share of it.
    """

    def __init__(self, encoder: Encoder, cores: int) -> None:
        self._encoder = encoder
        self._cores = cores
        self._lock = threading.Lock()
        self._users = 0
        self.width = encoder.width
        self.device = encoder.device

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

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Encode, on a GPU while nobody else does."""
        if self.device.type != "cpu":
            with self._lock:
                return self._encoder.encode(images)
        # Set anew every time, so that the last video of a job soon has the cores of the others.
        torch.set_num_threads(max(1, self._cores // max(1, self._users)))
        return self._encoder.encode(images)


def _read_all(
    reader: VideoReader,
    encoder: SharedEncoder,
    items: queue.SimpleQueue[VideoItem | None],
    emit: Callable[[ReaderOutput | BaseException], None],
) -> None:
    """Read one video after another until None comes; an error goes to the thread of the job."""
    try:
        with encoder.used():
            for item in iter(items.get, None):
                emit(reader.read(item, emit))
    except BaseException as error:  # noqa: BLE001 - raised by the thread that runs the job
        emit(error)
