"""Feature archives as people share them: which file, or part of one, holds which crop of a video.

Files are ``.npy``, one a crop or one a video, or one HDF5 file with a data set a video. Their names
are a video's, with what says how they were made and the number of a crop behind it. That cannot be
told from a name that ends in a number itself, so the names that a data set lists decide.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from stores.files.arrays import read_array
from stores.files.locations import regular
from stores.files.names import plain
from stores.records import StoreError

_HDF5 = ".h5", ".hdf5"
_MAKERS = re.compile(r"_(i3d|swin|videomae|clip|emb)$")  # behind a video's name, and none of it
_VIDEO_SUFFIXES = re.compile(r"\.(npy|mp4|avi)$", re.IGNORECASE)
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, MemoryError)
"""What h5py raises for files that are damaged, or none."""
_WHOLE_FOLDER = "feature", "features"  # names of the one file in a video's own folder


@dataclass(frozen=True, slots=True)
class Source:
    """A ``.npy`` file, or the data set ``key`` of an HDF5 file."""

    path: Path
    key: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.path.name}:{self.key}" if self.key else self.path.name


CropSources = Mapping[int, Source]


def find_features(root: Path, listed: Iterable[str] = ()) -> dict[str, CropSources]:
    """Return what lies below ``root`` by video and crop, given the names that a data set lists.

    A crop is ``<video>__<k>`` or, of a listed video, ``<video>_<k>``; a bare name is crop 0. A
    video may have a folder of its own, with ``feature.npy`` or a file a crop. Ends such as ``_i3d``
    do not count.

    Raises:
        StoreError: ``root`` is no folder, holds no such file, or two are of one video and crop.
    """
    if not root.is_dir():
        raise StoreError(f"no such folder: {root}; give the folder that holds the .npy files")
    known = {plain(name): name for name in listed}
    found: dict[str, dict[int, Source]] = defaultdict(dict)
    for source, folder, stem in _sources(root):
        video, crop = _place(folder, stem, known)
        other = found[video].setdefault(crop, source)
        if other is not source:
            both = f"{_where(other)} and {_where(source)}"
            raise StoreError(f"two files of one video and crop: {both}")
    if not found:
        kinds = "no file named <video>__<crop>.npy, nor <video>.npy or an HDF5 file, is below"
        raise StoreError(f"{kinds} {root}")
    return dict(found)


def read_source(source: Source) -> NDArray[np.floating[Any]]:
    """Return the numbers of a source in their own precision and shape; no pickle is unpacked.

    Raises:
        StoreError: It cannot be read, or holds other things than floating point numbers.
    """
    if not source.key:
        return read_array(source.path)
    kind, rows = _read_member(source)
    if rows is None:
        raise StoreError(f"{source.name} holds {kind}, expected floating point numbers")
    return rows


def _read_member(source: Source) -> tuple[str, NDArray[np.floating[Any]] | None]:
    """Return what a data set of an HDF5 file holds, and its numbers where they are such."""
    try:
        with h5py.File(regular(source.path), "r") as file:
            data = file[source.key]
            return str(data.dtype), data[()] if data.dtype.kind == "f" else None
    except StoreError:
        raise
    except _DAMAGE as error:
        raise StoreError(f"{source.name} cannot be read: {error}") from error


def _where(source: Source) -> str:
    return f"{source.path}:{source.key}" if source.key else str(source.path)


def _sources(root: Path) -> Iterator[tuple[Source, str, str]]:
    """Yield each source with the name of its folder and its own, without suffix."""
    for path in sorted(root.rglob("*")):
        suffix = path.suffix.lower()
        if suffix == ".npy":
            yield Source(path), path.parent.name if path.parent != root else "", path.stem
        elif suffix in _HDF5 and regular(path).is_file():
            for key in _keys(path):
                *folders, name = key.split("/")
                stem = _VIDEO_SUFFIXES.sub("", name)
                yield Source(path, key), folders[-1] if folders else "", stem


def _keys(path: Path) -> list[str]:
    """Return the data sets that lie in an HDF5 file itself: links out of it are not followed."""
    keys: list[str] = []

    def visit(name: str, found: h5py.HLObject) -> None:
        if isinstance(found, h5py.Dataset) and not (found.external or found.is_virtual):
            keys.append(name)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except _DAMAGE as error:
        raise StoreError(f"{path} cannot be read as HDF5: {error}") from error
    return sorted(keys)


def _place(folder: str, stem: str, known: Mapping[str, str]) -> tuple[str, int]:
    """Return the video and the crop that a name is of."""
    own = _MAKERS.sub("", stem)
    for name in dict.fromkeys([stem, own]):
        if plain(name) in known:
            return known[plain(name)], 0
    for name in dict.fromkeys([stem, own]):
        match = re.fullmatch(r"(?P<video>.+?)(?P<bar>__?)(?P<crop>\d{1,3})", name)
        if match is None:
            continue
        video = _MAKERS.sub("", match["video"])
        if match["bar"] == "__" or plain(video) in known:
            return known.get(plain(video), video), int(match["crop"])
    if plain(folder) in known:
        if own in _WHOLE_FOLDER:
            return known[plain(folder)], 0
        if re.fullmatch(r"\d{1,3}", own):
            return known[plain(folder)], int(own)
    return own, 0
