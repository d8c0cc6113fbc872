"""The driver: hands jobs to shard workers, replaces workers that are lost, and shows progress."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import ray
from ray.actor import ActorHandle

from pipeline.console import metering
from pipeline.engine.cluster import WorkerPlan, node_is_alive, require_node, running_cluster
from pipeline.engine.shard_worker import Job, Progress, ShardWorker, Sink, StageSettings, pack_jobs
from stores.records import Failure, VideoItem

_MAX_LOSSES = 3
"""Times a job may take its worker down before its videos fail; a lost node does not count."""


@dataclass(slots=True)
class _Worker:
    actor: ActorHandle
    node: ray.ObjectRef[str]
    job: Job | None = None
    stream: ray.ObjectRefGenerator | None = None


@dataclass(slots=True)
class Tally:
    """What a run came to."""

    done: int = 0
    failures: list[Failure] = field(default_factory=list)
    frames: int = 0
    seconds: float = 0.0


def run_stage(
    title: str,
    items: Sequence[VideoItem],
    settings: StageSettings,
    sink: Sink,
    *,
    per_job: int,
) -> Tally:
    """Run a stage over all items on Ray, showing progress, and return what it came to.

    Raises:
        ValueError: The encoder cannot be loaded.
        StoreError: Results cannot be written.
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    with running_cluster(settings.reading.workers) as plan, metering(title, len(items)) as meter:
        # A job for every worker comes before full shards: half the workers idle is worse.
        even = -(-len(items) // plan.shard_workers)
        jobs = pack_jobs(items, max(1, min(per_job, even)))
        begun = time.monotonic()
        tally = Crew(settings, plan, sink).run(jobs, meter.hear)
        tally.frames, tally.seconds = meter.frames, time.monotonic() - begun
    return tally


class Crew:
    """The shard workers of a stage: started with the first jobs, kept for the next ones."""

    def __init__(self, settings: StageSettings, plan: WorkerPlan, sink: Sink) -> None:
        self._settings = settings
        self._plan = plan
        self._sink = sink
        self._workers: list[_Worker] = []

    def run(self, jobs: list[Job], show: Callable[[Progress], None]) -> Tally:
        """Run every job to its commit and return what was done and what failed.

        Raises:
            ValueError: The encoder cannot be loaded.
            StoreError: Results cannot be written.
            ConnectionError: No node is left to work on.
        """
        waiting = deque(jobs)
        losses: dict[Job, int] = {}
        tally = Tally()
        workers = self._workers
        while len(workers) < min(self._plan.shard_workers, len(jobs)):
            workers.append(self._start())
        while waiting or any(worker.job for worker in workers):
            for worker in workers:
                if worker.job is None and waiting and _has_started(worker):
                    _give(worker, waiting.popleft())
            busy = {worker.stream: worker for worker in workers if worker.stream is not None}
            if not busy:
                require_node()
                ray.wait([worker.node for worker in workers], num_returns=1, timeout=1.0)
                continue
            ready, _ = ray.wait(list(busy), num_returns=1, timeout=1.0)
            for stream in ready:
                worker = busy[stream]
                try:
                    _hear(worker, tally, show)
                except ray.exceptions.RayTaskError as error:
                    # The worker lives and says what is wrong with the run itself: in its own
                    # words, Ray's are its whole traceback.
                    raise error.cause from error
                except ray.exceptions.RayError as error:
                    job = worker.job
                    assert job is not None, "only a worker with a job is listened to"
                    losses[job] = losses.get(job, 0) + _counts_as_loss(worker)
                    workers[workers.index(worker)] = self._start()
                    if losses[job] < _MAX_LOSSES:
                        waiting.append(job)
                    else:
                        _give_up(job, str(error), self._sink, tally, show)
        return tally

    def _start(self) -> _Worker:
        remote = ray.remote(ShardWorker).options(
            num_cpus=self._plan.cpus,
            num_gpus=self._plan.gpus,
            max_restarts=0,  # the driver starts a new one: it has to know that the job is lost
            scheduling_strategy="SPREAD",
        )
        actor = remote.remote(self._settings, self._plan, self._sink)
        return _Worker(actor, actor.node_id.remote())


def _has_started(worker: _Worker) -> bool:
    """Return whether a worker runs; one that waits for room in the cluster must be given no job.

    On a cluster that shrank, that room may never come while others could do the job.
    """
    return bool(ray.wait([worker.node], timeout=0)[0])


def _give(worker: _Worker, job: Job) -> None:
    worker.job = job
    worker.stream = worker.actor.run.options(num_returns="streaming").remote(job)


def _hear(worker: _Worker, tally: Tally, show: Callable[[Progress], None]) -> None:
    """Take one piece of news from a worker; the end of the stream frees it."""
    assert worker.stream is not None, "only a worker with a job is listened to"
    try:
        news: Progress = ray.get(next(worker.stream))
    except StopIteration:
        worker.job = worker.stream = None
        return
    if news.finished is not None:
        tally.done += 1
    if news.failure is not None:
        tally.failures.append(news.failure)
    show(news)


def _counts_as_loss(worker: _Worker) -> bool:
    try:
        return node_is_alive(ray.get(worker.node, timeout=1.0))
    except ray.exceptions.GetTimeoutError:
        return False
    except ray.exceptions.RayError:
        return True


def _give_up(
    job: Job, reason: str, sink: Sink, tally: Tally, show: Callable[[Progress], None]
) -> None:
    line = reason.strip().splitlines()[0]
    failures = [
        Failure(item, f"its shard worker died {_MAX_LOSSES} times: {line}", _MAX_LOSSES)
        for item in job.items
    ]
    sink.commit([], failures)
    tally.failures += failures
    for failure in failures:
        show(Progress(failure=failure))
