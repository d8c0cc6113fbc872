"""Ray: starting it or joining it, and how many workers of which size a machine gets."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import ray

import extract
import model
import pipeline
import stores

CHUNK_FRAMES = 64
"""Sampled frames that travel together: 17 MB at 340×256, large against Ray's cost of about 1 ms."""

PREFETCH = 2
"""Chunks a decode worker may be ahead of the encoder: one waiting while the next is made."""

_LARGEST_FRAME = 2 * 256 * 256 * 3  # bytes at the recipe's size; wider than 2:1 is rare
_MAX_DECODERS = 16  # per GPU; with more, the object store and not decoding is the limit


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How many shard workers there are, and what each of them and its decode workers ask of Ray."""

    shard_workers: int
    decoders: int
    shard_cpus: float
    shard_gpus: float
    decoder_cpus: float
    torch_threads: int

    @property
    def frames_in_flight(self) -> int:
        """The most decoded frames that exist at one time outside the decoders."""
        return self.shard_workers * self.decoders * (PREFETCH + 1) * CHUNK_FRAMES


def plan_workers(node_cpus: list[float], gpus: float) -> WorkerPlan:
    """Return the plan for nodes with these CPUs and so many GPUs in all.

    With GPUs, one shard worker each and the remaining cores for its decoders. Without, one shard
    worker a node: torch uses every core for one batch, and its decoders, asked for as half a core,
    work while it waits.
    """
    total = sum(node_cpus)
    if gpus >= 1:
        workers = int(gpus)
        decoders = int(min(max((total - workers) // workers, 1), _MAX_DECODERS))
        return WorkerPlan(
            shard_workers=workers,
            decoders=decoders,
            shard_cpus=min(1.0, total / (2 * workers)),
            shard_gpus=1.0,
            decoder_cpus=min(1.0, total / (2 * workers * decoders)),
            torch_threads=1,
        )
    usable = [cpus for cpus in node_cpus if cpus >= 1] or [1.0]
    smallest = min(usable)
    decoders = int(min(smallest, _MAX_DECODERS))
    return WorkerPlan(
        shard_workers=len(usable),
        decoders=decoders,
        shard_cpus=smallest / 2,
        shard_gpus=0.0,
        decoder_cpus=smallest / 2 / decoders,
        torch_threads=int(smallest),
    )


@contextmanager
def running_cluster(max_workers: int | None = None) -> Iterator[WorkerPlan]:
    """Join the cluster that ``RAY_ADDRESS`` names, or start Ray here, and leave it at the end.

    ``max_workers`` bounds the shard workers. On a cluster the four packages travel with the job;
    their dependencies and the paths of videos and outputs have to be there on every node.

    Raises:
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        modules = [stores, extract, model, pipeline]
        ray.init(
            address=address,
            runtime_env={"py_modules": modules},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    else:
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=_store_bytes(os.cpu_count() or 1),
        )
    try:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        plan = plan_workers(
            [node.get("CPU", 0.0) for node in nodes], sum(node.get("GPU", 0.0) for node in nodes)
        )
        if max_workers is not None:
            plan = _limited(plan, max_workers)
        yield plan
    finally:
        ray.shutdown()


def node_is_alive(node_id: str) -> bool:
    """Return whether the node with this id is part of the cluster."""
    return any(node["NodeID"] == node_id and node["Alive"] for node in ray.nodes())


def _store_bytes(cpus: int) -> int:
    """Return the object store for one machine: twice what its decoders can have in flight."""
    frames = min(cpus, _MAX_DECODERS) * (PREFETCH + 1) * CHUNK_FRAMES
    return max(2 * frames * _LARGEST_FRAME, 128 << 20)


def _limited(plan: WorkerPlan, workers: int) -> WorkerPlan:
    return WorkerPlan(
        shard_workers=min(plan.shard_workers, workers),
        decoders=plan.decoders,
        shard_cpus=plan.shard_cpus,
        shard_gpus=plan.shard_gpus,
        decoder_cpus=plan.decoder_cpus,
        torch_threads=plan.torch_threads,
    )
