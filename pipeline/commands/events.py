"""``events``: another threshold, rule or calibration for scores that lie there."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from tyro.conf import OmitArgPrefixes, Positional

from pipeline.console import DONE, print_cautions, print_line
from pipeline.options import CheckpointLocation, EventOptions, Location
from stores.files.names import counted


@dataclass(frozen=True)
class EventsRun:
    """Find labels and events anew in stored scores, by another rule, without reading a video.

    What is not given stays as it is in the folder; with a checkpoint, as score would make it.
    """

    scores: Positional[Location]
    """Folder with scores/, events/ and videos/ that score, watch or evaluate wrote."""
    rule: Location | None = None
    """A rule.json that a report saved; options of its own right go before it."""
    checkpoint: CheckpointLocation | None = None
    """Folder of the checkpoint that made the scores: take over the calibration beside it."""
    events: OmitArgPrefixes[EventOptions] = EventOptions()
    """When scores become events."""


def execute(run: EventsRun) -> int:
    """Apply the rule, print what it is and what it found; return the exit code."""
    from pipeline.stages.cautions import cautions_of
    from pipeline.stages.events import events

    report = events(run)
    rule = report.header.rule
    words = (
        f"threshold {rule.threshold:g}, release {rule.release:g}, {rule.minimum_frames} frames, "
        f"gaps up to {rule.longest_gap:g} s"
        + (f", temperature {t:.3f}" if (t := report.header.score_temperature) else "")
    )
    if not report.changed:
        print_line(f"events: nothing to do, all are by this rule ({words}) · {report.folder}")
        print_cautions(cautions_of(report.header))
        return DONE
    found = sum(video.events for video in report.videos)
    videos = counted(report.changed, "video")
    print_line(f"events: {found} in {videos}, by {words} · {report.folder}")
    if (report.folder / "report").exists():
        again = f"python -m pipeline report --scores {shlex.quote(str(report.folder))}"
        print_line(f"  its report still shows the old ones; write it anew: {again}")
    print_cautions(cautions_of(report.header))
    return DONE
