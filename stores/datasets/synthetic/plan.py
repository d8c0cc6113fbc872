"""The plan of the generated data set: every video, its camera, its class and its events."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from stores.datasets.synthetic.footage import SUFFIXES, Codec
from stores.datasets.synthetic.incidents import PAINTERS
from stores.records import Split

CLASSES = ("normal", *PAINTERS)
"""The classes, normal first."""

# Shortest and longest event of each class, in seconds; a video holds one or two.
_DURATIONS = {
    "explosion": (0.5, 12.0),
    "fighting": (3.0, 16.0),
    "road accident": (3.0, 20.0),
    "vandalism": (4.0, 20.0),
}
# Cameras of each split: four are seen in both, two are new in the test.
_CAMERAS: dict[Split, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5), "test": (2, 3, 4, 5, 6, 7)}
# The second, third and fourth video of a split are of another kind than plain H.264.
_CODECS: dict[int, Codec] = {1: "h264-vfr", 2: "mpeg4", 3: "hevc"}


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is generated: videos of each kind, and their shortest and longest length."""

    train_normal: int = 32
    train_anomalous: int = 32
    test_normal: int = 10
    test_anomalous: int = 14
    seconds: tuple[float, float] = (20.0, 40.0)


DEMO = Settings()
"""The data set of ``make demo``."""


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """Everything that fixes one video: equal plans give equal pictures.

    ``seed`` and ``camera`` draw the view; ``seed``, ``split`` and ``number`` all the rest.
    """

    video_id: str
    split: Split
    label: str
    seed: int
    number: int
    camera: int
    fps: int
    frames: int
    codec: Codec
    events: tuple[tuple[int, int], ...]

    @property
    def file_name(self) -> str:
        """The video file below the data set's root; each split has a folder."""
        return f"{self.split}/{self.video_id}{SUFFIXES[self.codec]}"


def plan(seed: int, settings: Settings = DEMO) -> list[VideoPlan]:
    """Return every video of a data set, training first, without drawing anything.

    Unlike ``discover`` it includes where the incidents of training videos lie, for studies of the
    data set itself; nothing that trains may call it.
    """
    counts: dict[Split, tuple[int, int]] = {
        "train": (settings.train_normal, settings.train_anomalous),
        "test": (settings.test_normal, settings.test_anomalous),
    }
    plans = []
    for code, (split, (normal, anomalous)) in enumerate(counts.items()):
        anomalies = itertools.islice(itertools.cycle(PAINTERS), anomalous)
        labels = np.array([CLASSES[0]] * normal + [*anomalies])
        np.random.default_rng([seed, code]).shuffle(labels)
        # Both kinds see every camera equally often: otherwise the camera is half the answer.
        views = {kind: itertools.cycle(_CAMERAS[split]) for kind in (True, False)}
        for number, label in enumerate(labels.tolist()):
            generator = np.random.default_rng([seed, code, number])
            fps = int(generator.choice((25, 30)))
            frames = int(generator.uniform(*settings.seconds) * fps)
            plans.append(
                VideoPlan(
                    video_id=f"{label.replace(' ', '_')}_{split}_{number:03d}",
                    split=split,
                    label=label,
                    seed=seed,
                    number=number,
                    camera=next(views[label == CLASSES[0]]),
                    fps=fps,
                    frames=frames,
                    codec=_CODECS.get(number, "h264"),
                    events=_place_events(label, generator, fps=fps, frames=frames),
                )
            )
    return plans


def _place_events(
    label: str, generator: np.random.Generator, *, fps: int, frames: int
) -> tuple[tuple[int, int], ...]:
    """Draw one or two events that lie apart and fill half of the video at most."""
    if label == CLASSES[0]:
        return ()
    count = 1 + int(generator.random() < 0.5)
    shortest, longest = _DURATIONS[label]
    share = generator.uniform(size=count) ** 1.5  # short ones are more frequent
    seconds = shortest + (longest - shortest) * share
    # The class has to be there in a video: a flash alone falls between two sampled frames.
    seconds[0] = max(seconds[0], 1.5)
    lengths = np.minimum(seconds * fps, 0.5 * frames / count).astype(int)
    free = frames - int(lengths.sum())
    gaps = np.sort(generator.integers(0, free + 1, size=count))
    ends = gaps + np.cumsum(lengths)
    return tuple(zip((ends - lengths).tolist(), ends.tolist(), strict=True))
