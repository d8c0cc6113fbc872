"""Decode workers: processes that read videos ahead of the encoder, a bounded number of chunks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import ray
from ray.actor import ActorHandle

from extract.recipe import Recipe
from extract.video import Chunk, DecodeError, Decoder, read_chunks
from pipeline.cluster import CHUNK_FRAMES, PREFETCH, node_is_alive


class DecoderLost(RuntimeError):
    """A decode worker died or passed its deadline; ``by_node`` when its whole node went."""

    def __init__(self, reason: str, *, by_node: bool) -> None:
        super().__init__(reason)
        self.by_node = by_node


@dataclass(frozen=True, slots=True)
class Refused:
    """What a decode worker answers in place of a chunk when a file cannot be read (any further)."""

    reason: str


class DecodeWorker:
    """The actor: one video open at a time, one chunk an answer."""

    def __init__(self) -> None:
        self._chunks: Iterator[Chunk] = iter(())
        self.produced = 0

    def node_id(self) -> str:
        """Return the id of the node this worker runs on."""
        return ray.get_runtime_context().get_node_id()

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

    def __init__(self, cpus: float, deadline: float) -> None:
        """Start a worker that asks for ``cpus`` and may take ``deadline`` seconds for a chunk."""
        self._cpus = cpus
        self._deadline = deadline
        self._start()

    def _start(self) -> None:
        # No restarts by Ray: a restarted actor has lost its place in the video, and says nothing.
        actor = ray.remote(DecodeWorker)
        self.actor: ActorHandle = actor.options(num_cpus=self._cpus, max_restarts=0).remote()
        self._node: ray.ObjectRef[str] = self.actor.node_id.remote()

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
                f"no frames within {self._deadline:.0f} s; decode worker ended", by_node=False
            ) from error
        except ray.exceptions.RayError as error:
            by_node = not self._node_lives()
            self._replace()
            raise DecoderLost(
                f"decode worker died: {_first_line(error)}", by_node=by_node
            ) from error

    def _node_lives(self) -> bool:
        try:
            return node_is_alive(ray.get(self._node, timeout=self._deadline))
        except ray.exceptions.RayError:
            return False  # it never answered, so it died before it read anything

    def _replace(self) -> None:
        ray.kill(self.actor)
        self._start()


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
