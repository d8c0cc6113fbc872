"""Ray: starting it or joining it, and how many workers of which size a machine gets."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module

import ray

CHUNK_FRAMES = 64
"""Sampled frames that travel together: 17 MB at 340×256, large against Ray's cost of about 1 ms."""

PREFETCH = 2
"""Chunks a decode worker may be ahead of the encoder: one waiting while the next is made."""

_LARGEST_FRAME = 2 * 256 * 256 * 3  # bytes at the recipe's size; wider than 2:1 is rare
_MAX_DECODERS = 16  # per GPU; with more, the object store and not decoding is the limit


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How many shard workers there are, and what each asks of Ray for itself and its decoders.

    Decoders live on their shard worker's node and ask for nothing: were they to be placed apart, a
    shrinking cluster could give the last cores to a shard worker whose decoders then never start.
    """

    shard_workers: int
    decoders: int
    cpus: float
    gpus: float
    torch_threads: int

    @property
    def frames_in_flight(self) -> int:
        """The most decoded frames that exist at one time outside the decoders."""
        return self.shard_workers * self.decoders * (PREFETCH + 1) * CHUNK_FRAMES


def plan_workers(nodes: Sequence[tuple[float, float]]) -> WorkerPlan:
    """Return the plan for nodes with so many CPUs and GPUs each.

    With GPUs, one shard worker each, and its share of the node's cores for decoders. Without, one
    shard worker a node: torch uses every core for one batch, and as many decoders work while it
    waits. The smallest node decides, since every worker asks for the same.
    """
    with_gpus = [(cpus, int(gpus)) for cpus, gpus in nodes if gpus >= 1]
    if with_gpus:
        share = min(cpus / gpus for cpus, gpus in with_gpus)
        return WorkerPlan(
            shard_workers=sum(gpus for _, gpus in with_gpus),
            decoders=int(min(max(share - 1, 1), _MAX_DECODERS)),
            # Ray takes whole CPUs from 1 on.
            cpus=float(int(min(share, 1 + _MAX_DECODERS))) if share >= 1 else share,
            gpus=1.0,
            torch_threads=1,
        )
    usable = [cpus for cpus, _ in nodes if cpus >= 1] or [1.0]
    smallest = int(min(usable))
    return WorkerPlan(
        shard_workers=len(usable),
        decoders=min(smallest, _MAX_DECODERS),
        cpus=float(smallest),
        gpus=0.0,
        torch_threads=smallest,
    )


@contextmanager
def running_cluster(max_workers: int | None = None) -> Iterator[WorkerPlan]:
    """Join the cluster that ``RAY_ADDRESS`` names, or start Ray here, and leave it at the end.

    ``max_workers`` bounds the shard workers. On a cluster the four packages travel with the job;
    their dependencies and the paths of videos and outputs have to be there on every node.

    Raises:
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there, or Ray does not start.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        modules = [import_module(name) for name in ("stores", "extract", "model", "pipeline")]
        ray.init(
            address=address,
            runtime_env={"py_modules": modules},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    else:
        _start_local()
    try:
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        plan = plan_workers([(node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in resources])
        workers = plan.shard_workers if max_workers is None else max_workers
        yield replace(plan, shard_workers=min(plan.shard_workers, workers))
    finally:
        ray.shutdown()


def _start_local() -> None:
    """Start Ray here, with room for twice the frames in flight; ConnectionError if it does not."""
    in_flight = plan_workers([(os.cpu_count() or 1, 0)]).frames_in_flight
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=max(2 * in_flight * _LARGEST_FRAME, 128 << 20),
        )
    except Exception as error:
        # Of no class of Ray's own. Usually the machine has far too much other work: Ray's processes
        # get 30 seconds to answer.
        reason = " ".join(str(error).split())
        raise ConnectionError(
            f"Ray did not start on this machine ({reason}); try again when it has less other work"
        ) from error


def node_is_alive(node_id: str) -> bool:
    """Return whether the node with this id is part of the cluster."""
    return any(node["NodeID"] == node_id and node["Alive"] for node in ray.nodes())


def require_node() -> None:
    """Raise ConnectionError where no node is left: workers would be waited for without end."""
    if not any(node["Alive"] for node in ray.nodes()):
        raise ConnectionError(
            "Ray's last node is gone (killed, or out of memory); what was committed stays, run the "
            "same command again"
        )
