import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

import pipeline
from pipeline.commands.score import ScoreRun
from pipeline.commands.watch import WatchRun
from pipeline.stages.score import score
from pipeline.stages.watch import Settling, watch
from stores.records import StoreError, VideoItem
from stores.scores.reader import read_scores, read_videos

PATIENCE = 240.0


def test_a_file_is_finished_once_it_rests_by_our_own_clock():
    settling = Settling(5.0)
    assert settling.finished({"a": (10, 1)}, now=100.0) == []  # however old its date is
    assert settling.finished({"a": (20, 2)}, now=104.0) == []  # it grew
    assert settling.finished({"a": (20, 2), "b": (7, 1)}, now=108.9) == []
    assert settling.finished({"a": (20, 2), "b": (7, 1)}, now=109.0) == ["a"]
    assert settling.finished({"b": (7, 9)}, now=113.9) == []  # same size, written anew
    assert settling.finished({}, now=114.0) == []  # moved away, and what comes back is another
    assert settling.finished({"b": (7, 9)}, now=118.9) == []
    assert settling.finished({"b": (7, 9)}, now=123.9) == ["b"]


def test_mistakes_are_named(tmp_path, checkpoint):
    with pytest.raises(StoreError, match="no such folder"):
        watch(WatchRun(tmp_path / "gone", checkpoint), print)
    with pytest.raises(StoreError, match="no checkpoint at"):
        watch(WatchRun(tmp_path, tmp_path), print)


def test_with_nothing_to_do_it_ends_and_what_is_not_there_yet_is_nothing(tmp_path, checkpoint):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "just-opened.mp4").touch()
    (tmp_path / "videos" / ".a.mp4").write_text("being copied by a program that renames at the end")
    run = WatchRun(tmp_path / "videos", checkpoint, out=tmp_path / "out", once=True, settle=0.1)
    report = watch(run, print)
    assert (report.new, report.already, report.failed, report.stopped) == (0, 0, 0, False)
    assert read_videos(tmp_path / "out") == []


def test_what_is_no_file_under_a_videos_name_is_named(tmp_path, checkpoint, caplog):
    (tmp_path / "videos").mkdir()
    os.mkfifo(tmp_path / "videos" / "pipe.mp4")
    (tmp_path / "videos" / "lost.mp4").symlink_to("nowhere")
    run = WatchRun(tmp_path / "videos", checkpoint, out=tmp_path / "out", once=True, settle=0.1)
    assert watch(run, print).new == 0
    for name in ("lost.mp4", "pipe.mp4"):
        assert f"{name}: not watched: a pipe, a device, or a link that leads nowhere" in caplog.text


class Watcher:
    """A watcher in a process of its own, ended with all below it."""

    def __init__(self, videos, checkpoint, out):
        options = ["--checkpoint", checkpoint, "--out", out, "--settle", "1.5", "--poll", "0.2"]
        self.out = out
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "watch", str(videos), *map(str, options)],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()

    def kill(self):
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.communicate()

    def until(self, scored):
        """Wait until these videos and no other have rows."""
        deadline = time.monotonic() + PATIENCE
        while {v.video_id for v in read_videos(self.out)} != scored:
            assert time.monotonic() < deadline, read_videos(self.out)
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        output, error = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, output, error


def copy_slowly(source, target, share=(0.0, 1.0), steps=8):
    """Append a share of a file in steps, with pauses shorter than the watcher's patience."""
    data = source.read_bytes()
    start, end = (int(part * len(data)) for part in share)
    target.parent.mkdir(exist_ok=True)
    for edge in range(start, end, max(1, (end - start) // steps)):
        with target.open("ab") as file:
            file.write(data[edge : min(end, edge + (end - start) // steps)])
        time.sleep(0.4)
    assert target.stat().st_size == end


@pytest.mark.ray
@pytest.mark.slow
def test_a_file_that_grows_is_scored_once_it_is_whole(footage, checkpoint, tmp_path):
    source, videos = sorted(footage.rglob("*.mp4"))[0], tmp_path / "videos"
    videos.mkdir()
    copying = threading.Thread(target=copy_slowly, args=(source, videos / "a.mp4"))
    copying.start()
    rows = []
    out = tmp_path / "out"
    run = WatchRun(videos, checkpoint, out=out, settle=1.5, poll=0.2, idle_exit=1.0)
    report = watch(run, rows.append)
    copying.join()
    assert (report.new, report.failed, report.stopped) == (1, 0, False)
    assert [(row.video_id, row.status) for row in rows] == [("a.mp4", "ok")]
    (scores,) = read_scores(out, [VideoItem("a.mp4", "")])
    plain = pipeline.load_scorer(checkpoint, device="cpu").score_video(source).scores
    np.testing.assert_allclose(scores.score, plain.score, atol=5e-3)
    np.testing.assert_array_equal(scores.times, plain.times)
    assert score(ScoreRun(videos, checkpoint, out=out)).already == 1


@pytest.mark.ray
@pytest.mark.long
def test_files_copied_slowly_and_a_kill_in_between(footage, checkpoint, tmp_path):
    first, second, third, fourth = sorted(footage.rglob("*.mp4"))[:4]
    videos, out = tmp_path / "videos", tmp_path / "out"
    videos.mkdir()
    with Watcher(videos, checkpoint, out) as watcher:
        copy_slowly(first, videos / "a.mp4")
        os.utime(videos / "a.mp4", (1e9, 1e9))  # as if moved here with its old date
        watcher.until({"a.mp4"})
        copy_slowly(second, videos / "deep" / "b.mp4", (0.0, 0.6))
        watcher.kill()
    assert {v.video_id for v in read_videos(out)} == {"a.mp4"}
    with Watcher(videos, checkpoint, out) as watcher:
        copy_slowly(second, videos / "deep" / "b.mp4", (0.6, 1.0))
        shutil.copy(third, tmp_path / "c.part")
        (tmp_path / "c.part").rename(videos / "c.mp4")
        watcher.until({"a.mp4", "deep/b.mp4", "c.mp4"})
        (videos / "d.mp4").write_text("no video")
        watcher.until({"a.mp4", "deep/b.mp4", "c.mp4", "d.mp4"})
        shutil.copy(fourth, videos / "d.mp4")  # what failed is tried again once it changed
        deadline = time.monotonic() + PATIENCE
        while any(v.status == "failed" for v in read_videos(out)):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        code, output, error = watcher.stop()
    assert code == 0, error
    assert "scores: 3 videos scored, 1 were there" in output
    assert output.count("failed") == 1
    names = {"a.mp4": first, "deep/b.mp4": second, "c.mp4": third, "d.mp4": fourth}
    found = read_scores(out, [VideoItem(name, "") for name in names])
    stored = {each.item.video_id: each for each in found}
    scorer = pipeline.load_scorer(checkpoint, device="cpu")
    for name, source in names.items():
        plain = scorer.score_video(source).scores
        np.testing.assert_allclose(stored[name].score, plain.score, atol=5e-3)
        np.testing.assert_array_equal(stored[name].times, plain.times)
