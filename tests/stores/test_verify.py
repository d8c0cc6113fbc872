import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from model.scoring.events import label_all
from stores.features.catalog import open_catalog
from stores.features.shard_index import ShardRecipe
from stores.features.shards import read_segments, read_times, write_shard
from stores.records import EventRule, StoreError, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores
from stores.verify import check_tree, set_aside

HEADER = ScoreHeader(("normal", "fight"), "m" * 16, "r" * 16, EventRule())


@pytest.fixture
def tree(tmp_path, make_features):
    """Two shards and one part of scores."""
    for name in ("a", "b"):
        video = make_features(name, segments=40)
        write_shard(tmp_path / "features", ShardRecipe("{}", "0"), [video])
    random = np.random.default_rng(0)
    score = random.random(4000).astype(np.float32)
    scored = VideoScores(
        item=video.item,
        times=np.arange(4000) / 25,
        score=score,
        probabilities=np.stack([1 - score, score], axis=1),
    )
    write_scores(tmp_path / "scored", HEADER, label_all([scored], HEADER))
    return tmp_path


def damaged(root):
    return [each for each in check_tree(root) if each.reason]


def test_what_is_whole_is_whole(tree):
    assert len(list(check_tree(tree))) == 3
    assert damaged(tree) == []


@pytest.mark.parametrize("tenths", range(10))
def test_a_file_cut_at_any_tenth_is_found_and_set_aside(tree, tenths):
    (shard, _), (part,) = tree.rglob("shard-*.h5"), tree.rglob("scores/*.parquet")
    for path in (shard, part):
        path.write_bytes(path.read_bytes()[: path.stat().st_size * tenths // 10])
    found = damaged(tree)
    assert [len(each.files) for each in found] == [1, 3]
    for each in found:
        assert str(tree) in each.reason
        set_aside(each)
    assert damaged(tree) == []
    assert len(open_catalog(tree / "features").videos) == 1


def flips(whole, random):
    """Yield a file's bytes 150 times, each with one bit flipped somewhere else."""
    for position in random.integers(0, len(whole), 150):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << int(random.integers(8))
        yield flipped


@pytest.mark.slow
def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(tree, tmp_path):
    """No bit of a shard or a part can be flipped into another number without it being told."""
    random = np.random.default_rng(0)
    (shard, *_) = sorted(tree.rglob("shard-*.h5"))
    whole = shard.read_bytes()
    (name,) = open_catalog(tree / "features").videos.keys() - {"b"}
    video = open_catalog(tree / "features").videos[name]
    expected = read_segments(video), read_times(video)
    told = 0
    for flipped in flips(whole, random):
        shard.write_bytes(flipped)
        if damaged(tree):
            told += 1
            continue
        video = open_catalog(tree / "features").videos[name]
        assert np.array_equal(read_segments(video), expected[0])
        assert np.array_equal(read_times(video), expected[1])
    assert told > 40


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["scores", "events", "videos"])
def test_a_flipped_bit_of_a_part_is_found_or_changes_nothing(tree, kind):
    """Columns that nothing of ours reads belong to whoever opens the file with another program."""
    random = np.random.default_rng(0)
    (part,) = (tree / "scored" / kind).glob("*.parquet")
    whole, expected = part.read_bytes(), pq.read_table(part)
    told = 0
    for flipped in flips(whole, random):
        part.write_bytes(flipped)
        if damaged(tree):
            told += 1
            continue
        assert pq.read_table(part).equals(expected)
    assert told > 40


@pytest.mark.parametrize("link", ["scored/videos/damaged", "features/damaged"])
def test_nothing_is_set_aside_through_a_link(tree, tmp_path, link):
    (shard, _), (part,) = sorted(tree.rglob("shard-*.h5")), tree.rglob("videos/*.parquet")
    for path in (shard, part):
        path.write_bytes(b"damaged")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tree / link).symlink_to(elsewhere)
    harmed = next(each for each in damaged(tree) if (tree / link).parent == each.files[-1].parent)
    with pytest.raises(StoreError, match=f"{link} is a link"):
        set_aside(harmed)
    assert list(elsewhere.iterdir()) == []


def test_a_part_without_its_scores_is_found(tree):
    (path,) = tree.rglob("scores/*.parquet")
    path.unlink()
    (found,) = damaged(tree)
    assert "is missing; score its videos again" in found.reason


def test_a_foreign_file_under_our_name_is_found(tree):
    shutil.copy(__file__, tree / "features" / "shard-0000.h5")
    (found,) = damaged(tree)
    assert "damaged shard" in found.reason


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no such folder"):
        list(check_tree(tmp_path / "gone"))
