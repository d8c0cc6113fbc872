"""HDF5 shards of whole videos: the unit of work, of retry, of commit and of resume.

A shard holds ``/<video>/segments`` [C,S,D] float16 and ``/<video>/times`` [F] float64, both behind
a Fletcher-32 checksum, and ``/index``: JSON that lists its videos, its failures and its recipe, so
that the catalog reads one small data set a shard. A recipe is text and a fingerprint here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from stores.commit import commit_bytes
from stores.listing import item_from_json
from stores.locations import openable
from stores.records import DecodeAudit, Failure, StoreError, VideoFeatures, VideoItem

SCHEMA = 2
READABLE = (1, 2)
"""Version 1 lacks the audit's duplicate frames and time of the last frame."""

# What h5py and JSON report of a cut file, a flipped bit, a missing name or a foreign content.
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, MemoryError)
_ROWS_PER_CHUNK = 256  # at most: a training window of one crop is read in one or two pieces


@dataclass(frozen=True, slots=True)
class ShardRecipe:
    """A recipe as the store sees it: JSON to show, and the fingerprint that must agree."""

    text: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ShardVideo:
    """What the index says of one video, and the shard it lies in."""

    item: VideoItem
    frames: int
    segments: int
    crops: int
    width: int
    audit: DecodeAudit
    shard: Path


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The index of one shard."""

    recipe: ShardRecipe
    videos: tuple[ShardVideo, ...]
    failures: tuple[Failure, ...]


def shard_name(recipe: ShardRecipe, video_ids: Sequence[str]) -> str:
    """Return the file name for these videos.

    The same set makes the same name: a repeated job overwrites itself and adds no second copy.
    """
    text = "\n".join([recipe.fingerprint, *sorted(video_ids)])
    return f"shard-{hashlib.sha256(text.encode()).hexdigest()[:16]}.h5"


def write_shard(
    folder: Path,
    recipe: ShardRecipe,
    videos: Sequence[VideoFeatures],
    failures: Sequence[Failure] = (),
) -> Path:
    """Commit one shard and return its path.

    The HDF5 image is built in memory and written in one piece: HDF5 flushing chunks to a full disk
    ends the process without an exception.

    Raises:
        StoreError: The folder cannot be written.
    """
    ids = [v.item.video_id for v in videos] + [f.item.video_id for f in failures]
    path = folder / shard_name(recipe, ids)
    # Only the newer format has checksums on its own structures: in the old one a flipped bit in a
    # chunk's address reads as zeros.
    with h5py.File(path.name, "w", driver="core", backing_store=False, libver="latest") as file:
        for video in videos:
            _write_video(file, video)
        index = json.dumps(_index_json(recipe, videos, failures)).encode()
        file.create_dataset(
            "index", data=np.frombuffer(index, dtype=np.uint8), chunks=True, fletcher32=True
        )
        file.flush()
        image = file.id.get_file_image()
    commit_bytes(path, image)
    return path


def read_index(path: Path) -> ShardIndex:
    """Read what a shard holds.

    Raises:
        StoreError: The file is damaged, or no shard of this schema.
    """
    foreign = f"{path} is HDF5 but not a feature shard; move it out of the folder"
    with _reading(path) as file:
        index = file.get("index")
        if not isinstance(index, h5py.Dataset) or index.dtype != np.uint8 or index.ndim != 1:
            raise StoreError(foreign)
        content = json.loads(index[()].tobytes())
        if not isinstance(content, dict) or "schema" not in content:
            raise StoreError(foreign)
        if content["schema"] not in READABLE:
            raise StoreError(f"{path} has schema {content['schema']}, expected {SCHEMA}")
        videos = tuple(_video_from_json(entry, path) for entry in content["videos"])
        failures = tuple(
            Failure(item=item_from_json(f["item"]), reason=f["reason"], attempts=f["attempts"])
            for f in content["failures"]
        )
        return ShardIndex(ShardRecipe(**content["recipe"]), videos, failures)


def read_segments(video: ShardVideo, crop: int | None = None) -> NDArray[np.float16]:
    """Return the features of a video: [C,S,D], or [S,D] of one crop.

    Raises:
        StoreError: The shard is damaged, or has no such crop.
    """
    if crop is not None and not 0 <= crop < video.crops:
        raise StoreError(
            f"crop {crop} of {video.item.video_id}: {video.shard} holds {video.crops} crops"
        )
    shape = video.crops, video.segments, video.width
    with _reading(video.shard) as file:
        data = _data(file, video, "segments", shape)
        return np.asarray(data[()] if crop is None else data[crop], dtype=np.float16)


def read_times(video: ShardVideo) -> NDArray[np.float64]:
    """Return the presentation time of every frame, [F] seconds; errors as in read_segments."""
    with _reading(video.shard) as file:
        return np.asarray(_data(file, video, "times", (video.frames,))[()], dtype=np.float64)


def check_shard(path: Path) -> None:
    """Read all of a shard against its checksums and its own index.

    Raises:
        StoreError: It is damaged, no shard, or holds other shapes than its index says.
    """
    for video in read_index(path).videos:
        read_segments(video)
        read_times(video)


@contextmanager
def _reading(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(openable(path), "r") as file:
            yield file
    except StoreError:
        raise
    except PermissionError as error:
        raise StoreError(f"{path}: no permission to read the shard") from error
    except _DAMAGE as error:
        raise StoreError(
            f"damaged shard {path} ({error}); delete it and run extract again to redo its videos"
        ) from error


def _data(file: h5py.File, video: ShardVideo, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """Return a data set of a video; its shape is compared before memory is asked for it."""
    data = file[_group(video.item.video_id)][name]
    if data.shape != shape:
        raise StoreError(
            f"{video.shard}: {name} of {video.item.video_id} have shape {data.shape}, the index "
            f"says {shape}; move the file away and extract again"
        )
    return data


def _group(video_id: str) -> str:
    """Return the HDF5 group name of a video: '/', '.' and our own 'index' mean something there."""
    name = video_id.replace("%", "%25").replace("/", "%2F")
    return f"%{ord(name[0]):02X}{name[1:]}" if name in {".", "index"} else name


def _write_video(file: h5py.File, video: VideoFeatures) -> None:
    _, segments, width = video.segments.shape
    # Equal chunks: HDF5 writes the last one whole, and 270 rows in chunks of 256 would be 512.
    rows = -(-segments // -(-segments // _ROWS_PER_CHUNK))
    group = file.create_group(_group(video.item.video_id))
    group.create_dataset(
        "segments",
        data=video.segments.astype(np.float16, copy=False),
        chunks=(1, rows, width),
        fletcher32=True,
    )
    # Regular times differ by a constant: shuffled and deflated they take a fraction of a byte each.
    group.create_dataset(
        "times", data=video.times, chunks=True, shuffle=True, compression="gzip", fletcher32=True
    )
    seconds = float(video.times[-1]) if video.frames > 1 else 0.0
    group.attrs["video_id"] = video.item.video_id
    group.attrs["frames"] = video.frames
    group.attrs["fps"] = (video.frames - 1) / seconds if seconds > 0 else 0.0
    group.attrs["audit"] = json.dumps(asdict(video.audit))


def _index_json(
    recipe: ShardRecipe, videos: Sequence[VideoFeatures], failures: Sequence[Failure]
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "recipe": asdict(recipe),
        "videos": [
            {
                "item": asdict(v.item),
                "frames": v.frames,
                "shape": v.segments.shape,
                "audit": asdict(v.audit),
            }
            for v in videos
        ],
        "failures": [asdict(f) for f in failures],
    }


def _video_from_json(entry: dict[str, Any], path: Path) -> ShardVideo:
    crops, segments, width = entry["shape"]
    if not all(isinstance(n, int) and n > 0 for n in (entry["frames"], crops, segments, width)):
        raise TypeError(f"frames and shape have to be numbers above 0, got {entry['shape']}")
    return ShardVideo(
        item=item_from_json(entry["item"]),
        frames=entry["frames"],
        segments=segments,
        crops=crops,
        width=width,
        audit=DecodeAudit(**entry["audit"]),
        shard=path,
    )
