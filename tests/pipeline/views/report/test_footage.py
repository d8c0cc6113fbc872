import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlparse

import cv2
import pytest

from pipeline.views.report.files import ReportFiles
from pipeline.views.report.footage import PICTURES, Wanted, look, picture_times


def test_pictures_are_spread_evenly_and_one_is_the_peak():
    times = picture_times(10.0, 7.4)
    assert times == (1.0, 3.0, 5.0, 7.4, 9.0)
    assert picture_times(0.0, 0.0) == (0.0,) * PICTURES


@pytest.fixture
def videos(footage):
    """One video of each codec: its file and whether browsers play it."""
    plays = {".mp4": True, ".avi": False}
    test = sorted((footage / "test").iterdir())
    return [(next(p for p in test if p.suffix == suffix), plays[suffix]) for suffix in plays]


def wanted(path, key="abc"):
    return Wanted(key, str(path), picture_times(2.0, 1.0))


def test_a_sheet_holds_the_pictures_side_by_side_and_addresses_lead_to_the_file(videos, tmp_path):
    (path, _), _ = videos
    ((found, *_),) = look(ReportFiles(tmp_path), [wanted(path)], "report --proxies", copy=False)
    sheet = cv2.imread(str(tmp_path / "pictures" / found.sheet))
    assert sheet.shape == (90, PICTURES * 120, 3)
    relative, absolute = found.addresses
    assert (tmp_path / unquote(relative)).resolve() == path.resolve()
    assert Path(unquote(urlparse(absolute).path)) == path
    assert (found.remark, found.command, found.is_copy) == ("", "", False)


def test_sheets_are_kept_until_their_video_changes(videos, tmp_path, footage):
    copy = tmp_path / "video.mp4"
    copy.write_bytes(videos[0][0].read_bytes())
    ((first, *_),) = look(ReportFiles(tmp_path), [wanted(copy)], "", copy=False)
    made = (tmp_path / "pictures" / first.sheet).stat().st_mtime_ns
    ((again, *_),) = look(ReportFiles(tmp_path), [wanted(copy)], "", copy=False)
    assert again.sheet == first.sheet
    assert (tmp_path / "pictures" / first.sheet).stat().st_mtime_ns == made
    copy.write_bytes(copy.read_bytes() + b"free")
    ((changed, *_),) = look(ReportFiles(tmp_path), [wanted(copy)], "", copy=False)
    assert changed.sheet != first.sheet


def test_a_video_that_takes_too_long_is_a_remark_and_the_others_are_there(videos, tmp_path):
    (path, _), (slow, _) = videos
    ((found, *_),) = look(ReportFiles(tmp_path), [wanted(slow)], "", copy=False, deadline=0.001)
    assert "no answer within 0 s; decoder killed" in found.remark
    assert (found.sheet, found.addresses) == ("", [])
    both = [wanted(path, "a"), wanted(slow, "b")]
    seen = (each.footage for each in look(ReportFiles(tmp_path), both, "", copy=False))
    assert all((tmp_path / "pictures" / found.sheet).is_file() for found in seen)


def test_copies_are_made_on_request_kept_and_taken_from_then_on(videos, tmp_path):
    _, (path, _) = videos
    ((before, *_),) = look(ReportFiles(tmp_path), [wanted(path)], "report --proxies", copy=False)
    assert "mpeg4 in AVI" in before.remark
    assert (before.command, before.is_copy) == ("report --proxies", False)
    ((made, *_),) = look(ReportFiles(tmp_path), [wanted(path)], "report --proxies", copy=True)
    (copy,) = (tmp_path / "copies").iterdir()
    assert (made.addresses, made.is_copy, made.command) == ([f"copies/{copy.name}"], True, "")
    written = copy.stat().st_mtime_ns
    ((later, *_),) = look(ReportFiles(tmp_path), [wanted(path)], "report --proxies", copy=False)
    assert later == made
    look(ReportFiles(tmp_path), [wanted(path)], "report --proxies", copy=True)
    assert copy.stat().st_mtime_ns == written


@pytest.mark.parametrize("date", [1_000_000_000, 4_000_000_000])
def test_pictures_and_copies_of_another_film_are_others_whatever_its_date(videos, tmp_path, date):
    """A film that was put in place with an older date kept the pictures of the one before."""
    _, (path, _) = videos
    film = tmp_path / "film.avi"
    made = []
    for number, size in enumerate((None, -100_000)):
        film.write_bytes(Path(path).read_bytes()[:size])
        os.utime(film, (date - number, date - number))
        ((footage, *_),) = look(ReportFiles(tmp_path), [wanted(str(film))], "", copy=True)
        assert footage.is_copy
        made.append((footage.sheet, footage.addresses[0]))
    (first_sheet, first_copy), (second_sheet, second_copy) = made
    assert first_sheet != second_sheet
    assert first_copy != second_copy
    changed = replace(wanted(str(film)), refusal="it is another film")
    ((footage, *_),) = look(ReportFiles(tmp_path), [changed], "", copy=True)
    assert (footage.addresses, footage.sheet) == ([], "")
    assert footage.remark == "Not opened: it is another film."


@pytest.mark.parametrize(
    ("name", "remark"),
    [("gone.mp4", "no longer at"), ("broken.mp4", "not a video"), ("", "Not opened: why.")],
)
def test_what_cannot_be_shown_says_why(tmp_path, name, remark):
    (tmp_path / "broken.mp4").write_text("no video")
    path, refusal = (str(tmp_path / name), "") if name else ("", "why")
    wanted = Wanted("abc", path, (0.0,), refusal=refusal)
    ((found, *_),) = look(ReportFiles(tmp_path), [wanted], "", copy=True)
    assert remark in found.remark
    assert (found.addresses, found.sheet, found.pictures) == ([], "", [])
    assert not (tmp_path / "copies").exists()
