import numpy as np
import pyarrow.parquet as pq
import pytest

from model.scoring.events import label_all
from stores.records import EventRule, StoreError, VideoItem, VideoScores
from stores.scores.frames import iterate_scores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

HEADER = ScoreHeader(("normal", "fire"), "m", "r", EventRule())


def made(video_id, frames, seed):
    score = np.random.default_rng(seed).random(frames, dtype=np.float32)
    return VideoScores(
        VideoItem(video_id, f"/videos/{video_id}"),
        np.arange(frames) / 25,
        score,
        np.stack([1 - score, score], axis=1),
    )


def assert_equal(found, expected):
    assert [each.item for each in found] == [each.item for each in expected]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.score, theirs.score)
        np.testing.assert_array_equal(ours.times, theirs.times)
        np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)


def test_videos_come_back_one_by_one_and_only_those_asked_for(tmp_path):
    videos = [made(f"{name}.mp4", frames=40 + seed, seed=seed) for seed, name in enumerate("abc")]
    write_scores(tmp_path, HEADER, label_all(videos, HEADER))
    items = [video.item for video in videos]
    assert_equal(list(iterate_scores(tmp_path, items)), videos)
    assert_equal(list(iterate_scores(tmp_path, items[1:2])), videos[1:2])


@pytest.mark.parametrize("rows", [1, 7, 50, 1000])
def test_how_rows_are_grouped_does_not_matter(tmp_path, rows):
    videos = [made("a.mp4", 33, 0), made("b.mp4", 1, 1), made("c.mp4", 60, 2)]
    write_scores(tmp_path, HEADER, label_all(videos, HEADER))
    (part,) = (tmp_path / "scores").iterdir()
    table = pq.read_table(part)
    pq.write_table(table, part, row_group_size=rows, write_page_checksum=True)
    assert_equal(list(iterate_scores(tmp_path, [video.item for video in videos])), videos)


def test_what_a_killed_run_did_not_commit_is_not_read(tmp_path):
    first, second = made("a.mp4", 20, 0), made("b.mp4", 20, 1)
    write_scores(tmp_path, HEADER, label_all([first], HEADER))
    (committed,) = (tmp_path / "videos").iterdir()
    write_scores(tmp_path, HEADER, label_all([second], HEADER))
    for path in (tmp_path / "videos").iterdir():
        if path != committed:
            path.unlink()
    assert_equal(list(iterate_scores(tmp_path, [first.item, second.item])), [first])


def test_a_damaged_part_is_named(tmp_path):
    video = made("a.mp4", 2000, 0)
    write_scores(tmp_path, HEADER, label_all([video], HEADER))
    (part,) = (tmp_path / "scores").iterdir()
    data = bytearray(part.read_bytes())
    start = pq.ParquetFile(part).metadata.row_group(0).column(3).data_page_offset
    data[start + 200] ^= 0xFF
    part.write_bytes(data)
    with pytest.raises(StoreError, match=rf"damaged.*{part.name}"):
        list(iterate_scores(tmp_path, [video.item]))
