"""Many trainings, in parallel on Ray: finished ones are found, those that fail are named."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.engine.tasks import TaskFailed, run_tasks
from pipeline.outputs import Outputs
from pipeline.stages.train import TrainReport, find_finished, train
from pipeline.stages.training_plan import make_plan

if TYPE_CHECKING:
    from pipeline.commands.train import TrainRun

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trials:
    """What some trainings came to: a report, or a reason, for each; how many were there before."""

    reports: Mapping[TrainRun, TrainReport]
    reasons: Mapping[TrainRun, str]
    already: int

    @property
    def trained(self) -> int:
        """How many trainings were run and came to their end."""
        return len(self.reports) - self.already


def run_trials(trials: Mapping[TrainRun, str]) -> Trials:
    """Run the trainings that are not finished yet; each has a name to be logged by.

    Raises:
        StoreError: As for ``make_plan``, as also a ValueError.
        ConnectionError: ``RAY_ADDRESS`` is set and no cluster answers there.
    """
    reports: dict[TrainRun, TrainReport] = {}
    for run in trials:
        plan = make_plan(run)
        if found := find_finished(Outputs(run.out).checkpoint(plan.dataset.name, run.name), plan):
            reports[run] = found
    already, reasons = len(reports), {}
    missing = [run for run in trials if run not in reports]
    outcomes = run_tasks(train, missing) if missing else ()
    for done, (run, outcome) in enumerate(outcomes, start=1):
        if isinstance(outcome, TaskFailed):
            reasons[run] = outcome.reason
        else:
            reports[run] = outcome
        logger.info("%d of %d: %s", done, len(missing), trials[run])
    return Trials(reports, reasons, already)
