r"""``dataset.yaml``: how users describe their own classes; every field may be left out.

::

    normal: noFight            # the class of videos in which nothing happens
    classes:                   # in this order; one text or several for CLIP
      fight: [people fighting, a brawl]
    group: '^(cam\d+)_'         # what the first bracket takes of a file's name: videos of one
                               # source, which never lie on both sides of a split
    test_share: 0.25           # of each class's videos, where no split is given
    metric: auc                # or ap
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from stores.datasets.base import Metric
from stores.files.locations import regular
from stores.files.names import composed
from stores.files.typed import convert
from stores.files.yaml_content import load_yaml
from stores.records import StoreError

FILES = "dataset.yaml", "dataset.yml"
_NORMAL_NAMES = frozenset(
    ("normal", "negative", "background", "none", "nothing", "regular", "nonviolence", "noanomaly")
)
_NEGATIONS = "no", "non", "not"
_FORM = (
    "fields are normal: <class>, classes: {<class>: <text> or [<text>, …]} or [<class>, …], "
    "group: <regular expression>, test_share: <number between 0 and 1>, metric: auc or ap; "
    "a name such as yes, 1.5 or 2024-01-31 stands in quotes"
)


@dataclass(frozen=True, slots=True)
class Description:
    """The fields as they are written, or the defaults of those that are not.

    ``source`` is the file, for messages; None where there is none.
    """

    normal: str | int | None = None
    classes: dict[str | int, Any] | list[str | int] | None = None
    group: str | None = None
    test_share: float = 0.25
    metric: Metric = "auc"
    source: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.test_share < 1:
            raise ValueError(f"test_share is {self.test_share}, expected more than 0, less than 1")
        for name, texts in self.texts.items():
            for text in texts:
                if not isinstance(text, str) or not text.strip():
                    raise ValueError(f"class {name}: {_shown(text)} is no text")
        if self.pattern is not None and not self.pattern.groups:
            raise ValueError(f"group {self.group!r} has no bracket that takes the source's name")

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The texts of each named class, in their order; none where only names are given."""
        named = dict.fromkeys(self.classes) if isinstance(self.classes, list) else self.classes
        return {
            composed(str(name)): ()
            if own is None
            else tuple(own)
            if isinstance(own, list)
            else (own,)
            for name, own in (named or {}).items()
        }

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """``group`` as a regular expression."""
        try:
            return None if self.group is None else re.compile(self.group)
        except (re.error, OverflowError) as error:
            raise ValueError(f"group {self.group!r} is no regular expression: {error}") from error


def find_description(folders: Sequence[Path]) -> Description:
    """Return the first description in the folders, else defaults; errors as in read_description."""
    paths = (folder / name for folder in folders for name in FILES)
    found = next((path for path in paths if regular(path).is_file()), None)
    return Description() if found is None else read_description(found)


def read_description(path: Path) -> Description:
    """Return what a description file says.

    Raises:
        StoreError: It cannot be read, is no YAML, or has an unknown field or a wrong value.
    """
    content = load_yaml(path)
    names = {each.name for each in fields(Description)} - {"source"}
    if isinstance(content, dict) and (unknown := content.keys() - names):
        raise StoreError(f"{path} has the unknown fields {sorted(map(str, unknown))}; {_FORM}")
    try:
        return replace(convert(content, Description, path), source=path)
    except StoreError as error:
        raise StoreError(f"{error}; {_FORM}") from error


def _shown(value: object) -> str:
    """Return a value for a message: by its anchors a small file may mean more than memory holds."""
    return f"a {type(value).__name__}" if isinstance(value, dict | list) else repr(value)


def order_classes(description: Description, found: Collection[str]) -> tuple[str, ...]:
    """Return the classes with the normal one first, then those described, then the others by name.

    Raises:
        StoreError: The normal class cannot be guessed, or is alone, or a described one is missing.
    """
    where = description.source or "dataset.yaml"
    if unknown := [name for name in description.texts if name not in found]:
        raise StoreError(
            f"{where} describes {', '.join(unknown)}, of which there is no video; there are "
            f"{', '.join(sorted(found))}"
        )
    normal = (
        _guess_normal(found) if description.normal is None else composed(str(description.normal))
    )
    if normal is None or normal not in found:
        problem = "cannot be guessed" if normal is None else f"is not {normal!r}"
        raise StoreError(
            f"which of the classes {', '.join(sorted(found))} is the normal one {problem}; write "
            f"`normal: <class>` into {where}"
        )
    ordered = dict.fromkeys([*description.texts, *sorted(found)])
    others = [name for name in ordered if name != normal]
    if not others:
        raise StoreError(f"{normal} is the only class; an anomaly needs a class of its own")
    return (normal, *others)


def texts_of(description: Description, classes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the texts for CLIP of each class: as described, or the class name in plain words.

    Raises:
        StoreError: A class without texts has a name without a word in it.
    """
    texts = []
    for index, name in enumerate(classes):
        words = "normal" if index == 0 else _words(name)
        if not (own := description.texts.get(name)) and not re.search(r"[^\W\d_]", words):
            raise StoreError(
                f"class {name!r} means nothing to CLIP; write a text for it into dataset.yaml, as "
                f"classes: {{{name!r}: people fighting}}"
            )
        texts.append(own or (words,))
    return tuple(texts)


def _guess_normal(found: Collection[str]) -> str | None:
    """Return the class whose name says normal, or "no" and another class's name; else None."""
    plain = {name: re.sub(r"[\W_]", "", name.casefold()) for name in found}
    negated = {f"{no}{word}" for no in _NEGATIONS for word in plain.values()}
    hits = [name for name, word in plain.items() if word in _NORMAL_NAMES | negated]
    return hits[0] if len(hits) == 1 else None


def _words(name: str) -> str:
    """Return a class name as words: ``RoadAccident`` and ``road_accident`` as road accident."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[\W_]+", " ", spaced).casefold().split())
