"""Checkpoints that rebuild themselves: weights, settings, classes, recipe and metrics in one file.

A safetensors file whose metadata carries what is no tensor; ``checkpoint.json`` beside it says the
same to a reader. Class texts are kept as features, so that scoring needs no text tower.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from model.heads.base import HeadConfig, HeadKind, load_scoring
from model.heads.segment_scorer import ScoringKind, SegmentScorer, Temperatures
from model.training.config import TrainConfig
from stores.features.shard_index import ShardRecipe
from stores.files.commit import commit_bytes, commit_text
from stores.files.hashes import check_hash, digest_of
from stores.files.locations import AnyPath, local_copy, regular
from stores.files.typed import Document, convert, decode_json, read_json
from stores.ranges import Count, Finite
from stores.records import StoreError

FILE = "checkpoint.safetensors"
DESCRIPTION = "checkpoint.json"
SCHEMA = "2"  # 1 named no head
_TEXT = "class_text"
_REMEDY = "train again, or import it again"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a checkpoint comes from: data set, features, CLIP and the protocol that chose it.

    ``key`` stands for everything that decided the weights: equal keys, equal training.
    """

    dataset: str
    classes: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]
    test_crop: Count
    recipe: str
    recipe_fingerprint: str
    clip_weights: str
    protocol: str
    key: str = ""

    @property
    def shard_recipe(self) -> ShardRecipe:
        """The recipe of the features that the checkpoint scores, as the store sees it."""
        return ShardRecipe(self.recipe, self.recipe_fingerprint)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A trained head as it is stored, or zero-shot CLIP, of which ``training`` is None.

    ``state`` holds every learned parameter of the ``head`` of that name, and ``text`` [K,D] the
    class features that go with them. ``fingerprint`` is 16 hexadecimal digits over the file.
    """

    head: str
    model: HeadConfig
    training: TrainConfig | None
    provenance: Provenance
    metrics: Mapping[str, float]
    state: Mapping[str, Tensor]
    text: Float[Tensor, "k d"]
    fingerprint: str = ""

    def temperatures(self, score: float | None) -> Temperatures:
        """Return what logits are divided by, given the temperature of a calibration, if any."""
        return Temperatures(1.0 if self.training is None else self.training.temperature, score)


@dataclass(frozen=True, slots=True)
class _Content:
    """What the metadata says; ``model`` is of the type that the head has for it."""

    schema: str
    training: TrainConfig | None
    provenance: Provenance
    metrics: dict[str, Finite]
    model: dict[str, Any]
    head: str


def save_checkpoint(folder: AnyPath, checkpoint: Checkpoint) -> None:
    """Commit a checkpoint into ``folder``, its settings as JSON beside it before.

    Raises:
        StoreError: The folder cannot be written.
    """
    content = _content(checkpoint)
    tensors = {**checkpoint.state, _TEXT: checkpoint.text}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # The checkpoint last: where it is, all that belongs to it is there too.
    commit_text(folder / DESCRIPTION, describe(checkpoint))
    # One key only: safetensors writes several in any order, and equal content is to be equal bytes.
    commit_bytes(folder / FILE, save(tensors, {"checkpoint": json.dumps(content, sort_keys=True)}))


def describe(checkpoint: Checkpoint) -> str:
    """Return what ``checkpoint.json`` says of a checkpoint."""
    return json.dumps(_content(checkpoint), indent=1) + "\n"


def _content(checkpoint: Checkpoint) -> dict[str, object]:
    """Return what is no tensor, as JSON states it."""
    return {
        "schema": SCHEMA,
        "head": checkpoint.head,
        "model": asdict(checkpoint.model),  # type: ignore[call-overload]  # a dataclass, see HeadConfig
        "training": None if checkpoint.training is None else asdict(checkpoint.training),
        "provenance": asdict(checkpoint.provenance),
        "metrics": dict(checkpoint.metrics),
    }


def load_checkpoint(folder: AnyPath) -> Checkpoint:
    """Read what :func:`save_checkpoint` wrote; ``folder`` may also be the file itself.

    Raises:
        StoreError: Nothing is there, it is damaged, no checkpoint of ours or not the one that
            hashes beside it name, or its parts do not go together: head, settings, classes and
            weights. The message names file and field.
    """
    if folder.name == DESCRIPTION:
        raise StoreError(f"{folder} is for people to read; give its folder, or {FILE} in it")
    path = folder if regular(folder).is_file() else folder / FILE
    if not regular(path).is_file():
        raise StoreError(f"no checkpoint at {path}; give the folder that `train` wrote")
    try:
        with local_copy(path) as copy:
            copy.open("rb").close()  # what it may not read, safetensors says is not there
            digest = digest_of(copy)
            check_hash(path, digest)
            with safe_open(copy, framework="pt") as file:
                metadata = file.metadata() or {}
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except PermissionError as error:
        raise StoreError(f"{path}: no permission to read the checkpoint") from error
    except (SafetensorError, OSError) as error:
        raise StoreError(f"{path} is damaged or no checkpoint ({error}); {_REMEDY}") from error
    if "checkpoint" not in metadata or _TEXT not in state:
        lacking = f"no {_TEXT}" if "checkpoint" in metadata else "no settings"
        raise StoreError(f"{path} is damaged or no checkpoint (it holds {lacking}); {_REMEDY}")
    content = decode_json(metadata["checkpoint"], _Content, path, schema=SCHEMA, remedy=_REMEDY)
    kind = _kind_of(content.head, path)
    checkpoint = Checkpoint(
        head=content.head,
        model=convert(content.model, kind.config, f"{path}: model"),
        training=content.training,
        provenance=content.provenance,
        metrics=content.metrics,
        text=state.pop(_TEXT),
        state=state,
        fingerprint=digest[:16],
    )
    _check(checkpoint, kind, path)
    return checkpoint


def _kind_of(head: str, path: AnyPath) -> ScoringKind[Any]:
    try:
        return load_scoring(head)
    except ValueError as error:
        raise StoreError(f"{path}: head: {error}") from error


def _check(checkpoint: Checkpoint, kind: ScoringKind[Any], path: AnyPath) -> None:
    """Raise StoreError where classes, their texts, settings and weights do not go together."""
    model, classes = checkpoint.model, checkpoint.provenance.classes
    if checkpoint.training is None and isinstance(kind, HeadKind):
        raise StoreError(f"{path}: training: got null, and head {kind.name} is trained; {_REMEDY}")
    if len(classes) != model.classes:
        raise StoreError(
            f"{path}: model: got {model.classes} classes, expected the {len(classes)} of provenance"
        )
    try:
        with torch.device("meta"):  # shapes alone
            expected = kind.build_branches(model).state_dict()
    except ValueError as error:
        raise StoreError(f"{path}: model: {error}") from error
    found = {**checkpoint.state, _TEXT: checkpoint.text}
    shapes = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    for name, shape in {**shapes, _TEXT: (model.classes, model.width)}.items():
        if name not in found:
            raise StoreError(f"{path}: {name} is missing, which head {kind.name} has; {_REMEDY}")
        if (got := tuple(found[name].shape)) != shape:
            raise StoreError(f"{path}: {name} has shape {got}, expected {shape}; {_REMEDY}")
    if odd := [name for name, tensor in found.items() if not tensor.isfinite().all()]:
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        raise StoreError(f"{path}: {odd[0]}{more} holds values that are not finite; {_REMEDY}")


def check_description(path: AnyPath, checkpoint: Checkpoint) -> None:
    """Compare ``checkpoint.json``, where there is one, with the checkpoint beside it.

    Raises:
        StoreError: It is damaged, or says something else; the field is named.
    """
    description = path.with_name(DESCRIPTION)
    if (found := read_json(description, Document)) is None:
        return
    expected = json.loads(json.dumps(_content(checkpoint)))
    for name, value in expected.items():
        if found.get(name) != value:
            raise StoreError(f"{description}: {_unlike(name, found.get(name), value)} in {FILE}")


def _unlike(name: str, found: object, expected: object) -> str:
    """Return which value differs, by its name in nested objects."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key, value in expected.items():
            if found.get(key) != value:
                return _unlike(f"{name}.{key}", found.get(key), value)
        return f"{name} has fields more than those"
    return f"{name} is {str(found)[:80]}, and {str(expected)[:80]}"


def build_scorer(
    checkpoint: Checkpoint,
    device: torch.device,
    score_temperature: float | None = None,
    frozen: bool = True,
) -> SegmentScorer:
    """Return what scores with a checkpoint's weights, and the temperature of its calibration.

    ``frozen``, what all windows share is worked out here, and not for each video that comes.

    Raises:
        StoreError: The weights do not fit the settings.
    """
    kind = load_scoring(checkpoint.head)
    branches = kind.build_branches(checkpoint.model)
    try:
        branches.load_state_dict({name: checkpoint.state[name] for name in branches.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise StoreError(f"the checkpoint's weights do not fit its settings: {error}") from error
    temperatures = checkpoint.temperatures(score_temperature)
    scorer = SegmentScorer(branches, checkpoint.text, kind.distribution, temperatures).to(device)
    return scorer.eval().frozen() if frozen else scorer.eval()
