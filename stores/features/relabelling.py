"""Another data set's videos under the classes of a checkpoint that was not trained on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stores.features.catalog import Catalog
from stores.files.typed import convert, read_json
from stores.files.yaml_content import load_yaml
from stores.records import StoreError, VideoItem

_FORM = "write a line `<class of {theirs}>: <class of the checkpoint>` for each"


def read_mapping(path: Path) -> dict[str, str]:
    """Return the classes that a JSON or YAML file maps to others.

    Raises:
        StoreError: There is no such file, or it holds something else.
    """
    if path.suffix != ".json":
        return convert(load_yaml(path), dict[str, str], path)
    content = read_json(path, dict[str, str])
    if content is None:
        raise StoreError(f"no such file: {path}")
    return content


def complete_mapping(
    mapping: Mapping[str, str], theirs: Sequence[str], ours: Sequence[str]
) -> dict[str, str]:
    """Return a mapping that also has what needs no word: normal, and classes of one name.

    ``theirs`` are the classes of the data set, ``ours`` those of the checkpoint, normal ones first.

    Raises:
        StoreError: It names a class that there is not, or takes an anomaly for normal or the other
            way round.
    """
    for wrong, known, owner in (
        (mapping.keys() - set(theirs), theirs, "data set"),
        (set(mapping.values()) - set(ours), ours, "checkpoint"),
    ):
        if wrong:
            raise StoreError(
                f"classes are mapped that the {owner} does not have: {', '.join(sorted(wrong))}; "
                f"it has {', '.join(known)}"
            )
    for name, target in mapping.items():
        if (name == theirs[0]) != (target == ours[0]):
            raise StoreError(f"{name} is mapped to {target}: one is normal and one an anomaly")
    alike = {name: name for name in theirs[1:] if name in ours[1:]}
    return {theirs[0]: ours[0]} | alike | dict(mapping)


def relabel(catalog: Catalog, name: str, mapping: Mapping[str, str]) -> Catalog:
    """Return the test split of data set ``name`` under other classes, its labels and its truth.

    Raises:
        StoreError: Classes of its videos or events are not mapped; they are named.
    """
    items = [video.item for video in catalog.videos.values() if video.item.split == "test"]
    used = dict.fromkeys(label for item in items for label in _labels_of(item))
    if unmapped := [label for label in used if label not in mapping]:
        raise StoreError(
            f"{name} has classes that are mapped to none of the checkpoint's: "
            f"{', '.join(sorted(unmapped))}; {_FORM.format(theirs=name)} into a file and give it "
            "with --classes"
        )
    videos = {
        key: replace(video, item=_renamed(video.item, mapping))
        for key, video in catalog.videos.items()
        if video.item.split == "test"
    }
    return replace(catalog, videos=videos)


def _labels_of(item: VideoItem) -> list[str]:
    return [*item.labels, *(event.label for event in item.events or ())]


def _renamed(item: VideoItem, mapping: Mapping[str, str]) -> VideoItem:
    labels = tuple(dict.fromkeys(mapping[label] for label in item.labels))
    events = item.events
    if events is not None:
        events = tuple(replace(event, label=mapping[event.label]) for event in events)
    return replace(item, labels=labels, events=events)
