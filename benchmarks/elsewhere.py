"""What do the cores of another node add where a GPU's node has one, and what if that node leaves?

    python benchmarks/elsewhere.py [--cores 1] [--videos 40] [--rounds 3]

A local cluster of a node with one core and a GPU by name, and one of so many cores without. The
device is the stand-in of ``filling.py``, which takes no processor; decoders, Ray and files are
real, and so is the way of frames from one node's object store to the other's. Both nodes share this
machine's cores: with two of them, two decoders can be no more than twice as quick as one. Then the
other node is killed when a third of the videos are read, and comes back at two thirds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from clips import draw_videos
from filling import make_readers
from measuring import Figure, Timing, finish, once, show_timings, take_turns
from ray.cluster_utils import Cluster

from extract.recipe import RECIPES
from pipeline.engine.cluster import running_cluster
from pipeline.engine.events import FramesRead
from pipeline.engine.readers import Readers
from stores.records import VideoFeatures, VideoItem


def read(readers: Readers, videos: Sequence[Path], moment: Callable[[int], None]) -> None:
    """Read all videos once, calling ``moment`` with how many are done; none is lost or repeated."""
    done: Counter[str] = Counter()
    for output in readers.read([VideoItem(path.name, str(path)) for path in videos]):
        if not isinstance(output, FramesRead):
            assert isinstance(output, VideoFeatures), output.reason
            done[output.item.video_id] += 1
            moment(done.total())
    assert done == Counter(path.name for path in videos)


def wait_for_helpers(readers: Readers, count: int) -> None:
    """Wait until so many decoders of other nodes are up."""
    while sum(client.helps and client.is_up for client in readers._clients) < count:
        time.sleep(0.1)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    head = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 2 << 30}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    other = cluster.add_node(num_cpus=options.cores)
    cluster.wait_for_nodes()
    os.environ["RAY_ADDRESS"] = cluster.address
    recipe = replace(RECIPES["squash"], model="tiny", frames="middle")

    def leave_and_come_back(done: int) -> None:
        if done == len(videos) // 3:
            cluster.remove_node(other, allow_graceful=False)
        if done == 2 * len(videos) // 3:
            cluster.add_node(num_cpus=options.cores)

    try:
        with tempfile.TemporaryDirectory() as name, running_cluster() as plan:
            videos = draw_videos(Path(name), 20, options.videos, (640, 480))
            alone = make_readers(
                replace(plan, helpers=0), recipe, batch=64, image_seconds=1e-5, together=True
            )
            helped = make_readers(plan, recipe, batch=64, image_seconds=1e-5, together=True)
            wait_for_helpers(helped, plan.helpers)
            ways: dict[str, Callable[[], object]] = {
                "its own core": lambda: read(alone, videos, lambda _: None),
                "and another node's": lambda: read(helped, videos, lambda _: None),
            }
            for way in ways.values():
                way()  # which starts its decoders
            before = [client.busy for client in helped._clients]
            timings: dict[str, Timing] = take_turns(ways, options.rounds)
            busy = [c.busy - b for c, b in zip(helped._clients, before, strict=True)]
            timings["that is killed and comes back"] = once(
                lambda: read(helped, videos, leave_and_come_back)
            )
            wait_for_helpers(helped, 1)
    finally:
        cluster.shutdown()
    show_timings(timings)
    wall, *others = (timing.wall for timing in timings.values())
    figures = [
        Figure(
            "elsewhere: decoders of the GPU's node and others", plan.decoders + plan.helpers, ""
        ),
        Figure("elsewhere: decoding done there", sum(busy[plan.decoders :]) / sum(busy), ""),
        Figure("elsewhere: with another node's cores", wall / others[0], "times"),
        Figure("elsewhere: which is killed and comes back", wall / others[1], "times"),
    ]
    finish("elsewhere", vars(options), figures, timings)


if __name__ == "__main__":
    main()
