"""Ray: starting it or joining it, and how many workers of which size a machine gets."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import ray

from pipeline.engine.session import (
    OwnServers,
    RayLost,
    answers,
    private_folder,
    require_usable_machine,
    watched,
)
from pipeline.signals import ending, kept_handlers, kill_descendants

logger = logging.getLogger(__name__)

CHUNK_FRAMES = 64
"""Sampled frames that travel together: 17 MB at 340×256, large against Ray's cost of about 1 ms."""

PREFETCH = 2
"""Chunks a decode worker may be ahead of the encoder: one waiting while the next is made."""

_GPUS = Path("/proc/driver/nvidia/gpus")

_SHARED_MEMORY = "/dev/shm"
_SHARE_OF_MEMORY = 0.9  # of what is free there, which Ray may take
_SMALLEST_STORE = 128 << 20  # bytes

_LARGEST_FRAME = 2 * 256 * 256 * 3  # bytes at the recipe's size; wider than 2:1 is rare
_MAX_DECODERS = 16  # per GPU; with more, the object store and not decoding is the limit


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How many shard workers there are, and what each asks of Ray for itself and its decoders.

    Decoders live on their shard worker's node and ask for nothing: were they to be placed apart, a
    shrinking cluster could give the last cores to a shard worker whose decoders then never start.
    ``helpers`` of each shard worker decode on nodes without a GPU, with a core each, where and as
    long as there is one.
    """

    shard_workers: int
    decoders: int
    cpus: float
    gpus: float
    torch_threads: int
    helpers: int = 0

    @property
    def frames_in_flight(self) -> int:
        """The most decoded frames that exist at one time outside the decoders."""
        readers = self.shard_workers * (self.decoders + self.helpers)
        return readers * (PREFETCH + 1) * CHUNK_FRAMES

    @property
    def store_bytes(self) -> int:
        """Bytes of Ray's object store for twice those frames, were all workers on one node."""
        return max(2 * self.frames_in_flight * _LARGEST_FRAME, _SMALLEST_STORE)


