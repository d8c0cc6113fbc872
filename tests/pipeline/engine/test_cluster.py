import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pipeline.engine.cluster import (
    CHUNK_FRAMES,
    PREFETCH,
    fit_to_store,
    gpus_of_machine,
    plan_workers,
    running_cluster,
)

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


@pytest.mark.parametrize(
    ("nodes", "helpers"),
    [
        ([(4.0, 1.0)], 0),
        ([(4.0, 1.0), (8.0, 0.0)], 8),
        ([(4.0, 1.0), (64.0, 0.0)], 13),  # to sixteen decoders for a GPU
        ([(32.0, 1.0), (64.0, 0.0)], 0),
        ([(8.0, 2.0), (3.0, 0.0), (4.0, 0.0)], 3),
        ([(16.0, 0.0), (4.0, 0.0)], 0),
    ],
)
def test_nodes_without_a_gpu_decode_where_cores_beside_gpus_are_few(nodes, helpers):
    plan = plan_workers(nodes)
    assert plan.helpers == helpers
    assert plan.frames_in_flight == (
        plan.shard_workers * (plan.decoders + helpers) * (PREFETCH + 1) * CHUNK_FRAMES
    )


def test_helpers_are_the_first_that_memory_has_no_room_for():
    plan = plan_workers([(4.0, 1.0), (8.0, 0.0)])
    assert (plan.decoders, plan.helpers) == (3, 8)
    each = plan.store_bytes / 11
    found = [fit_to_store(plan, (n + 0.5) * each) for n in (11, 7, 3, 2, 0)]
    assert [(p.decoders, p.helpers) for p in found] == [(3, 8), (3, 4), (3, 0), (2, 0), (1, 0)]


def test_two_nodes_work_side_by_side_and_one_without_cores_does_not_count():
    plan = plan_workers([(2.0, 0.0), (4.0, 0.0), (0.0, 0.0)])
    assert plan.shard_workers == 2
    assert plan.torch_threads == plan.cpus == 2


def test_the_bound_on_frames_in_flight_follows_from_the_plan():
    plan = plan_workers([(2.0, 0.0)])
    assert plan.frames_in_flight == 2 * (PREFETCH + 1) * CHUNK_FRAMES


def test_the_store_of_eight_gpus_holds_twice_what_they_have_in_flight():
    """It was sized for 16 decoders, whatever the plan said."""
    one, eight = (plan_workers([(16.0 * gpus, gpus)]) for gpus in (1, 8))
    assert (one.decoders, eight.decoders) == (15, 15)
    assert eight.frames_in_flight == 8 * one.frames_in_flight
    assert eight.store_bytes == 8 * one.store_bytes >= 2 * eight.frames_in_flight * 340 * 256 * 3


def test_where_memory_has_no_room_for_the_frames_of_all_decoders_there_are_fewer():
    plan = plan_workers([(128.0, 8)])
    assert fit_to_store(plan, plan.store_bytes) == plan
    half = fit_to_store(plan, plan.store_bytes / 2)
    assert half == replace(plan, decoders=7)
    assert half.store_bytes <= plan.store_bytes / 2
    assert fit_to_store(plan, 1 << 20).decoders == 1


@pytest.mark.parametrize(("visible", "gpus"), [("", 0), ("0", 1), ("0,1", 2), (None, 3)])
def test_no_more_gpus_count_than_a_run_may_see(monkeypatch, tmp_path, visible, gpus):
    for number in range(3):
        (tmp_path / str(number)).mkdir()
    monkeypatch.setattr("pipeline.engine.cluster._GPUS", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus_of_machine() == gpus


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


RUNNING = """
import ray, sys, time
from pipeline.engine.cluster import running_cluster
from pipeline.signals import run

def program():
    with running_cluster():
        ray.get(ray.remote(lambda: 0).remote())
        print("running", flush=True)
        time.sleep(600)

run(program)
"""
GONE = "error: Ray is gone from under this command (killed, or out of memory); what was committed"
ENDED = "ended by SIGTERM; what was committed stays, the same command goes on"
KILLED_BY_THE_ALARM = (-signal.SIGALRM, "")
"""For where Ray's native code hangs with Python's lock held, as it can do when its servers end."""


@pytest.fixture
def start():
    """Start that program with a short TMPDIR of its own; in the end nothing may be left of it."""
    with tempfile.TemporaryDirectory(prefix="t-") as temporary:
        run = subprocess.Popen(
            [sys.executable, "-c", RUNNING],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": temporary},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        yield run
        over = time.monotonic() + 20
        while (left := list(Path(temporary).glob("[!t]*"))) and time.monotonic() < over:
            time.sleep(0.1)  # one that was killed is cleared away after
        assert left == []  # torch keeps a cache there


def server_of(run, name):
    """Wait for one of Ray's servers below a process."""
    while True:
        assert run.poll() is None
        for child in psutil.Process(run.pid).children():
            if child.name() == name:
                return child
        time.sleep(0.02)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("server", ["gcs_server", "raylet"])
def test_a_run_whose_ray_is_killed_ends_by_itself_in_one_line(start, server):
    """It hung for a minute, then Ray's native code ended it with lines of its own."""
    assert start.stdout.readline() == "running\n"
    below = psutil.Process(start.pid).children(recursive=True)
    server_of(start, server).kill()
    _, error = start.communicate(timeout=60)
    if (start.returncode, error) != KILLED_BY_THE_ALARM:
        assert (start.returncode, error.count("\n")) == (2, 1), error
        assert error.startswith(GONE)
    assert psutil.wait_procs(below, timeout=60)[1] == []


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("everyone", [False, True])
@pytest.mark.parametrize("is_running", [pytest.param(False, marks=pytest.mark.long), True])
def test_sigterm_ends_ray_and_all_of_it(start, is_running, everyone):
    """While it starts or runs; to the command alone, or to all as by a service manager."""
    server_of(start, "gcs_server")
    if is_running:
        assert start.stdout.readline() == "running\n"
    below = psutil.Process(start.pid).children(recursive=True)
    (os.killpg if everyone else os.kill)(start.pid, signal.SIGTERM)
    _, error = start.communicate(timeout=60)
    assert (start.returncode, error) in ((143, f"{ENDED}\n"), KILLED_BY_THE_ALARM)
    assert psutil.wait_procs(below, timeout=60)[1] == []


@pytest.mark.ray
@pytest.mark.slow
def test_what_a_killed_run_started_ends_with_it(start):
    """Ray's own processes went on for up to a minute, and its folder stayed for the next run."""
    assert start.stdout.readline() == "running\n"
    below = psutil.Process(start.pid).children(recursive=True)
    start.kill()
    start.communicate(timeout=60)
    assert psutil.wait_procs(below, timeout=20)[1] == []


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:{silent}"])
def test_an_address_where_no_cluster_answers_is_named_at_once(address, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = address.format(silent=silent.getsockname()[1])
        monkeypatch.setenv("RAY_ADDRESS", address)
        with (
            pytest.raises(ConnectionError, match=f"no cluster answers at RAY_ADDRESS={address}"),
            running_cluster(),
        ):
            pass
