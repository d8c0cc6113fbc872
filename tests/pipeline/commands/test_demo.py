import pytest


def test_a_folder_behind_a_url_is_refused(call, capsys):
    assert call("demo", "--out", "memory://demo") == 2
    assert "the demo ends with pages on this machine" in capsys.readouterr().err


@pytest.mark.ray
@pytest.mark.long
def test_the_whole_way_ends_with_a_report_and_a_second_time_finds_it_done(call, tmp_path, capsys):
    assert call("demo", "--out", tmp_path) == 0
    out = " ".join(capsys.readouterr().out.split())
    for step in ("1/5 generate", "2/5 train", "3/5 evaluate", "4/5 score", "5/5 report"):
        assert step in out
    assert "untrained, 5 seeds" in out
    page = tmp_path / "scores" / "demo" / "report" / "index.html"
    assert f"report, open it in a browser: {page}" in out
    assert page.is_file()
    assert call("demo", "--out", tmp_path) == 0
    out = capsys.readouterr().out
    assert "features: 0 videos extracted" in out
    assert "was trained with these settings before" in out
    assert "scores: 0 videos scored" in out
