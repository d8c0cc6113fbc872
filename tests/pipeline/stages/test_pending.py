import os
import shutil

import pytest

from pipeline.options import ReadOptions
from pipeline.stages.pending import Recorded, find_pending
from stores.files.content import content_of
from stores.files.locations import location
from stores.records import StoreError, VideoItem


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / "camera").mkdir(exist_ok=True)
        (tmp_path / "camera" / f"{name}.mp4").write_text(f"film {name}")
    return tmp_path / "camera"


def items_in(root):
    return [VideoItem(path.name, str(path)) for path in sorted(root.iterdir())]


def recorded_of(items, failed=()):
    return {
        item.video_id: Recorded(item.path, content_of(item.path), item.video_id in failed)
        for item in items
    }


def names(items):
    return [item.video_id for item in items]


def find(items, recorded, **options):
    return find_pending(location("out"), items, recorded, ReadOptions(**options))


def test_what_is_not_known_is_pending_in_order_and_failures_when_asked(root):
    items = items_in(root)
    recorded = recorded_of(items[:1]) | recorded_of(items[1:2], failed=["b.mp4"])
    found = find(items, recorded)
    assert (names(found.items), found.redone, found.again) == (["c.mp4"], 0, False)
    found = find(items, recorded, retry_failed=True)
    assert (names(found.items), found.again) == (["b.mp4", "c.mp4"], True)
    assert find([], recorded).items == []


def test_a_file_that_changed_is_read_again_or_kept_or_refused(root):
    items = items_in(root)
    recorded = recorded_of(items)
    (root / "b.mp4").write_text("another film")
    found = find(items, recorded)
    assert (names(found.items), found.redone, found.again) == (["b.mp4"], 1, True)
    kept = find(items, recorded, on_change="keep")
    assert (kept.items, kept.redone, kept.kept, kept.again) == ([], 0, 1, False)
    with pytest.raises(StoreError, match=r"held before: b\.mp4; --on-change redo replaces them"):
        find(items, recorded, on_change="refuse")


@pytest.mark.parametrize("on_change", ["redo", "keep", "refuse"])
def test_a_failure_is_tried_again_once_its_file_is_another(root, on_change):
    items = items_in(root)
    recorded = recorded_of(items, failed=["b.mp4"])
    assert find(items, recorded, on_change=on_change).items == []
    (root / "b.mp4").write_text("now it is complete")
    os.utime(root / "b.mp4", (1_000_000_000, 1_000_000_000))  # as rsync and FTP leave it
    assert names(find(items, recorded, on_change=on_change).items) == ["b.mp4"]


def test_a_failure_that_had_no_file_is_tried_again_once_there_is_one(root):
    item = VideoItem("d.mp4", str(root / "d.mp4"))
    recorded = {"d.mp4": Recorded(item.path, None, failed=True)}
    assert find([item], recorded).items == []
    (root / "d.mp4").write_text("film d")
    assert find([item], recorded).items == [item]


@pytest.mark.parametrize("date", [0, 4_000_000_000])
def test_a_date_alone_changes_nothing(root, date):
    items = items_in(root)
    recorded = recorded_of(items, failed=["b.mp4"])
    os.utime(root / "a.mp4", (date, date))
    os.utime(root / "b.mp4", (date, date))
    assert find(items, recorded).items == []


def test_a_file_that_is_gone_keeps_its_results(root):
    items = items_in(root)
    recorded = recorded_of(items)
    (root / "a.mp4").unlink()
    found = find(items, recorded)
    assert (found.items, found.redone) == ([], 0)


def test_another_camera_that_uses_the_same_names_is_refused(root, tmp_path):
    """A file of equal size counted as the same one."""
    recorded = recorded_of(items_in(root))
    other = shutil.copytree(root, tmp_path / "other")
    assert find(items_in(other), recorded).items == []
    (other / "b.mp4").write_text("film B")
    with pytest.raises(StoreError, match=r"camera/b\.mp4, and .*other/b\.mp4 has the same name"):
        find(items_in(other), recorded)
    shutil.rmtree(root)  # moved away: nothing left to be taken for it
    assert names(find(items_in(other), recorded).items) == ["b.mp4"]


def test_features_that_were_imported_have_no_file_to_compare(root):
    recorded = {item.video_id: Recorded("", None, failed=False) for item in items_in(root)}
    assert find(items_in(root), recorded).items == []


def test_a_changed_date_that_is_not_trusted_takes_a_whole_digest(root):
    items = items_in(root)
    recorded = recorded_of(items)
    status = (root / "c.mp4").stat()
    (root / "c.mp4").write_text("film C")
    os.utime(root / "c.mp4", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert find(items, recorded).items == []
    assert names(find(items, recorded, full_digest=True).items) == ["c.mp4"]


def test_files_that_are_known_by_samples_are_named_where_whole_digests_are_wanted(root, caplog):
    (root / "a.mp4").write_bytes(bytes(2 << 20))
    items = items_in(root)
    recorded = recorded_of(items)
    find(items, recorded)
    assert caplog.messages == []
    find(items, recorded, full_digest=True)
    assert caplog.messages == ["1 file: read without --full-digest, and compared by samples"]
