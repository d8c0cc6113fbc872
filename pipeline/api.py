"""Scoring from Python: a checkpoint loaded once, one video at a time, in this very process.

For notebooks and small programs. It needs no Ray, and has no watchdog: a file that hangs or crashes
a decoder takes the process with it, where the `score` command would go on.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from extract.decoders import Decoder
from extract.encoder import ClipEncoder, batch_on, load_encoder
from extract.features import extract_video
from extract.video import read_chunks
from model.device import device_named
from model.heads.segment_scorer import SegmentScorer
from model.scoring.events import find_events, label_scores
from model.scoring.scorer import score_features
from pipeline.options import EventOptions, checkpoint_location
from pipeline.stages.cautions import cautions_of
from pipeline.stages.scoring_plan import ScoringPlan, make_scoring_plan
from pipeline.views.banner import banner
from pipeline.views.plot import stills_of
from pipeline.views.video_figure import draw_video, save_png, to_png
from stores.files.locations import size_of
from stores.files.names import clock
from stores.files.sequences import IMAGE_RATE
from stores.records import ScoredEvent, StoreError, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import score_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture that a notebook shows by itself; ``figure`` is matplotlib's, to change it."""

    figure: Figure

    def save(self, path: str | Path) -> None:
        """Write the picture as a PNG file; a StoreError says why it cannot be written."""
        save_png(self.figure, Path(path))

    def _repr_png_(self) -> bytes:
        return to_png(self.figure)


@dataclass(frozen=True)
class VideoResult:
    """The score and the class probabilities of every frame of one video."""

    scores: VideoScores
    header: ScoreHeader

    @cached_property
    def events(self) -> Sequence[ScoredEvent]:
        """The events that ``header.rule`` makes of the scores, in order of time."""
        return find_events(self.scores, self.header.classes, self.header.rule)

    def plot(self) -> Plot:
        """Return the picture of the video: thumbnails, curve, threshold and events."""
        header, stills = self.header, stills_of(self.scores)
        return Plot(draw_video(self.scores, self.events, header.classes, header.rule, stills))

    def to_pandas(self) -> pd.DataFrame:
        """Return the frames as the columns of ``scores/``: frame, time, score, label and so on.

        Raises:
            ImportError: pandas is not installed.
        """
        return score_table(label_scores(self.scores, self.header), self.header).to_pandas()

    def _repr_html_(self) -> str:
        """Show picture and events where a notebook shows the result itself."""
        rows = "".join(
            f"<tr><td>{clock(event.start_time)}</td><td>{clock(event.end_time)}</td>"
            f"<td>{html.escape(event.label)}</td><td>{event.peak:.2f}</td></tr>"
            for event in self.events
        )
        picture = base64.b64encode(to_png(self.plot().figure)).decode()
        name = html.escape(self.scores.item.video_id)
        head = "<tr><th>from</th><th>to</th><th>class</th><th>peak</th></tr>"
        return (
            f"{banner(cautions_of(self.header))}"
            f'<img alt="anomaly score of {name} over time" src="data:image/png;base64,{picture}">'
            f"<table>{head}{rows}</table>"
        )


@dataclass(frozen=True, slots=True)
class VideoScorer:
    """A checkpoint with its encoder, ready to score video files; made by ``load_scorer``."""

    plan: ScoringPlan
    encoder: ClipEncoder
    model: SegmentScorer

    def score_video(
        self,
        path: str | Path,
        *,
        decoder: Decoder = "auto",
        batch: int = 64,
        image_rate: float = IMAGE_RATE,
    ) -> VideoResult:
        """Read, encode and score one video; the values are those of the `score` command.

        The encoder sees ``batch`` images at once; the pixels do not depend on ``decoder``. A folder
        of numbered images is a video as well, of ``image_rate`` frames a second.

        Raises:
            StoreError: There is no such file.
            DecodeError: It cannot be read as a video.
        """
        file = Path(path)
        if size_of(str(file)) is None:
            raise StoreError(f"no such file: {file}")
        item = VideoItem(file.name, str(file.absolute()))
        recipe = self.plan.recipe
        chunks = read_chunks(item.path, recipe, decoder=decoder, image_rate=image_rate)
        size = batch_on(self.encoder.device, batch)
        features = extract_video(item, chunks, self.encoder, recipe, batch=size)
        crop = self.plan.checkpoint.provenance.test_crop
        (scores,) = score_features(self.model, [features], crop)
        return VideoResult(scores, self.plan.header)


def load_scorer(
    checkpoint: str | Path,
    *,
    device: str = "auto",
    weights: str = "",
    events: EventOptions | None = None,
) -> VideoScorer:
    """Return a scorer of the checkpoint in a folder, of whichever head, with CLIP loaded.

    Args:
        checkpoint: Folder that `train` or `export` wrote, for example ``outputs/ucf/train``, or
            the name of one in the model hub, ``hf://owner/name[@revision]``.
        device: cpu, cuda or cuda:N; auto takes a GPU where there is one.
        weights: CLIP weights, a tag or a file; those named in the checkpoint by default.
        events: When scores become events; by the checkpoint's calibration by default.

    Raises:
        StoreError: There is no checkpoint, or it cannot score videos.
        ValueError: Weights that are not those of its features, or no such device.
    """
    plan = make_scoring_plan(
        checkpoint_location(str(checkpoint)), weights, events or EventOptions()
    )
    found = device_named(device)
    encoder = load_encoder(plan.recipe, plan.source, found)
    return VideoScorer(plan, encoder, plan.build_scorer(found))
