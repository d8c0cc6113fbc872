"""What is asked of a cluster's nodes; who leaves and joins is tested in ``test_two_nodes.py``."""

import pytest
import ray

from pipeline.engine.cluster import plan_workers
from pipeline.engine.nodes import node_is_alive, node_without_gpu, require_node, room_for_workers

pytestmark = pytest.mark.ray


def test_a_node_without_a_gpu_has_room_for_one_worker_and_may_help(local_ray):
    own = ray.get_runtime_context().get_node_id()
    require_node()
    assert node_is_alive(own)
    assert not node_is_alive(own[::-1])
    assert room_for_workers(plan_workers([(2.0, 0.0)])) == 1
    assert room_for_workers(plan_workers([(64.0, 0.0)])) == 0
    assert node_without_gpu()[0] == own
