import os
import signal

import pytest
import ray
from ray.cluster_utils import Cluster

from extract.clip_weights import default_precision
from pipeline.engine.tasks import TaskFailed, encoder_precision, run_tasks


@pytest.mark.ray
def test_every_call_ends_with_its_result_or_its_reason():
    def divide(number):
        if number == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return 12 // number

    outcomes = dict(run_tasks(divide, [0, 3, 4, 7]))
    died = outcomes.pop(7)
    assert outcomes == {0: TaskFailed("integer division or modulo by zero"), 3: 4, 4: 3}
    assert isinstance(died, TaskFailed)
    assert "\n" not in died.reason
    assert not ray.is_initialized()


def test_this_machine_is_asked_without_ray():
    assert encoder_precision() == default_precision()
    assert not ray.is_initialized()


@pytest.mark.ray
@pytest.mark.slow
def test_a_cluster_is_asked_by_a_task(monkeypatch):
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    try:
        assert encoder_precision() == default_precision("cpu")
        assert not ray.is_initialized()
    finally:
        cluster.shutdown()
