"""Writers killed before every single call that changes a name; the same command then goes on."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from model.scoring.events import label_all
from stores.calibration import Calibration, load_calibration, save_calibration
from stores.features.catalog import open_catalog
from stores.features.manifest import read_manifest, write_manifest
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.files.commit import commit_text, exclusive
from stores.records import EventRule, Failure, VideoItem, VideoScores
from stores.scores.reader import (
    open_scores,
    read_events,
    read_scores,
    read_videos,
    remove_other_parts,
)
from stores.scores.schema import ScoreHeader
from stores.scores.writer import part_name, write_scores
from stores.verify import check_tree, set_aside

pytestmark = pytest.mark.slow

HEADER = ScoreHeader(("normal", "fight"), "m" * 16, "r" * 16, EventRule())
RECIPE = ShardRecipe("{}", "0")
VIDEOS = ("a", "b")


def scored(name, frames=40):
    score = np.random.default_rng(ord(name)).random(frames).astype(np.float32)
    both = np.stack([1 - score, score], axis=1)
    return VideoScores(VideoItem(name, f"/v/{name}"), np.arange(frames) / 25, score, both)


def score_all(folder, header=HEADER):
    """What `score` does with its folder: one part for each video that has no row, one failure."""
    with exclusive(folder):
        done = {row.video_id for row in open_scores(folder, header)}
        for name in VIDEOS:
            if name not in done:
                write_scores(folder, header, label_all([scored(name)], header))
        if "d" not in done:
            write_scores(folder, header, [], [Failure(VideoItem("d", "/v/d"), "no video stream")])
        return open_scores(folder, header)


def extract_all(folder, make_features):
    """What `extract` does with its folder: one shard for each video that has none."""
    with exclusive(folder):
        write_manifest(folder, [VideoItem(name, f"/v/{name}") for name in VIDEOS])
        done = open_catalog(folder).videos
        for number, name in enumerate(VIDEOS):
            if name not in done:
                write_shard(folder, RECIPE, [make_features(name, seed=number)])


def repair(folder):
    for each in check_tree(folder):
        if each.reason:
            set_aside(each)


def consistent(folder):
    """Whether all that a folder of scores calls done is there."""
    done = {row.video_id: row.frames for row in read_videos(folder) if row.status != "failed"}
    found = read_scores(folder, [VideoItem(name, "") for name in done])
    return {scores.item.video_id: len(scores.score) for scores in found} == done


@pytest.fixture
def whole(tmp_path):
    """A folder of scores that nothing disturbed."""
    score_all(tmp_path / "whole")
    return tmp_path / "whole"


def cut(path):
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["scores", "events", "videos"])
def test_a_repair_of_scores(whole, tmp_path, killed_everywhere, contents, kind):
    harmed = shutil.copytree(whole, tmp_path / "harmed")
    cut(sorted((harmed / kind).glob("part-*"))[0])
    kills = 0
    for folder in killed_everywhere(harmed, repair):
        kills += 1
        if list(folder.rglob("damaged/*")):
            assert consistent(folder)  # `score` alone sees what is to be done
        else:
            repair(folder)
        score_all(folder)
        assert contents(folder) == contents(whole)
    assert kills > 3


def test_a_repair_of_shards(tmp_path, killed_everywhere, contents, make_features):
    whole = tmp_path / "whole"
    extract_all(whole, make_features)
    harmed = shutil.copytree(whole, tmp_path / "harmed")
    cut(sorted(harmed.glob("shard-*"))[0])
    kills = 0
    for folder in killed_everywhere(harmed, repair):
        kills += 1
        repair(folder)
        extract_all(folder, make_features)
        assert contents(folder) == contents(whole)
    assert kills > 2


def test_scoring(whole, tmp_path, killed_everywhere, contents):
    (tmp_path / "empty").mkdir()
    kills = 0
    for folder in killed_everywhere(tmp_path / "empty", score_all):
        kills += 1
        assert consistent(folder)
        score_all(folder)
        assert contents(folder) == contents(whole)
    assert kills > 9


def test_extracting(tmp_path, killed_everywhere, contents, make_features):
    extract_all(tmp_path / "whole", make_features)
    (tmp_path / "empty").mkdir()
    kills = 0
    for folder in killed_everywhere(
        tmp_path / "empty", lambda folder: extract_all(folder, make_features)
    ):
        kills += 1
        assert len(read_manifest(folder) or VIDEOS) == len(VIDEOS)
        extract_all(folder, make_features)
        assert contents(folder) == contents(tmp_path / "whole")
    assert kills > 4


def replace_all(folder, header):
    """What `evaluate` does with its folder: everything anew, as one part."""
    results = [scored(name) for name in VIDEOS]
    with exclusive(folder):
        remove_other_parts(folder, header, kept=part_name(header, 0, VIDEOS))
        write_scores(folder, header, label_all(results, header))


@pytest.mark.parametrize("model", ["m", "n"])
def test_replacing_the_scores_of_another_or_the_same_model(
    tmp_path, killed_everywhere, contents, model
):
    score_all(tmp_path / "before")
    replace_all(tmp_path / "before", HEADER)
    header = replace(HEADER, model_fingerprint=model * 16)
    whole = shutil.copytree(tmp_path / "before", tmp_path / "whole")
    replace_all(whole, header)
    kills = 0
    for folder in killed_everywhere(
        tmp_path / "before", lambda folder: replace_all(folder, header)
    ):
        kills += 1
        assert consistent(folder)
        assert {name for name, _ in read_events(folder)} <= set(VIDEOS)
        replace_all(folder, header)
        assert contents(folder) == contents(whole)
    assert kills > 3


@pytest.mark.parametrize("kind", ["scores", "events", "videos"])
def test_replacing_scores_of_which_a_file_is_damaged(tmp_path, killed_everywhere, contents, kind):
    whole, before = tmp_path / "whole", tmp_path / "before"
    replace_all(whole, HEADER)
    shutil.copytree(whole, before)
    cut(next((before / kind).glob("part-*")))
    for folder in killed_everywhere(before, lambda folder: replace_all(folder, HEADER)):
        if contents(folder) != contents(before):
            assert consistent(folder)
        replace_all(folder, HEADER)
        assert contents(folder) == contents(whole)


def test_a_killed_clearing_of_unfinished_parts(whole, tmp_path, killed_everywhere, contents):
    """`score` on what a killed one left: it is cleared, killed, and cleared again."""
    left = shutil.copytree(whole, tmp_path / "left")
    for part in left.glob("videos/part-*"):
        part.unlink()
    (left / "scores" / ".partial-0-part.parquet").write_text("half")
    kills = 0
    for folder in killed_everywhere(left, score_all):
        kills += 1
        assert consistent(folder)
        score_all(folder)
        assert contents(folder) == contents(whole)
    assert kills > 9


def calibration(threshold):
    figures = {"recall": 0.5, "false_alarms_per_hour": 1, "error_before": 0, "error_after": 0}
    rule = EventRule(threshold=threshold)
    return Calibration("m", "ucf", "test", 1, 1, 1, "x", rule, None, unseen={}, **figures)


def test_a_calibration_is_the_old_or_the_new_one(tmp_path, killed_everywhere, contents):
    before = tmp_path / "before"
    save_calibration(before, calibration(0.3))
    kills = 0
    for folder in killed_everywhere(before, lambda to: save_calibration(to, calibration(0.4))):
        kills += 1
        assert load_calibration(folder).rule.threshold in (0.3, 0.4)
        save_calibration(folder, calibration(0.4))
        with exclusive(folder):  # as the next training into the folder does
            pass
        assert list(contents(folder)) == ["calibration.json"]
        assert load_calibration(folder).rule.threshold == 0.4
    assert kills == 3


def test_a_commit_is_there_whole_or_not_at_all(tmp_path, killed_everywhere, contents):
    (tmp_path / "before").mkdir()
    kills = 0
    for folder in killed_everywhere(tmp_path / "before", lambda to: commit_text(to / "d/f", "x")):
        kills += 1
        assert not (folder / "d/f").exists() or (folder / "d/f").read_text() == "x"
        with exclusive(folder):
            assert contents(folder).keys() <= {"d/f"}
    assert kills > 3
