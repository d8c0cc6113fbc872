"""A video to its features, or to the reason why it has none: one reader for each decode worker.

Reading ends when the last frame was handed over to be encoded; what it returns waits for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from extract.container import DecodeError
from extract.decoders import Decoder
from extract.features import SegmentMeans, read_video
from extract.recipe import Recipe
from extract.source import Chunk
from pipeline.engine.decoder_client import DecoderClient, DecoderLost
from pipeline.engine.events import FramesRead
from stores.files.content import content_of
from stores.files.locations import local_copy, location
from stores.files.names import one_line
from stores.files.sequences import IMAGE_RATE
from stores.records import Failure, StoreError, VideoFeatures, VideoItem

Outcome: TypeAlias = VideoFeatures | Failure
"""What comes of a video."""

SECOND_DECODER: Decoder = "pyav"
"""Reads a video whose first attempt ended with a dead or silent decode worker."""


@dataclass(frozen=True, slots=True)
class VideoReader:
    """Reads one video after another with a decode worker of its own.

    ``means`` gives what takes the frames of a video. ``strict`` refuses a video unlike its
    announcement, ``full_digest`` notes the digest of whole files, ``image_rate`` is that of
    folders of images.
    """

    client: DecoderClient
    means: Callable[[], SegmentMeans]
    recipe: Recipe
    decoder: Decoder
    strict: bool
    full_digest: bool = False
    image_rate: float = IMAGE_RATE

    def read(self, item: VideoItem, emit: Callable[[FramesRead], None]) -> Callable[[], Outcome]:
        """Read a video, emitting the frames of each chunk; return what waits for its outcome.

        Raises:
            DecoderLost: A decoder of another node was lost, or too slow: one of this node says why.
            OutOfReachError: That node does not hold the video.
        """
        if not item.path:
            why = "listed, but no file of that name lies below the root, or several that differ"
            failure = Failure(item, why)
            return lambda: failure
        # Before it is read: whatever is written to the file meanwhile makes it another one.
        content = content_of(item.path, whole=self.full_digest)
        try:
            if self.client.helps:
                if content is None:
                    raise DecoderLost(f"{item.path} is not there")
                path = self.client.reach(item.path, content)
                finish = self._read_file(item, path, emit)
            else:
                with local_copy(location(item.path)) as copy:
                    path = str(copy)
                    finish = self._read_file(item, path, emit)
        except StoreError as error:
            failure = Failure(item, str(error), content=content)
            return lambda: failure

        def outcome() -> Outcome:
            found = finish()
            if isinstance(found, Failure):
                found = replace(found, reason=found.reason.replace(path, item.path))
            return replace(found, content=content)

        return outcome

    def _read_file(
        self, item: VideoItem, path: str, emit: Callable[[FramesRead], None]
    ) -> Callable[[], Outcome]:
        """Read the file at ``path``, with the second decoder where the first one is lost."""
        reasons: list[str] = []
        for decoder in (self.decoder, SECOND_DECODER):
            chunks = _counted(self.client.stream(path, self.recipe, decoder, self.image_rate), emit)
            try:
                wait = read_video(item, chunks, self.means(), self.recipe)
            except DecoderLost as error:
                if self.client.helps:
                    raise
                reasons.append(str(error))
            except (DecodeError, ValueError) as error:
                reasons.append(str(error))
                break
            else:
                return lambda: self._finish(wait, item, reasons)
        failure = Failure(item, one_line("; then: ".join(reasons)), len(reasons))
        return lambda: failure

    def _finish(
        self, wait: Callable[[], VideoFeatures], item: VideoItem, lost: list[str]
    ) -> Outcome:
        """Return the features, once they are there, or why they will not do."""
        try:
            video = wait()
        except ValueError as error:
            return Failure(item, one_line("; then: ".join([*lost, str(error)])), len(lost) + 1)
        if self.strict and video.audit.mismatch:
            return Failure(item, f"strict: {video.audit.mismatch}", len(lost) + 1)
        return video


def _counted(chunks: Iterator[Chunk], emit: Callable[[FramesRead], None]) -> Iterator[Chunk]:
    for chunk in chunks:
        emit(FramesRead(len(chunk.times)))
        yield chunk
