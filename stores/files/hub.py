"""Folders of the model hub: ``hf://owner/name[@revision]``, from its cache or downloaded.

Only files that are asked for by name are fetched, so that a repository's other ones, pickles among
them, never reach this machine. Where nothing answers that is said at once: the hub's library tries
again for half a minute.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from stores.files.locations import store_errors
from stores.records import StoreError

_NAME = re.compile(
    r"hf://(?P<repository>[\w.-]+/[\w.-]+)"
    r"(?:@(?P<revision>refs/(?:pr|convert)/[\w.-]+|[\w.%-]+))?/?"
)
_PATIENCE = 5.0  # seconds for a name to be found and a connection made


def is_hub_name(text: str) -> bool:
    """Return whether a text names a repository of the hub as a whole, at a revision or not."""
    return _NAME.fullmatch(text) is not None


def fetch_folder(name: str, files: Sequence[str]) -> Path:
    """Return a folder of this machine with those of ``files`` that a repository of the hub holds.

    ``name`` is ``hf://owner/name[@revision]``, a branch, tag or commit (a slash in it as %2F); the
    first of ``files`` has to be there.

    Raises:
        StoreError: It is not here and the hub does not answer or may not be asked, or there is no
            such repository, revision or file. The message says what to do.
    """
    from huggingface_hub import constants, snapshot_download  # half a second, for few

    match = _NAME.fullmatch(name)
    if match is None:
        raise StoreError(f"{name}: expected hf://owner/name or hf://owner/name@revision")
    revision = unquote(match["revision"] or "main")
    away = ""
    if constants.HF_HUB_OFFLINE:
        away = "HF_HUB_OFFLINE is set"
    elif not answers(constants.ENDPOINT):
        away = f"{urlsplit(constants.ENDPOINT).hostname} does not answer"
    try:
        with store_errors(f"{name} cannot be fetched"):
            folder = Path(
                snapshot_download(
                    match["repository"],
                    revision=revision,
                    allow_patterns=list(files),
                    local_files_only=bool(away),
                )
            )
    except StoreError as error:
        if (reason := _reason(error.__cause__, revision, away)) is None:
            raise
        raise StoreError(f"{name}: {reason}") from error
    if not (folder / files[0]).is_file():
        raise StoreError(f"{name} holds no {files[0]}, so it is no model that `export` wrote")
    return folder


def _reason(error: BaseException | None, revision: str, away: str) -> str | None:
    """Return what the library's error means and what to do; None where its own words are best."""
    from huggingface_hub import errors

    if isinstance(error, errors.RevisionNotFoundError):
        return f"the hub knows no revision {revision!r} of it; leave it out, or look for its name"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub knows no such repository, or not for you; check the name, or set HF_TOKEN"
    if isinstance(error, errors.LocalEntryNotFoundError) and away:
        return (
            f"it is not in the hub's cache, and {away}; fetch its files elsewhere and give the "
            "folder that holds them"
        )
    return None


def answers(address: str) -> bool:
    """Return whether the host of a URL, or the proxy before it, takes a connection."""
    address = getproxies().get(urlsplit(address).scheme, address)
    place = urlsplit(address if "//" in address else f"//{address}")
    connected: list[bool] = []

    def connect() -> None:
        port = place.port or (80 if place.scheme == "http" else 443)
        with suppress(OSError), socket.create_connection((place.hostname, port), _PATIENCE):
            connected.append(True)

    # In a thread: looking up a name has no time limit of its own.
    thread = Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return bool(connected)
