"""`--compile`: kernels fused by torch.compile, and on a GPU recorded once and replayed as a whole.

What is compiled is what runs plainly, and agrees with it to rounding. It takes about a minute at
every start, so it is for long runs, and it is left to the user.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException
from torch.nn import functional

from extract.crops import frame_size
from extract.encoder import ClipEncoder
from extract.features import encode_frames
from extract.recipe import Recipe
from model.heads.segment_scorer import SegmentScorer, SegmentScores
from model.scoring.scorer import windows_on
from model.training.step import StepPrograms
from stores.files.names import one_line

P = ParamSpec("P")
R = TypeVar("R")


def compiled(
    program: Callable[P, R], device: torch.device, backend: str = "inductor"
) -> Callable[P, R]:
    """Return ``program`` compiled whole for ``device``, once for every shape of its arguments.

    On a GPU its kernels become one CUDA graph, whose results hold until its next run and which
    belongs to the thread that ran it first.

    Raises:
        ValueError: When it is run first: there is no compiler, or it failed.
    """
    graphs = device.type == "cuda" and backend == "inductor"
    made = torch.compile(
        program,
        fullgraph=True,
        dynamic=False,
        backend=backend,
        mode="reduce-overhead" if graphs else None,
    )

    def run(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return made(*arguments, **named)
        except TorchDynamoException as error:
            reason = one_line(str(error).partition("Set TORCHDYNAMO_VERBOSE")[0])[:300].strip()
            raise ValueError(
                f"--compile failed: {reason}; it needs a C++ compiler; or leave the option out"
            ) from error

    return run


def compiled_step(
    programs: StepPrograms, device: torch.device, backend: str = "inductor"
) -> StepPrograms:
    """Return the programs of a training step, compiled."""
    made = compiled(programs.text, device, backend)

    def text() -> Float[Tensor, "k d"]:
        torch.compiler.cudagraph_mark_step_begin()  # nothing of the step before is wanted any more
        return made()

    return StepPrograms(text=text, terms=compiled(programs.terms, device, backend))


class CompiledFrames:
    """Frames to features: crops, normalisation and tower as one program for so many frames.

    It runs in a thread of its own; black fills it up.
    """

    def __init__(
        self, encoder: ClipEncoder, recipe: Recipe, frames: int, backend: str = "inductor"
    ) -> None:
        self._device = encoder.device
        self._frames = frames
        self._program = compiled(
            partial(encode_frames, encode=encoder.compute, recipe=recipe), encoder.device, backend
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compiled-encoder")
        self(torch.zeros(1, *frame_size(recipe), 3, dtype=torch.uint8))  # compiles, or fails, now

    def __call__(self, frames: UInt8[Tensor, "f h w 3"]) -> Float[Tensor, "f c d"]:
        """Return a float32 feature for each crop of each frame, on the encoder's device."""
        return self._thread.submit(self._encode, frames).result()

    @torch.inference_mode()
    def _encode(self, frames: UInt8[Tensor, "f h w 3"]) -> Float[Tensor, "f c d"]:
        features = []
        for some in torch.split(frames.to(self._device), self._frames):
            missing = self._frames - len(some)
            filled = functional.pad(some, (0, 0, 0, 0, 0, 0, 0, missing)) if missing else some
            features.append(self._program(filled)[: len(some)].clone())
        return torch.cat(features)


class CompiledScorer:
    """A ``SegmentScorer`` compiled for one batch size, in a thread of its own.

    Its weights and class texts may change between two calls.
    """

    def __init__(self, scorer: SegmentScorer, backend: str = "inductor") -> None:
        self.window = scorer.window
        self.device = scorer.device
        self._batch = windows_on(scorer.device)
        self._program = compiled(scorer.forward, scorer.device, backend)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compiled-scorer")

    def __call__(
        self, features: Float[Tensor, "b t d"], lengths: Int[Tensor, " b"]
    ) -> SegmentScores:
        """Return the scores of windows; a ValueError says that they are too many."""
        return self._thread.submit(self._run, features, lengths).result()

    def frozen(self) -> CompiledScorer:
        """Return itself: a program is one for all lengths."""
        return self

    @torch.inference_mode()
    def _run(self, features: Float[Tensor, "b t d"], lengths: Int[Tensor, " b"]) -> SegmentScores:
        missing = self._batch - len(features)
        if missing < 0:
            raise ValueError(f"got {len(features)} windows, compiled for {self._batch} at most")
        filled = functional.pad(features, (0, 0, 0, 0, 0, missing))
        found = self._program(filled, functional.pad(lengths, (0, missing), value=1))
        return SegmentScores(*(values[: len(features)].clone() for values in found))
