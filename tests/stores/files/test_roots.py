import json
import shutil
from pathlib import Path

import pytest

from stores.files.content import content_of
from stores.files.roots import FILE, ReplacedError, Roots, record_root, recorded_roots
from stores.records import StoreError


def test_a_run_records_its_root_and_earlier_ones_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for root in (Path("one"), Path("/two/../three"), Path("one")):
        record_root(tmp_path, root)
    assert recorded_roots(tmp_path) == (str(tmp_path / "one"), "/three")


def test_a_copy_has_no_roots_wherever_it_comes_from_and_a_moved_folder_has(tmp_path):
    (tmp_path / "own").mkdir()
    record_root(tmp_path / "own", Path("/v"))
    shutil.copytree(tmp_path / "own", tmp_path / "copy")
    assert recorded_roots(tmp_path / "copy") == ()
    assert recorded_roots((tmp_path / "own").rename(tmp_path / "moved")) == ("/v",)
    record_root(tmp_path / "copy", Path("/w"))  # by a run of ours, from now on
    assert recorded_roots(tmp_path / "copy") == ("/w",)


def test_a_record_of_other_content_is_named(tmp_path):
    (tmp_path / FILE).write_text(json.dumps({"schema": 1, "folder": "x", "roots": []}))
    with pytest.raises(StoreError, match=f"{FILE}.*folder: expected"):
        recorded_roots(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/passwd", "/v2/a.mp4", "/v/../etc/passwd", "relative/a.mp4", "http://host/a.mp4"),
        *("file:///v/a.mp4", "s3://v/a.mp4", ""),
    ],
)
def test_what_lies_below_no_root_is_not_opened(path):
    with pytest.raises(StoreError, match="lies below no folder|there is no video"):
        Roots(None, ("/v",)).find("a.mp4", path)


def test_an_address_is_opened_below_a_root_that_was_named_alone():
    with pytest.raises(StoreError, match="lies below no folder"):
        Roots(None, ("memory://v",)).find("a", "memory://v/a")


@pytest.mark.parametrize("path", ["/v/a.mp4", "/v/deep/b.mp4", "/v/./c.mp4", "/v/d/../e.mp4"])
def test_what_lies_below_a_recorded_root_is_opened(path):
    found = Roots(None, ("/other", "/v")).find("any", path)
    assert Path(found).is_relative_to("/v")
    assert Roots(None, ("/v/a.mp4",)).find("a", "/v/a.mp4") == "/v/a.mp4"


def test_a_root_that_is_named_stands_for_where_the_videos_lie_now(tmp_path):
    for name in ("a.mp4", "deep/b.mp4"):
        (tmp_path / "now" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "now" / name).touch()
    (tmp_path / "outside.mp4").touch()
    roots = Roots(tmp_path / "now", ("/v",))
    assert roots.find("a.mp4", str(tmp_path / "now" / "a.mp4")) == str(tmp_path / "now" / "a.mp4")
    assert roots.find("deep/b.mp4", "/theirs/deep/b.mp4") == str(tmp_path / "now/deep/b.mp4")
    single = Roots(tmp_path / "now" / "a.mp4", ())
    assert single.find("a.mp4", "/theirs/a.mp4") == str(tmp_path / "now" / "a.mp4")
    for video_id in (
        "c.mp4",
        "../outside.mp4",
        "deep/../../outside.mp4",
        f"{tmp_path}/outside.mp4",
    ):
        with pytest.raises(StoreError, match="does not lie below"):
            roots.find(video_id, "/v/c.mp4")


def test_a_root_that_is_named_has_to_be_there(tmp_path):
    with pytest.raises(StoreError, match=r"nope, which is to hold the videos, does not exist"):
        Roots(tmp_path / "nope", ())


def test_a_root_that_is_named_may_be_an_address():
    from stores.files.locations import location

    root = location("memory://bucket/videos")
    roots = Roots(root, ())
    assert roots.find("x", "memory://bucket/videos/a.mp4") == "memory://bucket/videos/a.mp4"
    for path in ("memory://bucket/videos/../other", "memory://bucket/videos2/a", "/etc/passwd"):
        with pytest.raises(StoreError, match="does not lie below"):
            roots.find("x", path)
    (root / "deep").mkdir(parents=True)
    (root / "deep" / "a.mp4").write_bytes(b"x")
    assert roots.find("deep/a.mp4", "/theirs/a.mp4") == "memory://bucket/videos/deep/a.mp4"


def test_another_film_in_the_place_of_the_one_that_was_read_is_not_opened(tmp_path):
    film = tmp_path / "a.mp4"
    film.write_text("the first")
    roots, content = Roots(None, (str(tmp_path),)), content_of(str(film))
    assert roots.find("a.mp4", str(film), content) == str(film)
    film.write_text("a second")
    with pytest.raises(ReplacedError, match=r"a\.mp4 changed since it was read; read it again"):
        roots.find("a.mp4", str(film), content)


def test_a_film_whose_folder_was_moved_is_found_below_the_root_of_a_later_run(tmp_path):
    (tmp_path / "now" / "deep").mkdir(parents=True)
    (tmp_path / "now" / "deep" / "a.mp4").touch()
    roots = Roots(None, (str(tmp_path / "before"), str(tmp_path / "now")))
    before, now = (str(tmp_path / root / "deep" / "a.mp4") for root in ("before", "now"))
    assert roots.find("deep/a.mp4", before) == now
    assert roots.find("../now/deep/a.mp4", before) == before


def test_a_folder_of_images_is_found_as_a_film_is(tmp_path):
    frames = tmp_path / "now" / "a.mp4"
    frames.mkdir(parents=True)
    for number in range(3):
        (frames / f"{number}.jpg").write_bytes(b"p")
    recorded = Roots(None, (str(tmp_path / "before"), str(tmp_path / "now")))
    assert recorded.find("a.mp4", str(tmp_path / "before" / "a.mp4")) == str(frames)
    assert Roots(tmp_path / "now", ()).find("a.mp4", "/elsewhere/a.mp4") == str(frames)
    content = content_of(str(frames))
    (frames / "1.jpg").write_bytes(b"other")
    with pytest.raises(ReplacedError, match=r"a\.mp4 changed since it was read"):
        recorded.find("a.mp4", str(frames), content)
