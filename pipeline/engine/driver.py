"""The driver: hands jobs to shard workers, replaces workers that are lost, and counts results."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import ray
from ray.actor import ActorHandle

from pipeline.engine.cluster import WorkerPlan, running_cluster
from pipeline.engine.events import (
    Tally,
    TitledBar,
    VideoFailed,
    VideoFinished,
    WorkerEvent,
    describe_load,
)
from pipeline.engine.nodes import node_is_alive, require_node, room_for_workers
from pipeline.engine.settings import StageSettings
from pipeline.engine.shard_worker import Job, ShardWorker
from pipeline.engine.sink import Sink
from stores.files.content import content_of
from stores.records import Failure, VideoItem

logger = logging.getLogger(__name__)

_AT_ONCE = 2  # jobs of a worker
_LOOK = 10.0  # seconds between two looks at whether nodes joined

_GATHERING = 0.05  # seconds in which more workers may have news: a look at all of them costs

_MAX_LOSSES = 3  # workers a job may take down before its videos fail; lost nodes do not count


def run_stage(
    items: Sequence[VideoItem],
    settings: StageSettings,
    sink: Sink,
    *,
    per_job: int,
    progress: TitledBar,
    generation: int = 0,
) -> Tally:
    """Run a stage over all items on Ray, if there are any, and return what it came to.

    ``per_job`` videos are committed together, as results of a ``generation``.

    Raises:
        ValueError: The encoder cannot be loaded.
        StoreError: Results cannot be written.
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    if not items:
        return Tally()
    with running_cluster(settings.workers) as plan, progress(len(items)) as show:
        # A job for every worker comes before full shards: half the workers idle is worse.
        even = -(-len(items) // plan.shard_workers)
        jobs = pack_jobs(items, max(1, min(per_job, even)), generation)
        return WorkerPool(settings, plan, sink).run(jobs, show)


def pack_jobs(items: Sequence[VideoItem], videos_per_job: int, generation: int = 0) -> list[Job]:
    """Return jobs of up to so many videos, in the items' order."""
    return [
        Job(tuple(items[start : start + videos_per_job]), generation)
        for start in range(0, len(items), videos_per_job)
    ]


@dataclass(slots=True)
class _Worker:
    """A shard worker, and its jobs by what tells of them."""

    actor: ActorHandle
    node: ray.ObjectRef[str]
    jobs: dict[ray.ObjectRefGenerator, Job] = field(default_factory=dict)


class WorkerPool:
    """The shard workers of a stage: started with the first jobs, kept for the next ones."""

    def __init__(self, settings: StageSettings, plan: WorkerPlan, sink: Sink) -> None:
        self._settings = settings
        self._plan = plan
        self._sink = sink
        self._workers: list[_Worker] = []
        self._waiting: deque[Job] = deque()
        self._losses: Counter[Job] = Counter()
        self._told: defaultdict[Job, set[str]] = defaultdict(set)

    def run(self, jobs: Sequence[Job], show: Callable[[WorkerEvent], None]) -> Tally:
        """Run every job to its commit, showing what happens, and return what it came to.

        Raises:
            ValueError: The encoder cannot be loaded.
            StoreError: Results cannot be written.
            ConnectionError: No node is left to work on.
        """
        tally, begun = Tally(), time.monotonic()
        for event in self._events(jobs):
            tally.add(event)
            show(event)
        tally.seconds = time.monotonic() - begun
        if tally.loads:
            logger.info("%s", describe_load(tally.loads.values()))
        return tally

    def _events(self, jobs: Sequence[Job]) -> Iterator[WorkerEvent]:
        self._waiting = deque(jobs)
        self._losses.clear()
        self._told.clear()
        while len(self._workers) < min(self._plan.shard_workers, len(jobs)):
            self._workers.append(self._start())
        looked = time.monotonic()
        while self._waiting or any(worker.jobs for worker in self._workers):
            if self._waiting and time.monotonic() - looked > _LOOK:
                self._grow()
                looked = time.monotonic()
            self._assign()
            for worker, events in self._ready():
                if events in worker.jobs:  # else it was lost with another of its jobs
                    yield from self._collect(worker, events)

    def _grow(self) -> None:
        """Start workers on nodes that joined since, as those of an autoscaler do."""
        most = self._settings.workers or len(self._workers) + len(self._waiting)
        for _ in range(len(self._workers), min(room_for_workers(self._plan), most)):
            self._workers.append(self._start())

    def _start(self) -> _Worker:
        remote = ray.remote(ShardWorker).options(
            num_cpus=self._plan.cpus,
            num_gpus=self._plan.gpus,
            max_restarts=0,  # the driver starts a new one: it has to know which jobs are lost
            max_concurrency=_AT_ONCE,
            scheduling_strategy="SPREAD",
        )
        actor = remote.remote(self._settings, self._plan, self._sink)
        return _Worker(actor, actor.node_id.remote())

    def _assign(self) -> None:
        """Give idle workers a job, but not one that still waits for room in the cluster.

        On a cluster that shrank, that room may never come while others could do the job. While
        there are jobs for all, a worker gets its next one before it has finished: so its decoders
        and its encoder have work while it commits. A job that was lost before runs alone, so that
        no other is lost with it.
        """
        for at_once in range(1, _AT_ONCE + 1):
            for worker in self._workers:
                if not self._waiting or (at_once > 1 and len(self._waiting) < len(self._workers)):
                    return
                job = self._waiting[0]
                suspects = [each for each in (job, *worker.jobs.values()) if self._losses[each]]
                if len(worker.jobs) >= at_once or (worker.jobs and suspects):
                    continue
                if ray.wait([worker.node], timeout=0)[0]:
                    self._waiting.popleft()
                    run = worker.actor.run.options(num_returns="streaming")
                    worker.jobs[run.remote(job)] = job

    def _ready(self) -> list[tuple[_Worker, ray.ObjectRefGenerator]]:
        """Return workers and what tells of their jobs, after waiting a second at most."""
        busy = {events: worker for worker in self._workers for events in worker.jobs}
        if not busy:
            require_node()
            ray.wait([worker.node for worker in self._workers], num_returns=1, timeout=1.0)
            return []
        ray.wait(list(busy), num_returns=1, timeout=1.0)
        ready, _ = ray.wait(list(busy), num_returns=len(busy), timeout=_GATHERING)
        return [(busy[events], events) for events in ready]

    def _collect(self, worker: _Worker, events: ray.ObjectRefGenerator) -> Iterator[WorkerEvent]:
        """Yield those of a job's events that are there: their end frees the worker.

        What became of a video is told once, also where its job is repeated.
        """
        job = worker.jobs[events]
        try:
            for reference in events:
                event: WorkerEvent = ray.get(reference)
                if self._is_news(job, event):
                    yield event
                if not ray.wait([events], timeout=0)[0]:
                    return
            del worker.jobs[events]
            self._told.pop(job, None)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error  # what is wrong with the run, without Ray's traceback
        except ray.exceptions.RayError as error:
            yield from self._recover(worker, str(error))

    def _is_news(self, job: Job, event: WorkerEvent) -> bool:
        if not isinstance(event, VideoFinished | VideoFailed):
            return True
        told = self._told[job]
        is_known = event.item.video_id in told
        told.add(event.item.video_id)
        return not is_known

    def _recover(self, worker: _Worker, reason: str) -> Iterator[VideoFailed]:
        """Start another worker in place of a lost one, and repeat its jobs or commit their failure.

        A job that takes down one worker after another holds a video that does.
        """
        counts = _counts_as_loss(worker)
        self._workers[self._workers.index(worker)] = self._start()
        jobs, worker.jobs = list(worker.jobs.values()), {}
        for job in jobs:
            self._losses[job] += counts
            if self._losses[job] < _MAX_LOSSES:
                self._waiting.append(job)
                continue
            why = f"its shard worker died {_MAX_LOSSES} times: {reason.strip().splitlines()[0]}"
            failures = [Failure(i, why, _MAX_LOSSES, content_of(i.path)) for i in job.items]
            self._sink.write([], failures, job.generation)
            yield from map(VideoFailed, failures)


def _counts_as_loss(worker: _Worker) -> bool:
    try:
        return node_is_alive(ray.get(worker.node, timeout=1.0))
    except ray.exceptions.GetTimeoutError:
        return False
    except ray.exceptions.RayError:
        return True
