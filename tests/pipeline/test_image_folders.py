"""Folders of images from end to end: checked, extracted, scored, watched, drawn and reported."""

import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

import pipeline
from extract.recipe import RecipeOptions
from pipeline.commands.check_data import CheckDataRun, render
from pipeline.commands.extract import ExtractRun
from pipeline.commands.plot import PlotRun
from pipeline.commands.report import ReportRun
from pipeline.commands.score import ScoreRun
from pipeline.commands.watch import WatchRun
from pipeline.options import ReadOptions
from pipeline.stages.extract import extract
from pipeline.stages.preflight import check_before, check_data
from pipeline.stages.score import score
from pipeline.stages.watch import watch
from pipeline.views.plot import plot
from pipeline.views.report.build import write_report
from stores.features.catalog import open_catalog
from stores.features.shards import read_segments
from stores.records import VideoItem
from stores.scores.reader import read_scores, read_videos


def to_images(video: Path, folder: Path, form="{}.png") -> int:
    """Write every frame of a video losslessly, and return their number."""
    folder.mkdir(parents=True)
    with av.open(str(video)) as container:
        count = 0
        for frame in container.decode(video=0):
            frame.to_image().save(folder / form.format(count))
            count += 1
    return count


@pytest.fixture(scope="module")
def films(footage):
    return [path for path in sorted((footage / "test").iterdir()) if path.suffix == ".mp4"][:2]


@pytest.fixture(scope="module")
def root(films, tmp_path_factory):
    """Three folders of images and their film: one whole, one named as a video, one that lacks."""
    root = tmp_path_factory.mktemp("frames")
    to_images(films[0], root / "whole", "{:04d}.png")
    to_images(films[0], root / "lacking" / "short.mp4")
    for number in (3, 4):
        (root / "lacking" / "short.mp4" / f"{number}.png").unlink()
    (root / "lacking" / "short.mp4" / "20.png").write_bytes(b"no image")
    (root / "bad.avi").mkdir()
    (root / "bad.avi" / "0.jpg").write_bytes(b"no image")
    shutil.copy(films[0], root / "film.mp4")
    return root


@pytest.fixture(scope="module")
def scored(root, checkpoint, tmp_path_factory):
    run = ScoreRun(root, checkpoint, out=tmp_path_factory.mktemp("scores"))
    return score(run), run


@pytest.mark.ray
def test_a_folder_is_scored_as_the_film_of_its_images_is(scored):
    report, run = scored
    rows = {row.video_id: row for row in report.videos}
    assert set(rows) == {"whole", "lacking/short.mp4", "bad.avi", "film.mp4"}
    assert (rows["whole"].status, rows["whole"].frames) == ("ok", rows["film.mp4"].frames)
    scores = {each.item.video_id: each for each in read_scores(run.out, _items(report))}
    np.testing.assert_allclose(scores["whole"].score, scores["film.mp4"].score, atol=0.02)
    np.testing.assert_allclose(scores["whole"].times, np.arange(rows["whole"].frames) / 30)


@pytest.mark.ray
def test_what_is_bad_is_lost_and_named_and_nothing_else_is(scored):
    report, _ = scored
    rows = {row.video_id: row for row in report.videos}
    short = rows["lacking/short.mp4"]
    assert (short.status, short.frames) == ("mismatch", rows["whole"].frames - 3)
    assert "3 frames lost" in short.reason
    assert "images 3, 4 of 0 to" in short.reason
    (failure,) = report.failures
    assert "none of its 1 images can be read" in failure.reason


@pytest.mark.ray
def test_it_is_scored_once_and_again_where_an_image_changed(scored, root, films, tmp_path):
    _, run = scored
    copy = tmp_path / "scores"
    shutil.copytree(run.out, copy)
    again = ScoreRun(root, run.checkpoint, out=copy)
    assert (score(again).new, score(again).already) == (0, 3)
    other = root / "whole" / "0005.png"
    content = other.read_bytes()
    try:
        shutil.copy(root / "whole" / "0030.png", other)
        report = score(again)
        assert (report.new, report.redone) == (1, 1)
    finally:
        other.write_bytes(content)


@pytest.mark.ray
@pytest.mark.long
def test_watching_finds_them_done_and_takes_a_new_one(scored, root, films, tmp_path):
    _, run = scored
    videos, out = tmp_path / "videos", tmp_path / "scores"
    shutil.copytree(root / "whole", videos / "whole")
    seen = []
    report = watch(WatchRun(videos, run.checkpoint, out=out, once=True, settle=0.2), seen.append)
    assert (report.new, report.failed) == (1, 0)
    assert [row.video_id for row in seen] == ["whole"]
    report = watch(WatchRun(videos, run.checkpoint, out=out, once=True, settle=0.2), seen.append)
    assert (report.new, report.already) == (0, 1)


