import os

import pytest

from stores.files.content import content_of, still_holds, was_replaced
from stores.files.locations import location
from stores.records import Content

SMALL, LARGE = 5_000, 40 << 20


@pytest.fixture(params=[SMALL, LARGE], ids=["small", "large"])
def path(request, tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(request.param))
    return path


def write_at(path, place, data=b"other"):
    """Overwrite some bytes without changing the size or the date."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(place, os.SEEK_SET if place >= 0 else os.SEEK_END)
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("whole", [False, True])
def test_touching_a_file_or_moving_its_date_changes_nothing(path, whole):
    known = content_of(str(path), whole=whole)
    assert still_holds(str(path), known)
    for date in (0, 1_600_000_000, 4_000_000_000):
        os.utime(path, (date, date))
        assert still_holds(str(path), known)


@pytest.mark.parametrize("place", [0, 2_500, -5], ids=["head", "in the first block", "tail"])
@pytest.mark.parametrize("date", [0, 1_600_000_000, 4_000_000_000])
def test_another_film_under_the_same_name_and_of_the_same_size_is_told(path, place, date):
    known = content_of(str(path))
    write_at(path, place)
    os.utime(path, (date, date))
    assert not still_holds(str(path), known)


def test_a_file_that_grew_or_was_cut_or_is_gone_is_told(path):
    known = content_of(str(path))
    with path.open("ab") as file:
        file.write(b"more")
    assert not still_holds(str(path), known)
    with path.open("r+b") as file:
        file.truncate(1_000)
    assert not still_holds(str(path), known)
    path.unlink()
    assert not still_holds(str(path), known)
    assert content_of(str(path)) is None


def test_holes_that_a_copy_has_not_filled_yet_are_told_from_the_whole(tmp_path):
    """Some programs give a copy its size first; a fifteenth of the file cannot hide."""
    path, data = tmp_path / "film.mp4", os.urandom(LARGE)
    path.write_bytes(data)
    known = content_of(str(path))
    for start in range(0, LARGE, LARGE // 7):
        end = start + LARGE // 14
        path.write_bytes(data[:start] + bytes(end - start) + data[end:])
        assert not still_holds(str(path), known)


def test_a_change_between_the_samples_takes_a_whole_digest(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(LARGE))
    sampled, whole = content_of(str(path)), content_of(str(path), whole=True)
    write_at(path, LARGE // 30)
    assert still_holds(str(path), sampled, trust_date=False)
    assert still_holds(str(path), whole)
    assert not still_holds(str(path), whole, trust_date=False)


def test_a_date_that_was_put_back_hides_nothing_where_dates_are_not_trusted(path):
    known = content_of(str(path))
    write_at(path, 0)
    assert still_holds(str(path), known)
    assert not still_holds(str(path), known, trust_date=False)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_has_no_content(tmp_path, make):
    make(tmp_path / "film.mp4")
    assert content_of(str(tmp_path / "film.mp4")) is None
    assert not still_holds(str(tmp_path / "film.mp4"), Content(0, 0, "whole:0"))
    assert content_of("") is None


def test_a_file_that_could_not_be_read_is_another_once_it_can_be(public, without_privileges):
    path = public / "film.mp4"
    path.write_text("video")
    path.chmod(0)
    with without_privileges():
        known = content_of(str(path))
        assert (known.size, known.digest) == (5, "unread:")
        assert still_holds(str(path), known)
    path.chmod(0o644)
    with without_privileges():
        assert not still_holds(str(path), known)


def test_a_remote_object_is_known_by_what_its_store_says():
    url = "memory://content/film.mp4"
    location(url).write_bytes(b"one")
    known = content_of(url)
    assert known.size == 3
    assert still_holds(url, known)
    location(url).write_bytes(b"two")
    assert not still_holds(url, known)
    assert content_of("memory://content/none.mp4") is None


@pytest.fixture(params=[1, 40_000], ids=["small", "large"])
def images(request, tmp_path):
    """A folder of images, of which all bytes or samples alone are looked at."""
    folder = tmp_path / "01_0015"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:03d}.jpg").write_bytes(os.urandom(10 + number) * request.param)
    return folder


@pytest.mark.parametrize("whole", [False, True])
def test_a_folder_of_images_is_held_as_one_file_is(images, whole):
    known = content_of(str(images), whole=whole)
    assert known.size == sum(path.stat().st_size for path in images.iterdir())
    assert known.digest.partition(":")[0] == (
        "whole" if whole or known.size <= 1 << 20 else "samples"
    )
    for path in [images, images / "030.jpg"]:
        os.utime(path, (4_000_000_000, 4_000_000_000))
        assert still_holds(str(images), known)
    write_at(images / "059.jpg", 0)
    assert not still_holds(str(images), known, trust_date=False)


def test_an_image_that_came_or_went_or_got_another_name_is_told(images):
    known = content_of(str(images))
    (images / "060.jpg").write_bytes(b"more")
    assert not still_holds(str(images), known)
    (images / "060.jpg").unlink()
    os.utime(images, (0, 0))
    assert still_holds(str(images), known)
    (images / "030.jpg").rename(images / "061.jpg")
    assert not still_holds(str(images), known)
    assert was_replaced(str(images), known)
    for path in images.iterdir():
        path.unlink()
    assert content_of(str(images)) is None
    assert not still_holds(str(images), known)
    assert not was_replaced(str(images), known)  # it is gone
