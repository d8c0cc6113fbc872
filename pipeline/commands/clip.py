"""``clip``: found events as MP4s of their own, to be handed over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from pipeline.console import DONE, SOME_FAILED, print_line, print_some
from pipeline.options import Location
from stores.files.names import counted, one_line
from stores.ranges import Amount, PositiveAmount, PositiveCount, Share

if TYPE_CHECKING:
    from pipeline.views.clips import Clips


@dataclass(frozen=True)
class ClipRun:
    """Cut found events out of their videos: an MP4 an event, and a page that lists them.

    Packets are copied where a keyframe lies within the margin before, and encoded anew where not.
    What was cut already is kept. All choices have to hold; without any, all events are meant.
    """

    scores: Positional[Location]
    """Folder with scores/, events/ and videos/ that score, watch or evaluate wrote."""
    event: tuple[str, ...] = ()
    """These events alone: the video and the event's first frame, as in cam1/a.mp4@160."""
    video: tuple[str, ...] = ()
    """Those of these videos: an id, its end, a folder of ids, or a pattern such as 'cam1*'."""
    classes: tuple[str, ...] = ()
    """Those of these classes."""
    peak: Share | None = None
    """Those whose peak is at least this."""
    most: PositiveCount = 100
    """At most so many, the highest peaks first."""
    before: Amount = 5.0
    """Seconds before the event that a clip may begin; where it is copied, it begins at a keyframe
    of that time."""
    after: Amount = 5.0
    """Seconds after the event that a clip may go on."""
    encode: bool = False
    """Encode every clip, as H.264 that all browsers play, with both margins in full."""
    to: Path | None = None
    """Folder of the clips; SCORES/clips by default. What others keep there stays."""
    zip: Path | None = None
    """Also put the chosen clips and their page into this one file."""
    videos: Location | None = None
    """Folder of the videos, or the one video, where the scores are a copy; see `report`."""
    deadline: PositiveAmount = 120.0
    """Seconds that a clip may take, or twelve times its video's duration where that is more; what
    takes longer is killed, and the page says so."""


def execute(run: ClipRun) -> int:
    """Cut the clips, print where they are and what could not be cut; return the exit code."""
    from pipeline.views.clips import clip

    return render(clip(run))


def render(clips: Clips) -> int:
    """Print where the clips are, and which are lacking and why."""
    made = f"{clips.made} made, {clips.kept} there already" if clips.kept else f"{clips.made} made"
    print_line(f"clips: {made} · open {clips.page} in a browser")
    if clips.zip is not None:
        print_line(f"  all that were chosen in one file: {clips.zip}")
    if clips.left_out:
        print_line(f"  {counted(clips.left_out, 'event')} of lower peaks left out; see --most")
    print_some([one_line(f"not cut: {each.event}: {each.reason}") for each in clips.not_cut])
    return SOME_FAILED if clips.not_cut else DONE
