"""``match-features``: the options of an extraction that makes a published feature file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from pipeline.console import DONE, SHOWN, SOME_FAILED, print_line, print_some, print_table
from stores.ranges import PositiveCount

if TYPE_CHECKING:
    from extract.protocol_search import Match, Matching

_CHOICES = ("frames", "recipe", "crop", "colours", "matrix", "length 1")


@dataclass(frozen=True)
class MatchFeaturesRun:
    """Find out how a published feature file was made: rank every protocol against its video."""

    video: Positional[Path]
    """The video, uncut."""
    published: Positional[Path]
    """Its features as .npy, [segments, width] of one crop."""
    clip: str = "ViT-B-16-quickgelu"
    """CLIP model by its open_clip name; tiny is the demo's."""
    weights: str = ""
    """Weights of it: an open_clip tag or the path of a weight file; 'openai' by default."""
    rows: PositiveCount = 8
    """Rows that are compared, spread over the video; each takes 768 pictures through CLIP."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes a GPU where there is one."""


def execute(run: MatchFeaturesRun) -> int:
    """Compare every protocol with the file, print the ranking and return the exit code."""
    from pipeline.stages.match_features import match

    return render(match(run))


def render(matching: Matching) -> int:
    """Print the ranking of protocols, the options to use, and what else explains the file."""
    from pipeline.stages.match_features import advice

    print_table(
        f"{len(matching.ranked)} combinations, {len(matching.rows)} rows compared",
        {
            **dict.fromkeys(_CHOICES, "left"),
            **dict.fromkeys(("mean cosine", "worst", "length ratio"), "right"),
        },
        [
            (*_choices(m), f"{m.cosine:.6f}", f"{m.worst:.6f}", f"{m.length:.3f}")
            for m in matching.ranked[:SHOWN]
        ],
    )
    if not matching.is_explained:
        print_line(
            f"no combination explains the file (best mean cosine {matching.best.cosine:.4f}): "
            "other weights, another model, a re-encoded video or a protocol that is not tried here"
        )
        return SOME_FAILED
    print_line(f"use: extract {advice(matching)}")
    print_line(f"  the file holds crop {matching.best.image.crop} of that recipe")
    if len(matching.tails) > 1:
        print_line(f"  keeping and dropping the tail are the same for {matching.frames} frames")
    equals = matching.equals
    print_line(f"cannot be told from it by this file: {len(equals) or 'nothing'}")
    print_some([_difference(matching.best, other) for other in equals])
    return DONE


def _choices(found: Match) -> tuple[str, ...]:
    frames, image, length = found.frames, found.image, found.normalised
    return frames, image.recipe, str(image.crop), image.channels, image.matrix, length


def _difference(best: Match, other: Match) -> str:
    """Return in which choices another combination differs from the best."""
    pairs = zip(_CHOICES, _choices(best), _choices(other), strict=True)
    return ", ".join(
        f"{name} {theirs} for {ours}" for name, ours, theirs in pairs if ours != theirs
    )
