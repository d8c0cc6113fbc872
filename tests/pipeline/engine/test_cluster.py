import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.engine.cluster import CHUNK_FRAMES, PREFETCH, plan_workers

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("cpus", [1, 2, 4, 8, 64])
def test_one_machine_without_a_gpu_is_used_whole(cpus):
    plan = plan_workers([(float(cpus), 0.0)])
    assert plan.shard_workers == 1
    assert plan.torch_threads == plan.cpus == cpus
    assert plan.decoders == min(cpus, 16)


@pytest.mark.parametrize(("cpus", "gpus"), [(4, 1), (16, 1), (16, 8), (2, 4), (128, 2)])
def test_every_gpu_gets_a_shard_worker_and_a_decoder(cpus, gpus):
    plan = plan_workers([(float(cpus), float(gpus)), (64.0, 0.0)])
    assert plan.shard_workers == gpus
    assert plan.decoders >= 1
    assert gpus * plan.cpus <= cpus
    assert plan.cpus < 1 or plan.cpus == int(plan.cpus)


def test_two_nodes_work_side_by_side_and_one_without_cores_does_not_count():
    plan = plan_workers([(2.0, 0.0), (4.0, 0.0), (0.0, 0.0)])
    assert plan.shard_workers == 2
    assert plan.torch_threads == plan.cpus == 2


def test_the_bound_on_frames_in_flight_follows_from_the_plan():
    plan = plan_workers([(2.0, 0.0)])
    assert plan.frames_in_flight == 2 * (PREFETCH + 1) * CHUNK_FRAMES


@pytest.mark.ray
def test_no_process_of_a_local_ray_can_be_reached_from_outside():
    """In a process of its own, since Ray reads the setting when it is imported."""
    code = (
        "import psutil, ray\n"
        "from pipeline.engine.cluster import running_cluster\n"
        "with running_cluster():\n"
        "    ray.get(ray.remote(lambda: 0).remote())\n"
        "    me = psutil.Process()\n"
        "    for each in (me, *me.children(recursive=True)):\n"
        "        for socket in each.net_connections('inet'):\n"
        "            if socket.status == psutil.CONN_LISTEN:\n"
        "                print(socket.laddr.ip)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ended.returncode == 0, ended.stderr
    addresses = ended.stdout.split()
    assert len(addresses) > 5  # the head's, the node's, a worker's
    assert set(addresses) <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
