"""A folder of clips: what is known of each beside it, an index of them all, and one zip of some.

``clips/NAME.json`` says what is in ``clips/NAME.mp4`` and is committed first: a clip without it is
somebody else's, and it without a clip is a clip that was not finished. ``clips.json`` says that the
pages of the folder are ours.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pipeline.views.clip_page import clip_page
from pipeline.views.clip_records import Clip, ClipIndex
from stores.files.commit import commit_text, committing
from stores.files.typed import Document, decode_json, read_json
from stores.records import StoreError

logger = logging.getLogger(__name__)

SCHEMA = 1
INDEX = "clips.json"
CLIPS = "clips"

_OURS = re.compile(r"[\w.-]+-[0-9a-f]{12}\.json", re.ASCII)
_OTHERS_REMEDY = "give another folder (--to)"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a text that a spreadsheet would run begins so


@dataclass(frozen=True, slots=True)
class ClipFolder:
    """The folder of clips, which its writer holds."""

    path: Path

    def claim(self) -> None:
        """Check that what is to be replaced there is ours.

        Raises:
            StoreError: Pages of others lie there, or an index that cannot be read.
        """
        if read_json(self.path / INDEX, Document, schema=SCHEMA, remedy=_OTHERS_REMEDY) is None:
            for name in ("index.html", "clips.csv"):
                if (self.path / name).exists():
                    raise StoreError(f"{self.path / name} is not ours; {_OTHERS_REMEDY}")
            self._commit(INDEX, json.dumps({"schema": SCHEMA}))

    def video(self, name: str) -> Path:
        """Return where a clip lies, or is to lie."""
        return self.path / CLIPS / f"{name}.mp4"

    def kept(self, name: str) -> Clip | None:
        """Return what is known of a clip that is there; None where it has to be made.

        Raises:
            StoreError: A file that is no clip of ours has its name.
        """
        video = self.video(name)
        try:
            found = read_json(video.with_suffix(".json"), Clip, schema=SCHEMA)
        except StoreError as error:
            logger.warning("made again: %s", error)
            return None
        if found is None and video.exists():
            raise StoreError(f"{video} is there and not ours; move it away, or {_OTHERS_REMEDY}")
        # Who made the folder may be a stranger, and a zip is to hold no file of elsewhere.
        if found is None or found.file != f"{CLIPS}/{name}.mp4" or video.is_symlink():
            return None
        return found if video.is_file() and video.stat().st_size == found.bytes else None

    def describe(self, name: str, clip: Clip) -> None:
        """Commit what is known of a clip that is about to appear."""
        content = {"schema": SCHEMA, **asdict(clip)}
        self._commit(f"{CLIPS}/{name}.json", json.dumps(content, indent=1) + "\n")

    def all_clips(self) -> list[Clip]:
        """Return what is known of every clip that is there, the highest peak first."""
        names = sorted(path.stem for path in (self.path / CLIPS).glob("*.json"))
        there = [self.kept(name) for name in names if _OURS.fullmatch(f"{name}.json")]
        return ranked([clip for clip in there if clip is not None])

    def write_index(self, index: ClipIndex) -> Path:
        """Commit the page of all clips and its data; return the page."""
        for name, text in pages_of(index).items():
            self._commit(name, text)
        return self.path / "index.html"

    def write_zip(self, target: Path, index: ClipIndex) -> None:
        """Commit the clips of an index and its page as one file, which replaces none of others'.

        Raises:
            StoreError: Another file is there, or this one cannot be written.
        """
        _check_zip(target)
        with committing(target) as temporary, zipfile.ZipFile(temporary, "w") as made:
            for name, text in pages_of(index).items():
                made.writestr(name, text)
            for clip in index.clips:
                made.write(self.path / clip.file, clip.file)  # stored: films do not shrink

    def _commit(self, name: str, text: str) -> None:
        commit_text(self.path / name, text, self.path)


def ranked(clips: Sequence[Clip]) -> list[Clip]:
    """Return clips in the order of the page: the highest peak first."""
    return sorted(clips, key=lambda clip: (-clip.peak, clip.event))


def digest_of(file: Path) -> tuple[int, str]:
    """Return the size of a file in bytes and its SHA-256."""
    state, size = hashlib.sha256(), 0
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            state.update(block)
            size += len(block)
    return size, state.hexdigest()


def pages_of(index: ClipIndex) -> dict[str, str]:
    """Return the files beside the clips by their names: the data, and the page last."""
    return {
        INDEX: json.dumps({"schema": SCHEMA, **asdict(index)}, indent=1) + "\n",
        "clips.csv": _table(index.clips),
        "index.html": clip_page(index),
    }


def _table(clips: Sequence[Clip]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    names = [field.name for field in fields(Clip)]
    rows.writerow(names)
    for clip in clips:
        rows.writerow([_cell(getattr(clip, name)) for name in names])
    return text.getvalue()


def _cell(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if is_formula else value


def _check_zip(target: Path) -> None:
    if not target.exists():
        return
    try:
        with zipfile.ZipFile(target) as found:
            decode_json(found.read(INDEX), Document, target, schema=SCHEMA)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise StoreError(f"{target} is there and no zip of clips; give another name") from error
