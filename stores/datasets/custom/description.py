r"""``dataset.yaml``: what somebody says of their own classes; every field of it may be left out.

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

from stores.records import StoreError

FILES = "dataset.yaml", "dataset.yml"
_FIELDS = "normal", "classes", "group", "test_share", "metric"
_NORMAL_NAMES = frozenset(
    ("normal", "negative", "background", "none", "nothing", "regular", "nonviolence", "noanomaly")
)
_NEGATIONS = "no", "non", "not"


@dataclass(frozen=True, slots=True)
class Description:
    """What ``dataset.yaml`` says, or the defaults where it says nothing.

    ``texts`` are those of the classes that are named, in that order. ``source`` is the file, for
    messages; None where there is none.
    """

    normal: str | None = None
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: re.Pattern[str] | None = None
    test_share: float = 0.25
    metric: Literal["auc", "ap"] = "auc"
    source: Path | None = None


def find_description(folders: Sequence[Path]) -> Description:
    """Return the description in the first of the folders that has one, else the defaults.

    Raises:
        StoreError: It is no YAML, or says something else than what it may.
    """
    for folder in folders:
        for name in FILES:
            if (folder / name).is_file():
                return read_description(folder / name)
    return Description()


def read_description(path: Path) -> Description:
    """Return what a description file says.

    Raises:
        StoreError: It cannot be read, is no YAML, or says something else than what it may.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StoreError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or (unknown := set(content) - set(_FIELDS)):
        told = f"fields {sorted(map(str, unknown))}" if isinstance(content, dict) else "no fields"
        raise StoreError(f"{path} has {told}; there may be {', '.join(_FIELDS)}")
    share, metric = content.get("test_share", 0.25), content.get("metric", "auc")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise StoreError(f"{path}: test_share is {share!r}, expected a number between 0 and 1")
    if metric not in ("auc", "ap"):
        raise StoreError(f"{path}: metric is {metric!r}, expected auc or ap")
    normal = content.get("normal")
    return Description(
        normal=None if normal is None else str(normal),
        texts=_texts(path, content.get("classes") or {}),
        group=_pattern(path, content.get("group")),
        test_share=float(share),
        metric=metric,
        source=path,
    )


def order_classes(description: Description, found: Sequence[str]) -> tuple[str, ...]:
    """Return the classes with the normal one first, then those described, then the others by name.

    Raises:
        StoreError: It is not plain which class is the normal one, there is no other, or one that
            is described has no video.
    """
    where = description.source or "dataset.yaml"
    if unknown := [name for name in description.texts if name not in found]:
        raise StoreError(
            f"{where} describes {', '.join(unknown)}, of which there is no video; there are "
            f"{', '.join(sorted(found))}"
        )
    normal = description.normal or _guess_normal(found)
    if normal is None or normal not in found:
        told = "it is not plain" if normal is None else f"{normal!r} is none of them"
        raise StoreError(
            f"which of the classes {', '.join(sorted(found))} is the normal one: {told}; write "
            f"`normal: <class>` into {where}"
        )
    others = [name for name in description.texts if name != normal]
    others += sorted(name for name in found if name != normal and name not in others)
    if not others:
        raise StoreError(f"{normal} is the only class; an anomaly needs a class of its own")
    return (normal, *others)


def texts_of(description: Description, classes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the texts for CLIP of each class: as described, or the class name in plain words.

    Raises:
        StoreError: A class that is not described has a name without a word in it.
    """
    texts = []
    for index, name in enumerate(classes):
        words = "normal" if index == 0 else _words(name)
        if not (own := description.texts.get(name)) and not re.search(r"[^\W\d_]", words):
            raise StoreError(
                f"class {name!r} tells CLIP nothing; write a text for it into dataset.yaml, as "
                f"classes: {{{name!r}: people fighting}}"
            )
        texts.append(own or (words,))
    return tuple(texts)


def _guess_normal(found: Sequence[str]) -> str | None:
    """Return the class whose name says normal, or "no" and another class's name; else None."""
    plain = {name: re.sub(r"[\W_]", "", name.casefold()) for name in found}
    negated = {f"{no}{word}" for no in _NEGATIONS for word in plain.values()}
    hits = [name for name, word in plain.items() if word in _NORMAL_NAMES | negated]
    return hits[0] if len(hits) == 1 else None


def _words(name: str) -> str:
    """Return a class name as words: ``RoadAccident`` and ``road_accident`` as road accident."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[\W_]+", " ", spaced).casefold().split())


def _texts(path: Path, classes: object) -> dict[str, tuple[str, ...]]:
    """Return the texts by class of the field ``classes``: a mapping, or a list of names."""
    if isinstance(classes, list):
        classes = dict.fromkeys(classes)
    if not isinstance(classes, dict):
        raise StoreError(f"{path}: classes is {classes!r}, expected a text for each class's name")
    texts: dict[str, tuple[str, ...]] = {}
    for name, told in classes.items():
        own = [told] if isinstance(told, str) else told or []
        if not isinstance(own, list) or not all(isinstance(t, str) and t.strip() for t in own):
            raise StoreError(f"{path}: class {name}: {told!r} is no text and no list of texts")
        texts[str(name)] = tuple(own)
    return texts


def _pattern(path: Path, group: object) -> re.Pattern[str] | None:
    if group is None:
        return None
    try:
        pattern = re.compile(str(group))
    except re.error as error:
        raise StoreError(f"{path}: group {group!r} is no regular expression: {error}") from error
    if not pattern.groups:
        raise StoreError(f"{path}: group {group!r} has no bracket that takes the source's name")
    return pattern
