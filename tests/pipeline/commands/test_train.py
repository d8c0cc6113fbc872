import json
import re

import pytest


@pytest.mark.slow
def test_a_training_prints_its_figures_and_is_not_run_again(call, linked, capsys):
    arguments = ("train", "--out", linked, "--epochs", 1, "--preset", "small", "--batch", 2)
    assert call(*arguments) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("model: trained on ")
    assert "test split: frame AUC " in printed.out
    assert printed.err == "training on synthetic, the data set extracted last\n"
    assert call(*arguments) == 0
    assert "model: was trained with these settings before" in capsys.readouterr().out


@pytest.mark.slow
def test_several_seeds_end_with_mean_and_deviation(call, linked, capsys):
    options = ("--epochs", 1, "--preset", "small", "--batch", 2)
    assert call("train", "--out", linked, "--seeds", "1,2", *options) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("seed 1: frame AUC ")
    assert second.startswith("seed 2: ")
    assert last.startswith("2 seeds: frame AUC ")
    assert " ± " in last


@pytest.mark.slow
def test_where_test_videos_are_missing_every_figure_says_of_how_many_it_is(call, partial, capsys):
    options = ("--epochs", 1, "--preset", "small", "--batch", 2, "--out", partial)
    assert call("train", *options) == 0
    said = capsys.readouterr().out.splitlines()[1]
    assert said.count("(16 of 19 test videos)") == said.count("%") == 3
    assert call("train", "--seeds", "1,2", *options) == 0
    first, _, last = capsys.readouterr().out.splitlines()
    assert first.count("(16 of 19 test videos)") == last.count("(16 of 19 test videos)") == 3
    assert call("evaluate", "--out", partial) == 3
    out = " ".join(capsys.readouterr().out.split())
    figures = json.loads((partial / "synthetic" / "evaluation" / "metrics.json").read_text())
    assert (figures["videos"], figures["listed_videos"]) == (16, 19)
    assert out.count("16 of 19 test videos") == len(figures["metrics"]) + 4  # three titles, alarms
    page = (partial / "synthetic" / "evaluation" / "training.html").read_text()
    rows = page.count("<td>16 of 19 test videos</td>")
    assert rows == len(figures["metrics"])
    assert "AUC" in page
    assert page.count("% (16 of 19 test videos)") >= 2
    assert "<li>gone2</li>" in page


@pytest.mark.slow
def test_a_batch_that_is_too_large_is_told_with_the_number_that_fits(call, linked, capsys):
    options = ("--out", linked, "--epochs", 1, "--preset", "small")
    assert call("train", *options, "--batch", 99) == 2
    said = re.search(r"give --batch (\d+) or less", capsys.readouterr().err)
    assert said
    assert call("train", *options, "--batch", said[1]) == 0


@pytest.mark.slow
def test_a_batch_larger_than_all_samples_is_told_where_kinds_are_not_paired(call, linked, capsys):
    options = ("--out", linked, "--epochs", 1, "--preset", "xd", "--batch", 99)
    assert call("train", *options) == 0
    said = capsys.readouterr().err
    assert re.search(
        r"a batch of 99 is more than the (\d+) samples there are.*--batch \1 would", said
    )
