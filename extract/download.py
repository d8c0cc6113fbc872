"""Weights that a tag names: from the caches of this machine, or downloaded by open_clip.

A file that is here is not asked about elsewhere, and where nothing answers that is said at once:
the hub's library tries again for half a minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.pretrained import download_pretrained

from stores.files.hub import answers


def fetch(entry: Mapping[str, Any]) -> Path:
    """Return the file of an entry of open_clip's table of weights, downloading it where needed.

    Raises:
        OSError: It is not here and cannot be downloaded; the message says what to fetch from where.
        RuntimeError: What was downloaded is not what was announced.
    """
    repository, names = _place(entry)
    if not repository:
        return Path(download_pretrained(dict(entry)))  # which asks its own cache first
    if cached := find_cached(entry):
        return cached
    address = hf_hub_url(repository, names[0])
    way_out = f"fetch {address} elsewhere and give the file's path instead of the tag"
    if constants.HF_HUB_OFFLINE:
        raise OSError(f"it is not in the hub's cache, and HF_HUB_OFFLINE is set; {way_out}")
    if not answers(address):
        host = urlsplit(address).hostname
        raise OSError(f"it is not on this machine and {host} does not answer; {way_out}")
    try:
        return Path(download_pretrained(dict(entry)))
    except OSError as error:
        raise OSError(f"it could not be downloaded ({error}); {way_out}") from error


def find_cached(entry: Mapping[str, Any]) -> Path | None:
    """Return the file of an entry where it is on this machine; nothing is asked elsewhere."""
    repository, names = _place(entry)
    if not repository:
        path = Path("~/.cache/clip").expanduser() / Path(str(entry.get("url", ""))).name
        return path if path.is_file() else None
    found = (try_to_load_from_cache(repository, each) for each in names)
    return next((Path(each) for each in found if isinstance(each, str)), None)


def _place(entry: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    """Return an entry's repository of the hub, '' where it has none, and its names for the file."""
    repository, _, name = str(entry.get("hf_hub", "")).rpartition("/")
    return repository, _alternatives(name or HF_WEIGHTS_NAME)


def _alternatives(name: str) -> Sequence[str]:
    """Return the names that open_clip looks for in a repository, in its order."""
    if name == HF_WEIGHTS_NAME:
        return [HF_SAFE_WEIGHTS_NAME, name]
    return [f"{name[:-4]}.safetensors", name] if name.endswith((".bin", ".pth")) else [name]