@pytest.mark.ray
def test_a_folder_by_itself_is_one_video_at_the_rate_that_is_given(root, checkpoint, tmp_path):
    reading = ReadOptions(image_rate=10.0)
    run = ScoreRun(root / "whole", checkpoint, out=tmp_path / "scores", reading=reading)
    report = score(run)
    (row,) = report.videos
    assert (row.video_id, row.status) == ("whole", "ok")
    assert row.seconds == pytest.approx((row.frames - 1) / 10)
    plot(PlotRun("whole", scores=run.out, png=tmp_path / "a.png", overlay=tmp_path / "a.mp4"))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == row.frames


@pytest.mark.ray
def test_the_report_has_pictures_and_copies_of_folders(scored):
    _, run = scored
    assert write_report(ReportRun(scores=run.out)).gone == 0  # they have no address, and are there
    write_report(ReportRun(scores=run.out, proxies=True))
    report = run.out / "report"
    index = (report / "data" / "index.js").read_text()
    sheets = set(re.findall(r'"picture":"([^"]+)"', index))
    assert len(sheets) == 3
    assert all((report / "pictures" / name).is_file() for name in sheets)
    copies = list((report / "copies").glob("*.mp4"))
    assert len(copies) == 2  # browsers play the film itself
    frames = {row.frames for row in read_videos(run.out) if row.status != "failed"}
    counted = set()
    for copy in copies:
        with av.open(str(copy)) as container:
            counted.add(sum(1 for _ in container.decode(video=0)))
    assert counted == frames


def test_python_scores_a_folder_without_ray(root, checkpoint):
    result = pipeline.load_scorer(checkpoint, device="cpu").score_video(
        root / "whole", image_rate=24.0
    )
    assert result.scores.times[24] == pytest.approx(1.0)
    assert result.plot().figure.axes


@pytest.fixture
def small_sht(films, tmp_path):
    """Two videos of each split, as ShanghaiTech has them: films, and folders of images."""
    root = tmp_path / "sht"
    frames = to_images(films[0], root / "testing" / "frames" / "01_0014", "{:03d}.png")
    to_images(films[1], root / "testing" / "frames" / "01_0015", "{:03d}.png")
    (root / "training" / "videos").mkdir(parents=True)
    for name in ("01_001", "01_002"):
        shutil.copy(films[0], root / "training" / "videos" / f"{name}.mp4")
    (root / "SH_Train.txt").write_text("01_001\n01_0014\n")
    (root / "SH_Test.txt").write_text("01_002\n01_0015\n")
    masks = root / "testing" / "test_frame_mask"
    masks.mkdir()
    for name in ("01_0014", "01_0015"):
        mask = np.zeros(frames, np.uint8)
        mask[10:20] = 1
        np.save(masks / f"{name}.npy", mask)
    return root


def test_check_data_counts_images_as_the_films_frames_and_names_what_is_missing(small_sht, capsys):
    report = check_data(CheckDataRun(small_sht, "sht"))
    assert (report.verdict, report.readable) == ("go", 4)
    assert report.announced["01_0014"] == report.announced["01_001"]
    (small_sht / "testing" / "frames" / "01_0014" / "007.png").unlink()
    shutil.rmtree(small_sht / "testing" / "frames" / "01_0015")
    report = check_data(CheckDataRun(small_sht, "sht", image_rate=10.0))
    assert render(report) == 3
    out = "".join(capsys.readouterr().out.split())
    assert "foldersthatlackimages,whoseframescountaslost:1" in out
    assert "image7of0to" in out
    assert [item.video_id for item in report.inventory.missing] == ["01_0015"]


def test_an_extraction_warns_of_lengths_unlike_the_lists(small_sht, tmp_path, caplog):
    mask = small_sht / "testing" / "test_frame_mask" / "01_0014.npy"
    frames = len(np.load(mask))
    np.save(mask, np.zeros(frames + 9, np.uint8))
    report = check_data(CheckDataRun(small_sht, "sht"))
    name, said = report.unlike[0].split(": ")
    assert name == "01_0014"
    assert said == f"{frames:,} frames, published as test_frame_mask {frames + 9:,}"
    check_before(ExtractRun("sht", small_sht, out=tmp_path), report, has_features=False)
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "of another length than their lists say, which truth may not fit, as 01_0014" in warning
    assert "check-data --dataset sht" in warning


@pytest.mark.ray
@pytest.mark.long
def test_films_and_folders_of_one_data_set_are_extracted_alike(small_sht, tmp_path):
    run = ExtractRun("sht", small_sht, out=tmp_path / "out", recipe=RecipeOptions("demo"))
    report = extract(run)
    assert (report.new, report.failures) == (4, ())
    videos = open_catalog(report.folder).videos
    film, images = (read_segments(videos[name]) for name in ("01_001", "01_0014"))
    np.testing.assert_allclose(film.astype(np.float32), images.astype(np.float32), atol=0.02)
    assert videos["01_0014"].audit.container_seconds == pytest.approx(videos["01_0014"].frames / 24)
    assert extract(run).already == 4


def _items(report):
    return [VideoItem(row.video_id, row.path) for row in report.videos]