def plan_workers(nodes: Sequence[tuple[float, float]]) -> WorkerPlan:
    """Return the plan for nodes with so many CPUs and GPUs each.

    With GPUs, one shard worker each, and its share of the node's cores for decoders; where these
    are few, its share of the cores of nodes without a GPU, too. Without, one shard worker a node:
    torch uses every core for one batch, and as many decoders work while it waits. The smallest node
    decides, since every worker asks for the same.
    """
    with_gpus = [(cpus, int(gpus)) for cpus, gpus in nodes if gpus >= 1]
    if with_gpus:
        share = min(cpus / gpus for cpus, gpus in with_gpus)
        workers = sum(gpus for _, gpus in with_gpus)
        decoders = int(min(max(share - 1, 1), _MAX_DECODERS))
        spare = sum(int(cpus) for cpus, gpus in nodes if gpus < 1)
        return WorkerPlan(
            shard_workers=workers,
            decoders=decoders,
            helpers=min(_MAX_DECODERS - decoders, spare // workers),
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


def fit_to_store(plan: WorkerPlan, room: float) -> WorkerPlan:
    """Return the plan with as many decoders as frames in flight have room for; one at least."""
    if plan.store_bytes <= room:
        return plan
    each = replace(plan, decoders=1, helpers=0).frames_in_flight * 2 * _LARGEST_FRAME
    fitting = max(1, int(room // each))
    decoders = min(plan.decoders, fitting)
    return replace(plan, decoders=decoders, helpers=min(plan.helpers, fitting - decoders))


def gpus_of_machine() -> int:
    """Return how many NVIDIA GPUs Ray may find here, without asking a library of theirs."""
    found = len(list(_GPUS.glob("*")))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found if visible is None else min(found, len(visible.split(",")) if visible else 0)


def _room_in_memory() -> float:
    """Return the bytes that shared memory has room for; without end where there is none."""
    if not Path(_SHARED_MEMORY).is_dir():
        return float("inf")
    return _SHARE_OF_MEMORY * shutil.disk_usage(_SHARED_MEMORY).free


@contextmanager
def running_cluster(max_workers: int | None = None) -> Iterator[WorkerPlan]:
    """Join the cluster that ``RAY_ADDRESS`` names, or start Ray here, and leave it at the end.

    ``max_workers`` bounds the shard workers. On a cluster the four packages travel with the job;
    their dependencies and the paths of videos and outputs have to be there on every node.

    Raises:
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there, or Ray does not start,
            or is lost while the block runs.
    """
    address = os.environ.get("RAY_ADDRESS")
    with _joined(address) if address else _started():
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        plan = plan_workers([(node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in resources])
        for node in resources:
            there = replace(plan, shard_workers=max(1, int(node.get("GPU", 0))))
            if there.gpus <= node.get("GPU", 0):  # else no worker goes there
                room = node.get("object_store_memory", float("inf"))
                fitted = fit_to_store(there, room)
                plan = replace(plan, decoders=fitted.decoders, helpers=fitted.helpers)
        workers = plan.shard_workers if max_workers is None else max_workers
        yield replace(plan, shard_workers=min(plan.shard_workers, workers))


@contextmanager
def _joined(address: str) -> Iterator[None]:
    """Join the cluster at ``address`` while the block runs."""
    failure = f"no cluster answers at RAY_ADDRESS={address}"
    place = address.rpartition("/")[2]  # without the ray:// of one that is joined as a client
    is_host_and_port = re.search(r":\d+$", place) is not None

    def asked() -> bool:
        return not is_host_and_port or answers(place)

    if not asked():  # Ray itself would wait for two minutes
        raise ConnectionError(f"{failure}; start one there, or leave the variable out")
    modules = [import_module(name) for name in ("stores", "extract", "model", "pipeline")]
    with _ray(failure, asked, patience=45.0, address=address, runtime_env={"py_modules": modules}):
        yield


@contextmanager
def _started() -> Iterator[None]:
    """Start Ray here while the block runs, with room for twice the frames in flight."""
    require_usable_machine()
    plan = plan_workers([(os.cpu_count() or 1, gpus_of_machine())])
    room = _room_in_memory()
    fitted = fit_to_store(plan, room)
    if fitted != plan:
        logger.warning(
            "%s decoders a worker instead of %s: frames in flight are kept in %s, which has room "
            "for %.1f GiB",
            fitted.decoders,
            plan.decoders,
            _SHARED_MEMORY,
            room / 2**30,
        )
    with (
        private_folder() as folder,
        _ray(
            "Ray did not start on this machine",
            OwnServers(),
            patience=0.0,
            address="local",
            include_dashboard=False,
            object_store_memory=fitted.store_bytes,
            _temp_dir=str(folder),
        ),
    ):
        yield


@contextmanager
def _ray(
    failure: str, is_alive: Callable[[], bool], *, patience: float, **options: object
) -> Iterator[None]:
    """Run Ray while the block runs; a ConnectionError says that it does not, and why."""
    loss = f"{failure}: one of its processes was killed, or is out of memory"
    try:
        with kept_handlers(), watched(is_alive, patience, loss):
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except RayLost:
        raise
    except (Exception, SystemExit) as error:  # of no class of Ray's own
        reason = " ".join(str(error).split())
        # Ray's processes get 30 seconds to answer.
        is_slow = "timed out" in reason or "overloaded" in reason
        cure = "; try again when it has less other work" if is_slow else ""
        raise ConnectionError(f"{failure} ({reason}){cure}") from error
    try:
        with watched(is_alive, patience):
            yield
    finally:
        if ending() is None:
            ray.shutdown()
        else:  # which would hang, with Python's lock held, where a signal ended Ray's servers too
            kill_descendants()
