"""How long do a catalog and a folder of scores take that lie behind a URL, far away?

    python benchmarks/remote.py [--shards 1000] [--delay 0.05] [--rounds 1] [--only catalog]

An S3 server of this machine, in a process of its own, holds so many shards of eight videos and so
many parts of scores of one, and answers each request after a delay. What it serves is counted, and
is part of the answer: a request is what costs, and some stores charge for it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import Figure, Timing, finish, once, show_timings

from model.scoring.events import label_all
from stores.features.catalog import open_catalog
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.files.locations import filesystem_of, location
from stores.records import DecodeAudit, EventRule, VideoFeatures, VideoItem, VideoScores
from stores.scores.reader import read_events, read_scores, read_videos
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "s3://benchmark"
PER_SHARD, SEGMENTS, WIDTH = 8, 150, 512
CLASSES = ("normal", "other")


class Server:
    """The S3 server in its process: its address, its delay, and the requests that it had."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.delay = context.Value("d", 0.0)
        self.requests = context.Value("q", 0)
        ours, theirs = context.Pipe()
        arguments = (theirs, self.delay, self.requests)
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        self.address: str = ours.recv()

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def serve(found: Connection, delay: Any, requests: Any) -> None:
    """Serve S3 until the process ends, each request after the delay that holds then."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    store = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with requests.get_lock():
            requests.value += 1
        time.sleep(delay.value)
        answer: Iterable[bytes] = store(environ, start)
        return answer

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay, as those of a real store do

        def log(self, *_: object) -> None:
            return

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    found.send(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


@contextmanager
def remote_store() -> Iterator[tuple[Server, Path]]:
    """Yield a running server and its empty bucket."""
    server = Server()
    os.environ |= {
        "AWS_ENDPOINT_URL": server.address,
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        root = location(BUCKET)
        root.mkdir()
        yield server, root
    finally:
        server.stop()


def fill(root: Path, count: int) -> None:
    """Put so many shards and parts into the bucket."""
    recipe, frames = ShardRecipe("{}", "0" * 16), 16 * SEGMENTS
    random = np.random.default_rng(0)
    rows = random.standard_normal((1, SEGMENTS, WIDTH)).astype(np.float16)
    times = np.arange(frames) / 25
    audit = DecodeAudit("pyav", frames, frames, frames / 25)
    header = ScoreHeader(CLASSES, "m" * 16, "r" * 16, EventRule(threshold=0.5))
    normal = np.repeat(random.random(SEGMENTS // 25) < 0.5, 16 * 25).astype(np.float32)
    shares = np.stack([normal, 1 - normal], axis=1)
    with tempfile.TemporaryDirectory() as name:
        for number in range(count):
            items = [VideoItem(f"{number:04d}/{i}.mp4", f"{number}-{i}") for i in range(PER_SHARD)]
            videos = [VideoFeatures(item, rows, times, audit) for item in items]
            write_shard(Path(name) / "features", recipe, videos)
            scores = VideoScores(items[0], times, 1 - normal, shares)
            write_scores(Path(name) / "scores", header, label_all([scores], header))
        filesystem, _ = filesystem_of(str(root))
        filesystem.put(f"{name}/features/", f"{BUCKET}/features/", recursive=True)
        filesystem.put(f"{name}/scores/", f"{BUCKET}/scores/", recursive=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds before each answer")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+")
    options = parser.parse_args()
    with remote_store() as (server, root):
        fill(root, options.shards)
        server.delay.value = options.delay
        features, scores = root / "features", root / "scores"
        items = [VideoItem(f"{number:04d}/0.mp4", "") for number in range(options.shards)]
        ways: dict[str, Callable[[], object]] = {
            "catalog": lambda: open_catalog(features),
            "videos": lambda: read_videos(scores),
            "events": lambda: read_events(scores),
            "frame scores": lambda: list(read_scores(scores, items)),
        }
        timings: dict[str, Timing] = {}
        figures = []
        for name in options.only or ways:
            before = server.requests.value
            timings[name] = once(ways[name])
            asked = server.requests.value - before
            figures += [
                Figure(f"remote: {name} of {options.shards}", timings[name].wall, "s"),
                Figure(f"remote: {name}, requests", asked / options.shards, "a file"),
            ]
            print(name, timings[name], asked, flush=True)
    show_timings(timings)
    finish("remote", vars(options), figures, timings)


if __name__ == "__main__":
    main()
