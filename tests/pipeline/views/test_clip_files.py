import json
import zipfile

import pytest

from extract.probe import probe
from pipeline.commands.clip import ClipRun
from pipeline.views.clip_files import ClipFolder
from pipeline.views.clips import clip
from stores.files.commit import exclusive
from stores.records import StoreError


def test_a_zip_holds_the_chosen_clips_and_their_page_and_needs_nothing_else(score_films, tmp_path):
    folder = score_films(["cam1/a.mp4", "cam2/a.mp4"])
    clip(ClipRun(folder))
    made = clip(ClipRun(folder, classes=("fire",), zip=tmp_path / "to send" / "fires.zip"))
    assert (made.made, made.kept) == (0, 2)
    assert len(ClipFolder(folder / "clips").all_clips()) == 4
    alone = tmp_path / "alone"
    with zipfile.ZipFile(made.zip) as packed:
        assert packed.testzip() is None
        packed.extractall(alone)
    content = json.loads((alone / "clips.json").read_text())
    assert [each["label"] for each in content["clips"]] == ["fire", "fire"]
    names = {"index.html", "clips.json", "clips.csv", *(each["file"] for each in content["clips"])}
    assert {p.relative_to(alone).as_posix() for p in alone.rglob("*") if p.is_file()} == names
    for each in content["clips"]:
        assert probe(str(alone / each["file"])).frames == each["end_frame"] - each["first_frame"]
        assert each["file"] in (alone / "index.html").read_text()
    assert str(tmp_path) not in "".join((alone / name).read_text() for name in sorted(names)[:1])


def test_a_zip_replaces_one_of_its_kind_and_no_other_file(score_films, tmp_path):
    folder, target = score_films(["a.mp4"]), tmp_path / "a.zip"
    clip(ClipRun(folder, zip=target))
    clip(ClipRun(folder, peak=0.8, zip=target))
    with zipfile.ZipFile(target) as packed:
        assert len([name for name in packed.namelist() if name.endswith(".mp4")]) == 1
    for content in (b"mine", _zip_of(tmp_path, "clips.json", "{}"), _zip_of(tmp_path, "a", "b")):
        target.write_bytes(content)
        with pytest.raises(StoreError, match="is there and no zip of clips; give another name"):
            clip(ClipRun(folder, zip=target))
        assert target.read_bytes() == content
    with pytest.raises(ValueError, match=r"--zip writes one zip; give a name that ends in \.zip"):
        clip(ClipRun(folder, zip=tmp_path / "a.tar"))


def _zip_of(folder, name, text):
    with zipfile.ZipFile(folder / "other", "w") as made:
        made.writestr(name, text)
    return (folder / "other").read_bytes()


def test_a_folder_of_a_stranger_leads_to_no_file_of_elsewhere(score_films, tmp_path):
    folder, secret = score_films(["a.mp4"]), tmp_path / "secret.mp4"
    clip(ClipRun(folder, peak=0.8))
    files = ClipFolder(folder / "clips")
    (known,) = files.all_clips()
    record = (folder / "clips" / known.file).with_suffix(".json")
    text = record.read_text()
    video = folder / "clips" / known.file
    secret.write_bytes(video.read_bytes())
    record.write_text(text.replace(known.file, "../../secret.mp4"))
    assert files.all_clips() == []
    record.write_text(text)
    video.unlink()
    video.symlink_to(secret)
    assert files.all_clips() == []
    before = secret.read_bytes()
    assert clip(ClipRun(folder, peak=0.8)).made == 1
    assert not video.is_symlink()
    assert secret.read_bytes() == before


def test_a_record_that_is_damaged_is_made_again_with_its_clip(score_films, caplog):
    folder = score_films(["a.mp4"])
    clip(ClipRun(folder, peak=0.8))
    (known,) = ClipFolder(folder / "clips").all_clips()
    (folder / "clips" / known.file).with_suffix(".json").write_text("{")
    assert clip(ClipRun(folder, peak=0.8)).made == 1
    assert "made again: damaged" in caplog.text


def test_one_writes_at_a_time(score_films):
    folder = score_films(["a.mp4"])
    with (
        exclusive(folder / "clips", folder),
        pytest.raises(StoreError, match="in use by another run"),
    ):
        clip(ClipRun(folder))


@pytest.mark.long
def test_wherever_it_is_killed_every_clip_is_whole_and_the_next_call_ends_it(
    score_films, killed_everywhere
):
    start = score_films(["a.mp4"])
    films = start.parent / "films"
    ends = 0
    for folder in killed_everywhere(start, lambda f: clip(ClipRun(f, videos=films))):
        there = [p for p in (folder / "clips").rglob("*.mp4") if not p.name.startswith(".")]
        for path in there:
            known = json.loads(path.with_suffix(".json").read_text())
            assert probe(str(path)).frames == known["end_frame"] - known["first_frame"]
        made = clip(ClipRun(folder, videos=films))
        assert (made.kept, made.made + made.kept) == (len(there), 2)
        assert list(folder.rglob(".partial-*")) == []
        ends += 1
    assert ends > 10
