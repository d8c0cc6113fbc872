import pytest

from pipeline.views.report.files import LIST, ReportFiles
from stores.records import StoreError


def names(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def test_only_what_an_earlier_report_listed_and_this_one_does_not_show_goes(tmp_path):
    first = ReportFiles(tmp_path)
    for name in ("data/a.js", "data/b.js", "copies/c.mp4", "copies/d.mp4", "index.html"):
        first.commit(name, "x")
    first.remove_others()
    (tmp_path / "data" / "theirs.js").write_text("x")
    second = ReportFiles(tmp_path)
    second.commit("data/a.js", "y")
    assert second.keep("copies/c.mp4")
    assert not second.keep("copies/e.mp4")
    second.remove_others()
    assert names(tmp_path) == {"data/a.js", "data/theirs.js", "copies/c.mp4", LIST}
    assert (tmp_path / LIST).read_text() == "copies/c.mp4\ndata/a.js\n"


def test_what_a_killed_report_was_writing_is_listed_already(tmp_path):
    files = ReportFiles(tmp_path)
    with files.committing("copies/a.mp4") as temporary:
        assert "copies/a.mp4" in (tmp_path / LIST).read_text().splitlines()
        temporary.write_text("x")
    with (tmp_path / LIST).open("a") as file:
        file.write("copies/b")  # cut off
    later = ReportFiles(tmp_path)
    later.commit("copies/c.mp4", "x")
    assert "copies/c.mp4" in (tmp_path / LIST).read_text().splitlines()
    later.remove_others()
    assert names(tmp_path) == {"copies/c.mp4", LIST}


def test_a_strangers_list_removes_nothing_outside_the_report(tmp_path):
    report = tmp_path / "report"
    (report / "notes").mkdir(parents=True)
    precious = [tmp_path / "a.js", report / "notes" / "a.js", report / "diary"]
    for path in precious:
        path.write_text("precious")
    lines = ["../a.js", f"{tmp_path}/a.js", "data/../../a.js", "data/../notes/a.js", "notes/a.js"]
    (report / LIST).write_text("\n".join([*lines, "diary", "data/", ""]))
    ReportFiles(report).remove_others()
    assert all(path.read_text() == "precious" for path in precious)


def test_a_list_that_is_a_link_is_named(tmp_path):
    (tmp_path / "precious").write_text("data/a.js\n")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / LIST).symlink_to(tmp_path / "precious")
    with pytest.raises(StoreError, match=f"cannot read .*{LIST}"):
        ReportFiles(tmp_path / "report")
