import re


def test_moments_are_printed_with_their_times(call, learnable, capsys):
    folder = learnable / "synthetic" / "features"
    assert call("search", folder, "people fighting", "--top", 3) == 0
    printed = capsys.readouterr().out
    assert "'people fighting' in 56 videos" in printed.replace("\n", " ")
    assert "CAUTION: the CLIP here is the demo's" in printed.replace("\n", " ")
    assert len(re.findall(r" \d:\d\d\.\d ", printed)) == 6


def test_a_folder_without_features_is_a_mistake_of_one_line(call, tmp_path, capsys):
    assert call("search", tmp_path, "smoke") == 2
    assert "no features in" in capsys.readouterr().err
