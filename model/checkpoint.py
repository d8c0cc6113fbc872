"""Checkpoints that rebuild themselves: weights, settings, classes, recipe and metrics in one file.

A safetensors file whose metadata carries what is no tensor; ``checkpoint.json`` beside it says the
same to a reader. Class texts are kept as features, so that scoring needs no text tower.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from model.heads.base import HeadConfig, HeadKind, load
from model.heads.segment_scorer import SegmentScorer, Temperatures
from model.training.config import TrainConfig
from stores.features.shard_index import ShardRecipe
from stores.files.commit import commit_bytes, commit_text
from stores.files.locations import AnyPath, local_copy
from stores.files.typed import convert, decode_json
from stores.records import StoreError

FILE = "checkpoint.safetensors"
SCHEMA = "2"  # 1 named no head
_TEXT = "class_text"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a checkpoint comes from: data set, features, CLIP and the protocol that chose it.

    ``key`` stands for everything that decided the weights: equal keys, equal training.
    """

    dataset: str
    classes: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]
    test_crop: int
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
    """A trained head as it is stored.

    ``state`` holds every learned parameter of the ``head`` of that name, and ``text`` [K,D] the
    class features that go with them. ``fingerprint`` is 16 hexadecimal digits over the file.
    """

    head: str
    model: HeadConfig
    training: TrainConfig
    provenance: Provenance
    metrics: Mapping[str, float]
    state: Mapping[str, Tensor]
    text: Float[Tensor, "k d"]
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    """What the metadata says; ``model`` is of the type that the head has for it."""

    schema: str
    training: TrainConfig
    provenance: Provenance
    metrics: dict[str, float]
    model: dict[str, Any]
    head: str


def save_checkpoint(folder: AnyPath, checkpoint: Checkpoint) -> None:
    """Commit a checkpoint into ``folder``, its settings as JSON beside it before.

    Raises:
        StoreError: The folder cannot be written.
    """
    content = {
        "schema": SCHEMA,
        "head": checkpoint.head,
        "model": asdict(checkpoint.model),  # type: ignore[call-overload]  # a dataclass, see HeadConfig
        "training": asdict(checkpoint.training),
        "provenance": asdict(checkpoint.provenance),
        "metrics": dict(checkpoint.metrics),
    }
    tensors = {**checkpoint.state, _TEXT: checkpoint.text}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # The checkpoint last: where it is, all that belongs to it is there too.
    commit_text(folder / "checkpoint.json", json.dumps(content, indent=1) + "\n")
    # One key only: safetensors writes several in any order, and equal content is to be equal bytes.
    commit_bytes(folder / FILE, save(tensors, {"checkpoint": json.dumps(content, sort_keys=True)}))


def load_checkpoint(folder: AnyPath) -> Checkpoint:
    """Read what :func:`save_checkpoint` wrote; ``folder`` may also be the file itself.

    Raises:
        StoreError: Nothing is there, or it is damaged or no checkpoint of ours.
    """
    path = folder if folder.is_file() else folder / FILE
    if not path.is_file():
        raise StoreError(f"no checkpoint at {path}; give the folder that `train` wrote")
    try:
        with local_copy(path) as copy, safe_open(copy, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
        remedy = "train again, or import it again"
        content = decode_json(metadata["checkpoint"], _Content, path, schema=SCHEMA, remedy=remedy)
        checkpoint = Checkpoint(
            head=content.head,
            model=convert(content.model, _kind_of(content.head, path).config, f"{path}: model"),
            training=content.training,
            provenance=content.provenance,
            metrics=content.metrics,
            text=state.pop(_TEXT),
            state=state,
            fingerprint=hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        )
    except (SafetensorError, OSError, KeyError) as error:
        raise StoreError(
            f"{path} is damaged or no checkpoint of this version ({error}); "
            "remove it and train again"
        ) from error
    _check(checkpoint, path)
    return checkpoint


def _kind_of(head: str, path: AnyPath) -> HeadKind[Any]:
    try:
        return load(head)
    except ValueError as error:
        raise StoreError(f"{path}: head: {error}") from error


def _check(checkpoint: Checkpoint, path: AnyPath) -> None:
    """Raise StoreError where classes, their texts and the head's shape do not go together."""
    model, classes = checkpoint.model, checkpoint.provenance.classes
    if min(model.width, model.classes, model.window) < 1 or len(classes) != model.classes:
        raise StoreError(
            f"{path}: model: got width {model.width}, window {model.window} and {model.classes} "
            f"classes, expected numbers above 0 and the {len(classes)} classes of provenance"
        )
    if tuple(checkpoint.text.shape) != (model.classes, model.width):
        raise StoreError(
            f"{path}: {_TEXT} has shape {tuple(checkpoint.text.shape)}, expected "
            f"{(model.classes, model.width)}"
        )


def build_scorer(
    checkpoint: Checkpoint, device: torch.device, score_temperature: float | None = None
) -> SegmentScorer:
    """Return what scores with a checkpoint's weights, and the temperature of its calibration.

    Raises:
        StoreError: The weights do not fit the settings.
    """
    kind = load(checkpoint.head)
    branches = kind.build_branches(checkpoint.model)
    try:
        branches.load_state_dict({name: checkpoint.state[name] for name in branches.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise StoreError(f"the checkpoint's weights do not fit its settings: {error}") from error
    temperatures = Temperatures(checkpoint.training.temperature, score_temperature)
    scorer = SegmentScorer(branches, checkpoint.text, kind.distribution, temperatures)
    return scorer.to(device).eval()
