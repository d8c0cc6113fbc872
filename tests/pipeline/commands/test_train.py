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
