"""The engine of both Ray stages: shard jobs handed to shard workers, each with decoders of its own.

A job is some whole videos and ends in one commit. What is committed, features or scores, is the
stage's ``Sink``; how videos are read and encoded, retried and given up is here, once for both.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import ray
import torch

from extract.encoder import ClipEncoder, Encoder, batch_on, load_encoder
from extract.features import extract_video, frames_at_once
from extract.recipe import Recipe
from extract.video import Chunk, DecodeError, Decoder
from pipeline.engine.cluster import WorkerPlan
from pipeline.engine.compile import CompiledEncoder
from pipeline.engine.decode_worker import DecoderLost, Decoding, Limits
from pipeline.settings import ReadOptions
from stores.files.locations import local_copy, location, size_of
from stores.files.names import one_line
from stores.records import Failure, StoreError, VideoFeatures, VideoItem

SECOND_DECODER: Decoder = "pyav"
"""Reads a video whose first attempt ended with a dead or silent decode worker."""


@dataclass(frozen=True, slots=True)
class StageSettings:
    """What a stage makes of videos, where CLIP's weights come from, and how videos are read."""

    recipe: Recipe
    weights: str
    reading: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True, slots=True)
class Job:
    """The videos of one commit."""

    items: tuple[VideoItem, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a shard worker tells while it works: frames read, and a video's end if it came."""

    frames: int = 0
    finished: VideoItem | None = None
    failure: Failure | None = None


class Sink(Protocol):
    """Where the features of a job go: committed whole, or not at all."""

    def is_done(self, items: tuple[VideoItem, ...]) -> bool:
        """Return whether these videos were committed already (a repeated job changes nothing)."""

    def commit(self, videos: list[VideoFeatures], failures: list[Failure]) -> None:
        """Make the job's results visible in one step."""


class ShardWorker:
    """The actor that turns jobs into commits: one encoder, and a thread for each decode worker."""

    def __init__(self, settings: StageSettings, plan: WorkerPlan, sink: Sink) -> None:
        # Nothing here may fail: an actor that dies while it is made can only say so as a lost one.
        self._settings = settings
        self._plan = plan
        self._sink = sink
        self._encoder: _Shared | None = None
        self._decoders: list[Decoding] = []

    def node_id(self) -> str:
        """Return the id of the node this worker runs on."""
        return ray.get_runtime_context().get_node_id()

    def _start(self) -> _Shared:
        """Load the encoder and start the decode workers, once."""
        if self._encoder is None:
            settings, plan = self._settings, self._plan
            reading = settings.reading
            limits = Limits(reading.deadline, int(reading.decoder_memory * 2**30))
            device = "cuda" if plan.gpus else "cpu"
            torch.set_num_threads(plan.torch_threads)  # of this thread, which commits
            # First those that start by themselves: they import while the encoder is loaded.
            self._decoders = [Decoding(limits) for _ in range(plan.decoders)]
            encoder = load_encoder(settings.recipe, settings.weights, device)
            self._encoder = _Shared(self._compiled(encoder), plan.torch_threads)
        return self._encoder

    def _compiled(self, encoder: ClipEncoder) -> Encoder:
        """Return the encoder compiled for the batches of the recipe, if that was asked for."""
        reading, recipe = self._settings.reading, self._settings.recipe
        if not reading.compile:
            return encoder
        frames = frames_at_once(batch_on(encoder.device, reading.batch), recipe)
        return CompiledEncoder(encoder, frames * recipe.crop_count)

    def run(self, job: Job) -> Iterator[Progress]:
        """Read, encode and commit one job, telling of every chunk and of every video's end.

        Raises:
            ValueError: The encoder cannot be loaded.
            StoreError: The results cannot be written.
        """
        if self._sink.is_done(job.items):
            yield from (Progress(finished=item) for item in job.items)
            return
        encoder = self._start()
        waiting: queue.SimpleQueue[VideoItem] = queue.SimpleQueue()
        for item in sorted(job.items, key=_size, reverse=True):
            waiting.put(item)
        told: queue.SimpleQueue[Progress | BaseException | VideoFeatures] = queue.SimpleQueue()
        threads = [
            threading.Thread(
                target=self._work, args=(decoding, encoder, waiting, told), daemon=True
            )
            for decoding in self._decoders[: len(job.items)]
        ]
        for thread in threads:
            thread.start()
        videos: list[VideoFeatures] = []
        failures: list[Failure] = []
        while len(videos) + len(failures) < len(job.items):
            news = told.get()
            if isinstance(news, BaseException):
                raise news
            if isinstance(news, VideoFeatures):
                videos.append(news)
                continue
            if news.failure is not None:
                failures.append(news.failure)
            yield news
        self._sink.commit(
            sorted(videos, key=lambda v: v.item.video_id),
            sorted(failures, key=lambda f: f.item.video_id),
        )
        yield from (Progress(finished=video.item) for video in videos)

    def _work(
        self,
        decoding: Decoding,
        encoder: _Shared,
        waiting: queue.SimpleQueue[VideoItem],
        told: queue.SimpleQueue[Progress | BaseException | VideoFeatures],
    ) -> None:
        """Take one video after another until none waits; what goes wrong here ends the job."""
        try:
            with encoder.used():
                while True:
                    try:
                        item = waiting.get_nowait()
                    except queue.Empty:
                        return
                    outcome = self._extract(item, decoding, encoder, told)
                    told.put(Progress(failure=outcome) if isinstance(outcome, Failure) else outcome)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that runs the job
            told.put(error)

    def _extract(
        self,
        item: VideoItem,
        decoding: Decoding,
        encoder: _Shared,
        told: queue.SimpleQueue[Progress | BaseException | VideoFeatures],
    ) -> VideoFeatures | Failure:
        if not item.path:
            return Failure(
                item, "listed, but no file of that name lies below the root, or several that differ"
            )
        try:
            with local_copy(location(item.path)) as path:
                outcome = self._attempt(item, str(path), decoding, encoder, told)
        except StoreError as error:
            return Failure(item, str(error))
        if isinstance(outcome, Failure):
            return replace(outcome, reason=outcome.reason.replace(str(path), item.path))
        return outcome

    def _attempt(
        self,
        item: VideoItem,
        path: str,
        decoding: Decoding,
        encoder: _Shared,
        told: queue.SimpleQueue[Progress | BaseException | VideoFeatures],
    ) -> VideoFeatures | Failure:
        """Return the features of the file at ``path``, by the second decoder if the first dies."""
        attempts, reasons = 0, []
        while True:
            decoder = self._settings.reading.decoder if attempts == 0 else SECOND_DECODER
            chunks = decoding.stream(path, self._settings.recipe, decoder)
            try:
                video = extract_video(
                    item,
                    _telling(chunks, told),
                    encoder,
                    self._settings.recipe,
                    batch=batch_on(encoder.device, self._settings.reading.batch),
                )
            except DecoderLost as error:
                attempts += 1
                reasons.append(str(error))
                if attempts == 2:
                    return Failure(item, one_line("; then: ".join(reasons)), attempts)
            except (DecodeError, ValueError) as error:
                reason = one_line("; then: ".join([*reasons, str(error)]))
                return Failure(item, reason, attempts + 1)
            else:
                objection = video.audit.objection if self._settings.reading.strict else ""
                return Failure(item, f"strict: {objection}", attempts + 1) if objection else video


class _Shared:
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
        # Asked anew every time, so that the last video of a job soon has the cores of the others.
        torch.set_num_threads(max(1, self._cores // max(1, self._users)))
        return self._encoder.encode(images)


def _telling(
    chunks: Iterator[Chunk],
    told: queue.SimpleQueue[Progress | BaseException | VideoFeatures],
) -> Iterator[Chunk]:
    for chunk in chunks:
        told.put(Progress(frames=len(chunk.times)))
        yield chunk


def _size(item: VideoItem) -> int:
    """Return the bytes of a video, so that the longest starts first; 0 where it is not there."""
    return size_of(item.path) or 0


def pack_jobs(items: Sequence[VideoItem], videos_per_job: int) -> list[Job]:
    """Return jobs of up to so many videos, in the items' order."""
    return [
        Job(tuple(items[start : start + videos_per_job]))
        for start in range(0, len(items), videos_per_job)
    ]
