"""``calibrate``: the threshold and temperature that `score` and `watch` use with a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.console import DONE, MISTAKE, print_cautions, print_line, print_some
from pipeline.options import CheckpointLocation, Location
from stores.files.names import counted, one_line
from stores.ranges import Amount, PositiveCount, Share

if TYPE_CHECKING:
    from pipeline.stages.calibrate import CalibrateReport
    from pipeline.stages.calibrate_normal import NormalReport


@dataclass(frozen=True)
class CalibrateRun:
    """Choose the threshold of events, and make scores honest probabilities, on labelled videos.

    Writes calibration.json beside the checkpoint, which score and watch then use. Frame truth is
    needed, and only test splits have it: figures of that split with this threshold are no longer
    those of unseen videos. With --normal, choose the threshold alone, on your own footage.
    """

    checkpoint: CheckpointLocation | None = None
    """Folder that `train` wrote; the one that was trained last by default."""
    normal: Location | None = None
    """Folder of scores, as `score` writes it, of footage of which is only known that nothing
    happened: every event in it is a false alarm. Its rule and temperature stay."""
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
    replace: bool = False
    """Let a calibration on normal footage take the place of one on labelled videos."""
    force: bool = False
    """Install a calibration that is worth little: with a larger error than before, or with more
    than 60 false alarms an hour."""


def execute(run: CalibrateRun) -> int:
    """Calibrate, print what was chosen and what it is worth, and return the exit code."""
    if run.normal is not None:
        from pipeline.stages.calibrate_normal import calibrate_normal

        return render_normal(calibrate_normal(run))
    from pipeline.stages.calibrate import calibrate

    return render(calibrate(run))


def render(report: CalibrateReport) -> int:
    """Print a calibration on labelled videos; the exit code says whether it was installed."""
    made, unseen = report.calibration, report.calibration.unseen
    assert made.recall is not None, "labelled videos have events to find"
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
    return _conclude(report)


def render_normal(report: NormalReport) -> int:
    """Print a calibration on footage in which nothing happened; exit code as for the other."""
    made, rule = report.report.calibration, report.report.calibration.rule
    assert made.interval is not None, "normal footage has an interval"
    print_line(
        f"calibrated {report.report.checkpoint} on scores in which nothing happened: "
        f"{counted(made.videos, 'video')}, {made.hours:.2f} hours · {made.dataset}"
    )
    low, high = made.interval
    print_line(
        f"  threshold {rule.threshold:.4f} ({made.chosen_by}): {counted(report.alarms, 'event')} "
        f"of {rule.minimum_frames} frames or more, {made.false_alarms_per_hour:.2f} false alarms "
        f"per hour, with 95 % confidence {low:.2f} to {high:.2f}"
    )
    print_line("  what it finds of true events nobody knows: there are none in this footage")
    if report.moments:
        print_line(
            "  highest moments, worth a look: where something happened, the threshold is too high"
        )
        print_some(
            [
                one_line(f"{m.peak:.4f} at {timedelta(seconds=round(m.seconds))} in {m.video_id}")
                for m in report.moments
            ]
        )
    if report.shortfall:
        print_cautions([report.shortfall])
    return _conclude(report.report)


def _conclude(report: CalibrateReport) -> int:
    """Print whether a calibration is used from now on, and if not, why and what to do."""
    print_cautions(report.calibration.doubts)
    for reason in report.against:
        print_line(f"NOT INSTALLED: {reason}")
    if report.against:
        return MISTAKE
    print_line(f"`score` and `watch` use it from now on · {report.file}")
    return DONE
