"""Published DSANet checkpoints: their parameter names against ours.

A published state dict holds DSANet's parameters, CLIP under ``clipmodel.`` and the very same CLIP
once more under ``clip_adapter.clipmodel.``. Nothing is transposed or reshaped, only renamed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor

from model.heads.base import Head
from model.heads.dsanet.config import DsanetConfig
from model.heads.renaming import CLIP, affine, branch_names, rename_published
from model.heads.text_tower import TextTower

_CLIP_ALIAS = "clip_adapter.clipmodel."
_ADAPTER = "clip_adapter.text_adapter."
_NORMALITY = "video_anomaly_refiner."

_BOTTLENECK = {"c_fc": "expand", "c_proj": "contract"}

# Inside a block of the normality branch.
_PROTOTYPE_BLOCK = {
    "norm1": "attention_norm",
    "attn.q": "attention.query",
    "attn.kv": "attention.key_value",
    "attn.proj": "attention.out",
    "norm2": "mlp_norm",
    "mlp.fc1": "mlp.expand",
    "mlp.fc2": "mlp.contract",
}


def recognises(parameters: Collection[str]) -> bool:
    """Return whether the parameter names of a published state dict are DSANet's."""
    return any(name.startswith((_NORMALITY, _ADAPTER)) for name in parameters)


def parameter_names(config: DsanetConfig) -> dict[str, str]:
    """Return our name of every trained parameter of a published checkpoint, by its published name.

    Parameters that are never used and CLIP's own are not among them.
    """
    names = branch_names(config.temporal_layers)
    if config.text_adapter:
        adapters = [f"text.adapter.blocks.{block}" for block in range(config.adapted_blocks)]
        for index, ours in enumerate([*adapters, "text.adapter.projection"]):
            names[f"{_ADAPTER}{index}.fc.0.weight"] = f"{ours}.weight"
    if config.normality:
        names.update(_normality_names(config.decoder_depth))
    return names


def _normality_names(depth: int) -> Iterator[tuple[str, str]]:
    yield f"{_NORMALITY}video_prototypes", "normality.prototypes"
    yield from affine(_BOTTLENECK, f"{_NORMALITY}bottleneck.", "normality.bottleneck.")
    yield from affine(_PROTOTYPE_BLOCK, f"{_NORMALITY}dnp_extractor.0.", "normality.aggregation.")
    for block in range(depth):
        theirs, ours = f"{_NORMALITY}decoder.{block}.", f"normality.decoder.{block}."
        yield f"{theirs}attn.learn_scale", f"{ours}scale"
        yield from affine(_PROTOTYPE_BLOCK, theirs, ours)


def import_published(
    state: Mapping[str, Tensor], config: DsanetConfig, model: Head, tower: TextTower
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return a published state dict in our names, ready to be loaded; tensors are shared.

    Returned are what ``model.load_learned_state`` takes and what ``tower.load_state_dict`` takes.
    ``model``, built with ``config``, and ``tower``, that of the CLIP that the checkpoint was
    trained with, say which shapes are right; neither is changed.

    Raises:
        ValueError: A parameter is missing, unexpected or of the wrong shape, or the second copy of
            CLIP differs from the first. The message names it.
    """
    _check_aliases(state)
    own = {name: value for name, value in state.items() if not name.startswith(_CLIP_ALIAS)}
    return rename_published(own, parameter_names(config), model, tower)


def _check_aliases(state: Mapping[str, Tensor]) -> None:
    for alias, copy in state.items():
        if alias.startswith(_CLIP_ALIAS):
            original = state.get(CLIP + alias.removeprefix(_CLIP_ALIAS))
            if original is None or not torch.equal(original, copy):
                raise ValueError(f"{alias} differs from the first copy of CLIP, expected the same")
