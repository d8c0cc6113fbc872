from dataclasses import replace

import pytest

from pipeline.commands.train import TrainRun
from pipeline.stages.train import train
from pipeline.stages.trials import run_trials
from stores.records import StoreError


@pytest.mark.ray
@pytest.mark.slow
def test_finished_trainings_are_found_and_failing_ones_named(linked):
    done = TrainRun(out=linked, epochs=1, batch=2, name="trials/done")
    report = train(done)
    found = run_trials({done: "done"})
    assert (found.already, found.trained, found.reasons) == (1, 0, {})
    assert found.reports[done].metrics == report.metrics

    new = replace(done, head="vadclip", name="trials/new")
    failing = replace(done, batch=500, name="trials/failing")
    found = run_trials({done: "done", new: "new", failing: "failing"})
    assert (found.already, found.trained) == (1, 1)
    assert found.reports.keys() == {done, new}
    assert found.reports[new].folder == linked / "synthetic" / "trials" / "new"
    assert "expected at least one batch of 500" in found.reasons[failing]


def test_a_run_that_cannot_be_planned_ends_all(tmp_path):
    with pytest.raises(StoreError, match="no features below"):
        run_trials({TrainRun(out=tmp_path): "nothing"})
