"""The shard worker: turns jobs into commits, one encoder and some decoders at its hand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import ray
import torch

from pipeline.engine.cluster import WorkerPlan
from pipeline.engine.events import FramesRead, WorkerEvent, added_up
from pipeline.engine.readers import Readers
from pipeline.engine.settings import StageSettings
from pipeline.engine.sink import Sink
from pipeline.engine.video_reader import Outcome
from stores.records import Failure, VideoFeatures, VideoItem


@dataclass(frozen=True, slots=True)
class Job:
    """The videos of one commit, and the generation that their results are of."""

    items: tuple[VideoItem, ...]
    generation: int = 0


class ShardWorker:
    """The actor that turns jobs into commits: one encoder, and a thread for each video reader.

    It may run two jobs at a time: readers go on with the next one's videos while the last ones of
    the job before are read, encoded and committed.
    """

    def __init__(self, settings: StageSettings, plan: WorkerPlan, sink: Sink) -> None:
        # Nothing here may fail: an actor that dies while it is made looks like a lost one.
        self._settings = settings
        self._plan = plan
        self._sink = sink
        self._starting, self._committing = threading.Lock(), threading.Lock()
        self._readers: Readers | None = None

    def node_id(self) -> str:
        """Return the id of the node this worker runs on."""
        return ray.get_runtime_context().get_node_id()

    def run(self, job: Job) -> Iterator[WorkerEvent]:
        """Read, encode and commit one job, yielding what happens.

        Raises:
            ValueError: The encoder cannot be loaded.
            StoreError: The results cannot be written.
        """
        if not self._sink.is_done(job.items, job.generation):
            yield from self._commit(job)
        # Ray sends into what it streams: `yield from` takes a generator there, and no list.
        for outcome in self._sink.outcomes(job.items, job.generation):  # noqa: UP028
            yield outcome
        if self._readers is not None:
            yield from self._readers.news()

    def _commit(self, job: Job) -> Iterator[FramesRead]:
        with self._starting:
            readers = self._readers = self._readers or Readers(self._settings, self._plan)
        torch.set_num_threads(self._plan.torch_threads)  # of this thread, which commits
        videos: list[VideoFeatures] = []
        failures: list[Failure] = []
        outputs: Iterator[FramesRead | Outcome] = added_up(readers.read(job.items))
        for output in outputs:
            if isinstance(output, VideoFeatures):
                videos.append(output)
            elif isinstance(output, Failure):
                failures.append(output)
            else:
                yield output
        videos.sort(key=lambda video: video.item.video_id)
        failures.sort(key=lambda failure: failure.item.video_id)
        with self._committing:
            self._sink.write(videos, failures, job.generation)
