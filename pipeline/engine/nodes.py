"""The nodes of the cluster as they are now: what they have room for, and who is left."""

from __future__ import annotations

import random

import ray

from pipeline.engine.cluster import WorkerPlan
from pipeline.engine.session import LOST


def room_for_workers(plan: WorkerPlan) -> int:
    """Return how many shard workers of a plan the cluster's present nodes have room for."""
    found = 0
    for node in (each["Resources"] for each in ray.nodes() if each["Alive"]):
        fitting = int(node.get("CPU", 0.0) / plan.cpus)
        found += min(fitting, int(node.get("GPU", 0.0)) if plan.gpus else 1)
    return found


def node_is_alive(node_id: str) -> bool:
    """Return whether the node with this id is part of the cluster."""
    return any(node["NodeID"] == node_id and node["Alive"] for node in ray.nodes())


def require_node() -> None:
    """Raise ConnectionError where no node is left: workers would be waited for without end."""
    if not any(node["Alive"] for node in ray.nodes()):
        raise ConnectionError(LOST)


def node_without_gpu() -> tuple[str, str] | None:
    """Return id and address of a node that no shard worker with a GPU goes to; None without one.

    Drawn by chance, each as often as it has cores: shard workers that look for cores know nothing
    of one another.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and not node["Resources"].get("GPU")]
    cores = [int(node["Resources"].get("CPU", 0)) for node in nodes]
    if not any(cores):
        return None
    (node,) = random.choices(nodes, cores)
    return node["NodeID"], node["NodeManagerAddress"]
