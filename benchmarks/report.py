"""How long does a report of many videos or of a very long one take to write, and to open?

Writes made-up scores by the thousand over a few generated videos under as many names, builds the
report, and opens it in Chromium from disk, a fresh browser profile each time. Needs the dev extra
and a Chromium on the path.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from model.scoring.events import label_all
from pipeline.commands.report import ReportRun
from pipeline.views.report.build import write_report
from stores.datasets import ucf
from stores.datasets.synthetic.dataset import generate
from stores.datasets.synthetic.plan import Settings
from stores.files.scan import find_videos
from stores.records import SEGMENT_FRAMES, EventRule, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

_RATE = 30  # frames a second
_PER_PART = 8  # videos, as `score` writes them
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
_REPEATS = 5
_PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_HEADER = ScoreHeader(ucf.DATASET.classes, "m" * 16, "r" * 16, EventRule())


def made_up(name: str, path: str, frames: int, seed: int) -> VideoScores:
    """Return scores that wander from segment to segment and now and then rise to an event."""
    random = np.random.default_rng(seed)
    segments = -(-frames // SEGMENT_FRAMES)
    noise = np.convolve(random.standard_normal(segments + 8), np.ones(9) / 3, "valid")
    score = 1 / (1 + np.exp(3 - 2 * noise))
    kinds = random.dirichlet(np.full(len(_HEADER.classes) - 1, 0.2), 1 + segments // 20)
    kinds = kinds.repeat(20, axis=0)[:segments] * score[:, None]
    rows = np.concatenate([1 - score[:, None], kinds], axis=1).astype(np.float32)
    return VideoScores(
        item=VideoItem(name, path),
        times=np.arange(frames) / _RATE,
        score=score.astype(np.float32).repeat(SEGMENT_FRAMES)[:frames],
        probabilities=rows.repeat(SEGMENT_FRAMES, axis=0)[:frames],
    )


def many_videos(folder: Path, count: int, seconds: int, files: int) -> Path:
    """Write the scores of ``count`` videos, of which the first ``files`` are there.

    They are a few generated videos under that many names.
    """
    settings = Settings(2, 2, 2, 2, seconds=(float(seconds), float(seconds)))
    generate(folder / "drawn", 1, settings)
    sources = find_videos(folder / "drawn")
    (folder / "videos").mkdir()
    paths = []
    for number in range(count):
        source = sources[number % len(sources)]
        paths.append(folder / "videos" / f"camera {number:04d}{source.suffix}")
        if number < files:
            paths[-1].hardlink_to(source)
    for first in range(0, count, _PER_PART):
        part = [
            made_up(path.name, str(path), seconds * _RATE, first + number)
            for number, path in enumerate(paths[first : first + _PER_PART])
        ]
        write_scores(folder / "scores" / "many", _HEADER, label_all(part, _HEADER))
    return folder / "scores" / "many"


def a_long_video(folder: Path, hours: float) -> Path:
    """Write the scores of one video without its file."""
    frames = round(hours * 3600 * _RATE)
    write_scores(
        folder / "scores" / "long",
        _HEADER,
        label_all([made_up("long.mp4", "", frames, 1)], _HEADER),
    )
    return folder / "scores" / "long"


def timed(action: Callable[[], object]) -> float:
    """Return the seconds an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def size_of(folder: Path) -> tuple[float, int]:
    """Return the megabytes and the number of files below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e6, len(files)


@contextmanager
def opened(browser: Browser, page: str, ready: str) -> Iterator[tuple[Page, float]]:
    """Yield a page and the seconds until it was ready and painted."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()

    def go() -> None:
        tab.goto(page, wait_until="load")
        tab.wait_for_selector(ready)
        tab.evaluate(_PAINTED)

    yield tab, timed(go)
    context.close()


