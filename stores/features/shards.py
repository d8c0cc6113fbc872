"""HDF5 shards of whole videos: the unit of work, of retry, of commit and of resume.

A shard holds ``/<video>/segments`` [C,S,D] float16 and ``/<video>/times`` [F] float64, both behind
a Fletcher-32 checksum, and ``/index``: JSON (:mod:`stores.features.shard_index`), so that the
catalog reads one small data set a shard.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from io import RawIOBase
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from stores.features.layout import VALUES, Layout, chunk_rows, digest
from stores.features.shard_index import (
    REDO,
    ShardIndex,
    ShardRecipe,
    ShardVideo,
    decode_index,
    encode_index,
)
from stores.files.commit import commit_bytes
from stores.files.requests import open_exactly, read_in_pieces
from stores.records import Failure, StoreError, VideoFeatures

# What h5py reports of a cut file, a flipped bit, a missing name or foreign content.
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, MemoryError)

_LATEST = 1e300  # seconds, the end of ranges.Finite


def shard_name(recipe: ShardRecipe, generation: int, video_ids: Sequence[str]) -> str:
    """Return the file name for these videos: a job repeated by its run overwrites itself."""
    text = "\n".join([recipe.fingerprint, str(generation), *sorted(video_ids)])
    return f"shard-{hashlib.sha256(text.encode()).hexdigest()[:16]}.h5"


def write_shard(
    folder: Path,
    recipe: ShardRecipe,
    videos: Sequence[VideoFeatures],
    failures: Sequence[Failure] = (),
    generation: int = 0,
) -> Path:
    """Commit one shard and return its path; errors as in committing.

    A video that lies in shards of an earlier ``generation`` too counts as it is in this one. The
    HDF5 image is built in memory and written in one piece: HDF5 flushing chunks to a full disk
    ends the process without an exception.
    """
    ids = [v.item.video_id for v in videos] + [f.item.video_id for f in failures]
    path = folder / shard_name(recipe, generation, ids)
    # Only the newer format has checksums on its own structures: in the old one a flipped bit in a
    # chunk's address reads as zeros.
    with h5py.File(path.name, "w", driver="core", backing_store=False, libver="latest") as file:
        for video in videos:
            _write_video(file, video)
        file.flush()  # chunks have no place in the file before
        layouts = [Layout.of(file[_group(v.item.video_id)]["segments"], v.segments) for v in videos]
        text = encode_index(recipe, generation, videos, failures, layouts)
        index = np.frombuffer(text, dtype=np.uint8)
        file.create_dataset("index", data=index, chunks=True, fletcher32=True)
        file.flush()
        image = file.id.get_file_image()
    commit_bytes(path, image)
    return path


def read_index(path: Path) -> ShardIndex:
    """Read what a shard holds.

    Raises:
        StoreError: The file is damaged, or no shard of this schema.
    """

    def read(source: Path | RawIOBase) -> bytes:
        with h5py.File(source, "r") as file:
            index = _own(file, "index", path) if file.id.links.exists(b"index") else None
            if not isinstance(index, h5py.Dataset) or index.dtype != np.uint8 or index.ndim != 1:
                what = "is HDF5 but not a feature shard; move it out of the folder"
                raise StoreError(f"{path} {what}")
            return index[()].tobytes()

    with _naming(path):
        return decode_index(read_in_pieces(path, read), path)


def read_segments(video: ShardVideo, crop: int | None = None) -> NDArray[np.float16]:
    """Return the features of a video: [C,S,D], or [S,D] of one crop.

    Raises:
        StoreError: The shard is damaged, or has no such crop.
    """
    if crop is not None and not 0 <= crop < video.crops:
        what = f"crop {crop} of {video.item.video_id}"
        raise StoreError(f"{what}: {video.shard} holds {video.crops} crops")
    crops = range(video.crops) if crop is None else [crop]
    with _naming(video.shard), open_exactly(video.shard) as raw:
        values = np.empty((len(crops), video.segments, video.width), VALUES)
        if crop is not None:
            video.layout.expect(raw, crop, values.nbytes)
        for into, number in zip(values, crops, strict=True):
            video.layout.read(raw, number, into)
    return values if crop is None else values[0]


def read_times(video: ShardVideo) -> NDArray[np.float64]:
    """Return the presentation time of every frame, [F] seconds; errors as in read_segments."""
    with _naming(video.shard):
        times = np.asarray(_read(video, "times", (video.frames,)), dtype=np.float64)
    if not np.isfinite(times).all() or np.abs(times).max() > _LATEST:
        raise StoreError(
            f"damaged shard {video.shard}: a frame of {video.item.video_id} has no possible time; "
            f"{REDO}"
        )
    return times


def check_shard(path: Path) -> None:
    """Read all of a shard against its checksums and its own index, both ways that it can be read.

    Raises:
        StoreError: It is damaged, no shard, or holds other shapes than its index says.
    """
    for video in read_index(path).videos:
        if not np.isfinite(read_segments(video)).all():
            what = f"features of {video.item.video_id} are not finite"
            raise StoreError(f"damaged shard {path}: {what}; {REDO}")
        read_times(video)
        values = _read(video, "segments", video.shape)
        if video.layout.digests != tuple(map(digest, values)):
            raise StoreError(f"damaged shard {path}: its index describes other features; {REDO}")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn what damaged and foreign files raise into a StoreError that names the file."""
    try:
        yield
    except StoreError:
        raise
    except PermissionError as error:
        raise StoreError(f"{path}: no permission to read the shard") from error
    except _DAMAGE as error:
        raise StoreError(f"damaged shard {path} ({error}); {REDO}") from error


