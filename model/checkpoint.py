"""Checkpoints that rebuild themselves: weights, settings, classes, recipe and metrics in one file.

One safetensors file, so it is whole or not there; its metadata carries everything that is not a
tensor, and ``checkpoint.json`` beside it says the same to a reader. The class texts are kept as
the features they came to, so that scoring needs no text tower.
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

from model.heads.dsanet.build import build_dsanet
from model.heads.dsanet.config import ModelConfig
from model.heads.dsanet.model import Dsanet
from model.training.config import TrainConfig
from stores.features.shard_index import ShardRecipe
from stores.files.commit import commit_bytes, commit_text
from stores.files.locations import AnyPath, local_copy
from stores.records import StoreError

FILE = "checkpoint.safetensors"
SCHEMA = "1"
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
    """A trained model as it is stored.

    ``state`` holds every learned parameter by name and ``text`` [K,D] the class features that go
    with them; ``metrics`` are the figures that were written down with it. ``fingerprint`` is 16
    hexadecimal digits over the file.
    """

    model: ModelConfig
    training: TrainConfig
    provenance: Provenance
    metrics: Mapping[str, float]
    state: Mapping[str, Tensor]
    text: Float[Tensor, "k d"]
    fingerprint: str = ""


def save_checkpoint(folder: AnyPath, checkpoint: Checkpoint) -> None:
    """Commit a checkpoint, and its settings as JSON beside it, into ``folder``.

    Raises:
        StoreError: The folder cannot be written.
    """
    content = {
        "schema": SCHEMA,
        "model": asdict(checkpoint.model),
        "training": asdict(checkpoint.training),
        "provenance": asdict(checkpoint.provenance),
        "metrics": dict(checkpoint.metrics),
    }
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.state.items()
    }
    tensors[_TEXT] = checkpoint.text.detach().cpu().contiguous()
    # One key only: safetensors writes several in any order, and equal content is to be equal bytes.
    commit_bytes(folder / FILE, save(tensors, {"checkpoint": json.dumps(content, sort_keys=True)}))
    commit_text(folder / "checkpoint.json", json.dumps(content, indent=1) + "\n")


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
        content: dict[str, Any] = json.loads(metadata["checkpoint"])
        if content["schema"] != SCHEMA:
            raise StoreError(f"{path} has schema {content['schema']}, expected {SCHEMA}")
        checkpoint = Checkpoint(
            model=ModelConfig(**content["model"]),
            training=TrainConfig(**content["training"]),
            provenance=_provenance(content["provenance"]),
            metrics=content["metrics"],
            text=state.pop(_TEXT),
            state=state,
            fingerprint=hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        )
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise StoreError(
            f"{path} is damaged or no DSANet checkpoint of this version ({error}); "
            "remove it and train again"
        ) from error
    return checkpoint


def rebuild(checkpoint: Checkpoint, device: torch.device) -> Dsanet:
    """Return the model of a checkpoint, to score with: it has no text branch and needs no CLIP.

    Raises:
        StoreError: The weights do not fit the settings.
    """
    model = build_dsanet(checkpoint.model, text=None)
    state = {k: v for k, v in checkpoint.state.items() if not k.startswith("text.")}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise StoreError(f"the checkpoint's weights do not fit its settings: {error}") from error
    return model.to(device).eval()


def _provenance(content: dict[str, Any]) -> Provenance:
    prompts = tuple(tuple(texts) for texts in content.pop("prompts"))
    return Provenance(classes=tuple(content.pop("classes")), prompts=prompts, **content)