def measure_index(browser: Browser, report: Path) -> dict[str, float]:
    """Open the index several times; sort, filter and scroll it."""
    loads, sorts, filters = [], [], []
    for _ in range(_REPEATS):
        with opened(browser, (report / "index.html").as_uri(), "#videos tr") as (tab, seconds):
            loads.append(seconds)
            name = "() => document.querySelector('[data-column=name] button').click()"
            sorts.append(timed(partial(settle, tab, name)))
            text = "() => { document.getElementById('text').value = '99'; }"
            tab.evaluate(text)
            fire = "() => document.getElementById('text').dispatchEvent(new Event('input'))"
            filters.append(timed(partial(settle, tab, fire)))
    return {
        "index open, s": statistics.median(loads),
        "sort, s": statistics.median(sorts),
        "filter, s": statistics.median(filters),
    }


def measure_video(browser: Browser, report: Path) -> dict[str, float]:
    """Open the page of a long video several times; zoom in, and move the threshold twice."""
    (row,) = json.loads(
        (report / "data" / "index.js").read_text().removeprefix('report.receive("index","",')[:-3]
    )["rows"]
    page = f"{(report / 'video.html').as_uri()}#{row['key']}"
    loads, zooms, firsts, seconds_moves = [], [], [], []
    zoom = "() => { for (let n = 0; n < 5; n += 1) document.getElementById('closer').click(); }"
    move = """value => {
        const slider = document.getElementById("threshold");
        slider.value = value;
        slider.dispatchEvent(new Event("input"));
    }"""
    counted = "before => document.getElementById('count').textContent !== before"
    for _ in range(_REPEATS):
        with opened(browser, page, "body[data-ready]") as (tab, seconds):
            loads.append(seconds)

            def zoom_in(tab: Page = tab) -> None:
                tab.evaluate(zoom)
                tab.wait_for_selector("body[data-pieces]:not([data-pieces=''])")
                tab.evaluate(_PAINTED)

            def move_to(value: str, tab: Page = tab) -> None:
                before = tab.locator("#count").inner_text()
                tab.evaluate(move, value)
                tab.wait_for_function(counted, arg=before)
                tab.evaluate(_PAINTED)

            zooms.append(timed(zoom_in))
            firsts.append(timed(lambda: move_to("0.8")))
            seconds_moves.append(timed(lambda: move_to("0.3")))
    return {
        "page open, s": statistics.median(loads),
        "zoom to full resolution, s": statistics.median(zooms),
        "first move of the threshold, s": statistics.median(firsts),
        "next move, s": statistics.median(seconds_moves),
    }


def settle(tab: Page, script: str) -> None:
    """Run a script and wait until its result is painted."""
    tab.evaluate(script)
    tab.evaluate(_PAINTED)


def main() -> None:
    """Build, open, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=30, help="length of each of them")
    parser.add_argument("--files", type=int, default=2000, help="how many of them have a file")
    parser.add_argument("--hours", type=float, default=10.0, help="length of the long video")
    arguments = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        parser.error("no Chromium on the path")
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as started:
        folder = Path(name)
        scores = many_videos(folder, arguments.videos, arguments.seconds, arguments.files)
        used = time.process_time()
        figures["build, s"] = timed(lambda: write_report(ReportRun(scores=scores, videos=folder)))
        figures["build, CPU seconds"] = time.process_time() - used
        figures["build again, s"] = timed(
            lambda: write_report(ReportRun(scores=scores, videos=folder))
        )
        figures["report, MB"], figures["files of the report"] = size_of(scores / "report")
        figures["index data, MB"] = (scores / "report/data/index.js").stat().st_size / 1e6
        figures["sheets of thumbnails, MB"], _ = size_of(scores / "report/pictures")
        figures["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        browser = started.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        figures |= measure_index(browser, scores / "report")
        scores = a_long_video(folder, arguments.hours)
        figures["long video: build, s"] = timed(
            lambda: write_report(ReportRun(scores=scores, videos=folder))
        )
        (main_file,) = (scores / "report/data").glob("????????????????.js")
        figures["long video: data of the page, MB"] = main_file.stat().st_size / 1e6
        figures["long video: pieces, MB"] = size_of(scores / "report/data")[0]
        found = measure_video(browser, scores / "report")
        figures |= {f"long video: {what}": value for what, value in found.items()}
        browser.close()
    for what, value in figures.items():
        print(f"{what:45} {value:10.2f}")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(json.dumps({"machine": platform.machine(), **vars(arguments), **figures}))


if __name__ == "__main__":
    main()
