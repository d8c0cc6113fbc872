import json

import pytest

from pipeline.commands.train import TrainRun
from pipeline.stages.seeds import parse_seeds, spread, train_seeds


@pytest.mark.slow
def test_every_seed_is_trained_once_and_the_spread_written(linked):
    run = TrainRun(out=linked, seeds="1,2", epochs=4)
    report = train_seeds(run)
    assert list(report.reports) == [1, 2]
    assert all(each.trained for each in report.reports.values())
    aucs = [each.metrics["auc"] for each in report.reports.values()]
    assert aucs[0] != aucs[1]
    assert report.spread["auc"].mean == pytest.approx(sum(aucs) / 2)
    written = json.loads(report.file.read_text())
    assert written["spread"]["auc"]["deviation"] == pytest.approx(report.spread["auc"].deviation)
    again = train_seeds(run)
    assert not any(each.trained for each in again.reports.values())
    assert again.spread == report.spread


def test_a_figure_that_a_row_lacks_has_no_spread():
    found = spread([{"auc": 0.5, "ap": 0.1}, {"auc": 0.7}])
    assert found.keys() == {"auc"}
    assert found["auc"] == (pytest.approx(0.6), pytest.approx(0.1414, abs=1e-4))
    assert spread([{"auc": 0.5}])["auc"] == (0.5, 0.0)


@pytest.mark.parametrize("text", ["1,,2", "1,1", "-1", "a", "1.5", ","])
def test_lists_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="expected different numbers as in 1,2,3"):
        parse_seeds(text)
