"""Decode workers: processes that read videos ahead of the encoder, a bounded number of chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import ray
from ray.actor import ActorHandle
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from extract.recipe import Recipe
from extract.video import Chunk, DecodeError, Decoder, read_chunks
from pipeline.cluster import CHUNK_FRAMES, PREFETCH


class DecoderLost(RuntimeError):
    """A decode worker died or passed its deadline."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What a decode worker answers in place of a chunk when a file cannot be read (any further)."""

    reason: str


class DecodeWorker:
    """The actor: one video open at a time, one chunk an answer."""

    def __init__(self) -> None:
        self._chunks: Iterator[Chunk] = iter(())
        self.produced = 0

    def open(self, path: str, recipe: Recipe, decoder: Decoder) -> None:
        """Turn to another video; the one before is closed, finished or not."""
        self._chunks = read_chunks(path, recipe, decoder=decoder, chunk_frames=CHUNK_FRAMES)

    def next(self) -> Chunk | Refused | None:
        """Return the next chunk, why there is none, or None past the end."""
        try:
            chunk = next(self._chunks, None)
        except DecodeError as error:
            return Refused(str(error))
        self.produced += chunk is not None
        return chunk

    def chunks_produced(self) -> int:
        """Return how many chunks were ever made here."""
        return self.produced


class Decoding:
    """A decode worker seen from the shard worker that owns it; replaces itself when it is lost."""

    def __init__(self, deadline: float) -> None:
        """Start a worker on this node that may take ``deadline`` seconds for a chunk."""
        self._deadline = deadline
        self._start()

    def _start(self) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        # No restarts by Ray: a restarted actor has lost its place in the video, and says nothing.
        # No CPUs: the shard worker has asked for those of its decoders.
        self.actor: ActorHandle = (
            ray.remote(DecodeWorker)
            .options(num_cpus=0, max_restarts=0, scheduling_strategy=here)
            .remote()
        )

    def stream(self, path: str, recipe: Recipe, decoder: Decoder) -> Iterator[Chunk]:
        """Yield the chunks of a video in order, at most :data:`PREFETCH` of them ahead.

        Raises:
            DecodeError: The file cannot be read.
            DecoderLost: The worker died or took too long; a new one is ready for the next video.
        """
        self.actor.open.remote(path, recipe, decoder)
        ahead = deque(self.actor.next.remote() for _ in range(PREFETCH))
        while True:
            answer = self._await(ahead.popleft())
            if answer is None:
                return
            if isinstance(answer, Refused):
                raise DecodeError(answer.reason)
            if answer.last is None:
                ahead.append(self.actor.next.remote())
            yield answer
            if answer.last is not None:
                return

    def _await(self, reference: ray.ObjectRef[Chunk | Refused | None]) -> Chunk | Refused | None:
        try:
            return ray.get(reference, timeout=self._deadline)
        except ray.exceptions.GetTimeoutError as error:
            self._replace()
            raise DecoderLost(
                f"no frames within {self._deadline:.0f} s; decode worker ended"
            ) from error
        except ray.exceptions.RayError as error:
            self._replace()
            raise DecoderLost(f"decode worker died: {_first_line(error)}") from error

    def _replace(self) -> None:
        ray.kill(self.actor)
        self._start()


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
