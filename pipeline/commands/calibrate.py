"""``calibrate``: the threshold and temperature that `score` and `watch` use with a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.console import DONE, print_line
from pipeline.options import Location
from stores.files.names import counted
from stores.ranges import Amount, PositiveCount, Share


@dataclass(frozen=True)
class CalibrateRun:
    """Choose the threshold of events, and make scores honest probabilities, on labelled videos.

    Writes calibration.json beside the checkpoint, which score and watch then use. Frame truth is
    needed, and only test splits have it: figures of that split with this threshold are no longer
    those of unseen videos.
    """

    checkpoint: Location | None = None
    """Folder that `train` wrote; the one that was trained last by default."""
    dataset: str | None = None
    """Data set whose test split is used; the one the checkpoint was trained on by default."""
    out: Location = Path("outputs")
    """Folder of all outputs; features are read from OUT/<dataset>/features."""
    false_alarms_per_hour: Amount | None = None
    """Take the lowest threshold with at most so many; 1 where no recall is given either."""
    recall: Share | None = None
    """Take the highest threshold that finds this share of the true events."""
    temperature: bool = True
    """Fit the temperature that makes scores probabilities; --no-temperature leaves scores alone."""
    release: Share | None = None
    """Share of the threshold below which an event ends, as in score."""
    minimum_frames: PositiveCount | None = None
    """Shortest event in frames, as in score."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes a GPU where there is one."""


def execute(run: CalibrateRun) -> int:
    """Calibrate, print what was chosen and what it is worth, and return the exit code."""
    from pipeline.stages.calibrate import calibrate

    report = calibrate(run)
    made, unseen = report.calibration, report.calibration.unseen
    print_line(
        f"calibrated {report.checkpoint} on the {made.split} split of {made.dataset}: "
        f"{counted(made.videos, 'video')}, {made.hours:.2f} hours, {counted(made.events, 'event')}"
    )
    line = (
        f"  threshold {made.rule.threshold:.4f} ({made.chosen_by}): finds {100 * made.recall:.1f} %"
        f" of the events at {made.false_alarms_per_hour:.2f} false alarms per hour"
    )
    if unseen:
        recall, alarms = unseen["recall"], unseen["false_alarms_per_hour"]
        line += f"; on unseen videos, {100 * recall:.1f} % at {alarms:.2f}"
    print_line(line)
    if made.temperature is not None:
        print_line(
            f"  temperature {made.temperature:.3f}: expected calibration error "
            f"{made.error_before:.4f} before, {made.error_after:.4f} after"
            + (f", {unseen['error']:.4f} on unseen videos" if unseen else "")
        )
    step = 1 / made.hours
    print_line(f"  one false alarm in these videos is {step:.1f} an hour, the finest step there is")
    print_line(f"`score` and `watch` use it from now on · {report.file}")
    return DONE
