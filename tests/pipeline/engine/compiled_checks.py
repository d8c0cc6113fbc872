"""What is compiled against what is not, in a process without the tests' checks of shapes.

    python tests/pipeline/engine/compiled_checks.py aot_eager

Those checks are no operation that could be compiled. Prints a line for each part that agrees.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from extract.clip_weights import load_clip
from extract.encoder import load_encoder
from extract.features import frame_program
from extract.recipe import RECIPES, TINY_MODEL
from model.heads.dsanet.build import build_dsanet
from model.heads.dsanet.config import PRESETS
from model.heads.dsanet.model import Dsanet
from model.heads.segment_scorer import Temperatures
from model.heads.text_tower import text_tower
from model.scoring.scorer import score_videos
from model.training.data import Batch
from model.training.step import gather_gradients, step_programs
from pipeline.engine.compile import CompiledFrames, CompiledScorer, compiled_step

CONFIG = replace(PRESETS["small"][0], classes=3, window=32)
CPU = torch.device("cpu")


def make_model() -> Dsanet:
    """Return a seeded model."""
    torch.manual_seed(0)
    tower = text_tower(load_clip(TINY_MODEL, ""), TINY_MODEL)
    return build_dsanet(CONFIG, tower, [["a"], ["b"], ["c"]])


def step(backend: str) -> None:
    """Compare loss and gradients of a batch, of samples of every kind of length."""
    model = make_model()
    lengths = torch.tensor([32, 7, 20, 1, 32])
    features = torch.randn(5, 32, CONFIG.width)
    features[torch.arange(32) >= lengths[:, None]] = 0
    batch = Batch(features, lengths, torch.eye(3)[[0, 0, 1, 2, 1]])
    plain = step_programs(model)
    found = []
    for programs in (plain, compiled_step(plain, CPU, backend)):
        model.zero_grad()
        terms = gather_gradients(programs, batch, model.loss_weights, part=5)
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        found.append((terms.total(model.loss_weights), torch.cat([g.flatten() for g in gradients])))
    (total, gradient), (compiled_total, compiled_gradient) = found
    torch.testing.assert_close(compiled_total, total)
    assert (compiled_gradient - gradient).norm() < 1e-5 * gradient.norm()


def scorer(backend: str) -> None:
    """Compare scores of videos of several lengths, before and after a weight changed."""
    model = make_model()
    plain = model.scorer(Temperatures(1.0))
    program = CompiledScorer(plain, backend)
    random = torch.Generator().manual_seed(0)
    videos = [torch.randn(n, CONFIG.width, generator=random).numpy() for n in (5, 700, 32)]
    seen = []
    for _ in range(2):
        expected = list(score_videos(plain, videos))
        found = list(score_videos(program, videos))
        for ours, theirs in zip(found, expected, strict=True):
            for own, other in zip(ours, theirs, strict=True):
                torch.testing.assert_close(torch.from_numpy(own), torch.from_numpy(other))
        seen.append(float(expected[0][0][0]))
        with torch.no_grad():
            model.branches.score_head.bias.add_(1.0)
    assert seen[0] < seen[1]
    with pytest.raises(ValueError, match="40 windows, compiled for 16"):
        program(torch.zeros(40, 32, CONFIG.width), torch.ones(40))


def frames(backend: str) -> None:
    """Compare features, asked for by several threads in batches of several sizes."""
    recipe = RECIPES["demo"]
    encoder = load_encoder(recipe, "", "cpu")
    ours = CompiledFrames(encoder, recipe, frames=4, backend=backend)
    pictures = torch.randint(0, 256, (9, 224, 224, 3), dtype=torch.uint8)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ours, (pictures[:n] for n in (9, 1, 4, 6))))
    expected = frame_program(encoder, recipe)(pictures)
    for features in found:
        torch.testing.assert_close(features, expected[: len(features)], atol=2e-5, rtol=1e-4)


CHECKS: tuple[Callable[[str], None], ...] = (step, scorer, frames)

if __name__ == "__main__":
    for check in CHECKS:
        check(sys.argv[1])
        print(check.__name__)
