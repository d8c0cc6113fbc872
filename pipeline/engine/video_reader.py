"""A video to its features, or to the reason why it has none: one reader for each decode worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from extract.container import DecodeError
from extract.decoders import Decoder
from extract.encoder import Encoder
from extract.features import extract_video
from extract.recipe import Recipe
from extract.source import Chunk
from pipeline.engine.decode_worker import DecoderClient, DecoderLost
from pipeline.engine.events import FramesRead
from stores.files.content import content_of
from stores.files.locations import local_copy, location
from stores.files.names import one_line
from stores.records import Failure, StoreError, VideoFeatures, VideoItem

SECOND_DECODER: Decoder = "pyav"
"""Reads a video whose first attempt ended with a dead or silent decode worker."""


@dataclass(frozen=True, slots=True)
class VideoReader:
    """Reads one video after another with a decode worker of its own.

    The encoder gets ``batch`` images at once; ``strict`` refuses a video unlike its announcement,
    ``full_digest`` notes the digest of whole files.
    """

    client: DecoderClient
    encoder: Encoder
    recipe: Recipe
    decoder: Decoder
    batch: int
    strict: bool
    full_digest: bool = False

    def read(self, item: VideoItem, emit: Callable[[FramesRead], None]) -> VideoFeatures | Failure:
        """Return a video's features or why there are none, emitting the frames of each chunk."""
        if not item.path:
            why = "listed, but no file of that name lies below the root, or several that differ"
            return Failure(item, why)
        # Before it is read: whatever is written to the file meanwhile makes it another one.
        content = content_of(item.path, whole=self.full_digest)
        try:
            with local_copy(location(item.path)) as path:
                outcome = self._read_file(item, str(path), emit)
        except StoreError as error:
            return Failure(item, str(error), content=content)
        if isinstance(outcome, Failure):
            outcome = replace(outcome, reason=outcome.reason.replace(str(path), item.path))
        return replace(outcome, content=content)

    def _read_file(
        self, item: VideoItem, path: str, emit: Callable[[FramesRead], None]
    ) -> VideoFeatures | Failure:
        """Read the file at ``path``, with the second decoder where the first one is lost."""
        reasons: list[str] = []
        for decoder in (self.decoder, SECOND_DECODER):
            chunks = _counted(self.client.stream(path, self.recipe, decoder), emit)
            try:
                video = extract_video(item, chunks, self.encoder, self.recipe, batch=self.batch)
            except DecoderLost as error:
                reasons.append(str(error))
            except (DecodeError, ValueError) as error:
                reasons.append(str(error))
                break
            else:
                if self.strict and video.audit.mismatch:
                    return Failure(item, f"strict: {video.audit.mismatch}", len(reasons) + 1)
                return video
        return Failure(item, one_line("; then: ".join(reasons)), len(reasons))


def _counted(chunks: Iterator[Chunk], emit: Callable[[FramesRead], None]) -> Iterator[Chunk]:
    for chunk in chunks:
        emit(FramesRead(len(chunk.times)))
        yield chunk
