"""Plain calls on Ray: many at once with their results, and one that asks what a cluster has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import ray

from extract.clip_weights import default_precision
from extract.recipe import Precision
from pipeline.engine.cluster import running_cluster

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """Why a call has no result."""

    reason: str


def run_tasks(
    function: Callable[[A], R], arguments: Sequence[A]
) -> Iterator[tuple[A, R | TaskFailed]]:
    """Call ``function`` with each argument on Ray and yield both as calls end, in any order.

    A call has a GPU, or without one a core, and two more tries where its process dies.

    Raises:
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    with running_cluster() as plan:
        task = ray.remote(function).options(num_cpus=1, num_gpus=plan.gpus, max_retries=2)
        running = {task.remote(argument): argument for argument in arguments}
        while running:
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            argument = running.pop(done)
            try:
                outcome: R | TaskFailed = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                outcome = TaskFailed(str(error.cause))
            except ray.exceptions.RayError as error:
                outcome = TaskFailed(str(error).strip().splitlines()[0])
            yield argument, outcome


def encoder_precision() -> Precision:
    """Return the precision of the machine that will encode: this one, or one of the cluster.

    Raises:
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    if not os.environ.get("RAY_ADDRESS"):
        return default_precision()
    with running_cluster() as plan:
        task = ray.remote(default_precision).options(num_gpus=plan.gpus)
        precision: Precision = ray.get(task.remote("cuda" if plan.gpus else "cpu"))
        return precision
