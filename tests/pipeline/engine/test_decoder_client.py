"""A decode worker of another node, which is this machine's only one here; others: decode_worker."""

import os
import signal
import time
from dataclasses import replace

import psutil
import pytest
import ray

from extract.video import read_chunks
from pipeline.engine.cluster import CHUNK_FRAMES
from pipeline.engine.decode_worker import Limits, OutOfReachError
from pipeline.engine.decoder_client import DecoderClient, DecoderLost
from stores.files.content import content_of

pytestmark = pytest.mark.ray

PATIENT = Limits(deadline=60, memory=4 << 30)


def test_one_that_helps_has_a_core_where_there_is_one_and_is_killed_and_replaced(
    local_ray, footage, demo_recipe
):
    video = str(next(path for path in sorted(footage.rglob("*.mp4"))))
    content = content_of(video)
    client = DecoderClient(PATIENT, helps=True)
    assert not client.is_up
    client.settle()
    assert ray.available_resources()["CPU"] <= 1
    assert client.reach(video, content) == video
    with pytest.raises(OutOfReachError):
        client.reach(video, replace(content, size=content.size + 1))
    with pytest.raises(OutOfReachError):
        client.reach(video + ".other", content)
    read = list(read_chunks(video, demo_recipe, chunk_frames=CHUNK_FRAMES))
    assert len(list(client.stream(video, demo_recipe, "auto"))) == len(read)
    pid = ray.get(client.actor.process.remote())
    os.kill(pid, signal.SIGSTOP)
    client.limits = replace(PATIENT, deadline=2)
    with pytest.raises(DecoderLost, match="no frames within 2 s; decode worker killed"):
        list(client.stream(video, demo_recipe, "auto"))
    assert not client.is_up
    client.limits = PATIENT
    client.settle()
    assert len(list(client.stream(video, demo_recipe, "auto"))) == len(read)
    until = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.1)
    client.end()