def _read(video: ShardVideo, name: str, shape: tuple[int, ...]) -> NDArray[np.floating[Any]]:
    """Return what a data set of a video holds; its shape is compared before memory is allocated."""

    def read(source: Path | RawIOBase) -> NDArray[np.floating[Any]]:
        with h5py.File(source, "r") as file:
            group = _own(file, _group(video.item.video_id), video.shard)
            data = _own(group, name, video.shard)
            if data.shape != shape:
                raise StoreError(
                    f"{video.shard}: {name} of {video.item.video_id} have shape {data.shape}, the "
                    f"index says {shape}; move the file away and extract again"
                )
            return data[()]

    with _naming(video.shard):
        return read_in_pieces(video.shard, read)


def _own(group: h5py.Group, name: str, path: Path) -> h5py.Group | h5py.Dataset:
    """Return a member of a group whose content lies in this very file.

    Raises:
        StoreError: It lies elsewhere: HDF5 would open whatever file a foreign shard names.
    """
    what = f"{path} points out of itself ({name}); move it out of the folder"
    if group.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
        raise StoreError(what)
    found = group[name]
    if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
        raise StoreError(what)
    return found


def _group(video_id: str) -> str:
    """Return the HDF5 group name of a video: '/', '.' and our own 'index' mean something there."""
    name = video_id.replace("%", "%25").replace("/", "%2F")
    return f"%{ord(name[0]):02X}{name[1:]}" if name in {".", "index"} else name


def _write_video(file: h5py.File, video: VideoFeatures) -> None:
    _, segments, width = video.segments.shape
    chunks, values = (1, chunk_rows(segments), width), video.segments.astype(VALUES, copy=False)
    group = file.create_group(_group(video.item.video_id))
    group.create_dataset("segments", data=values, chunks=chunks, fletcher32=True)
    # Regular times differ by a constant: shuffled and deflated they take a fraction of a byte each.
    group.create_dataset(
        "times", data=video.times, chunks=True, shuffle=True, compression="gzip", fletcher32=True
    )
    seconds = float(video.times[-1]) if video.frames > 1 else 0.0
    group.attrs["video_id"] = video.item.video_id
    group.attrs["frames"] = video.frames
    group.attrs["fps"] = (video.frames - 1) / seconds if seconds > 0 else 0.0
    group.attrs["audit"] = json.dumps(asdict(video.audit))
