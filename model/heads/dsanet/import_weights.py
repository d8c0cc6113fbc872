"""Published DSANet checkpoints: their parameter names against ours.

A published state dict holds DSANet's parameters, CLIP under ``clipmodel.`` and the very same CLIP
once more under ``clip_adapter.clipmodel.``. Nothing is transposed or reshaped, only renamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from model.heads.base import Head
from model.heads.dsanet.config import DsanetConfig
from model.heads.text_tower import TextTower

_CLIP = "clipmodel."
_CLIP_ALIAS = "clip_adapter.clipmodel."

# Registered and never used: CLIP's vision half and scale, and a width of the distance graph.
_UNUSED = ("clipmodel.visual.", "clipmodel.logit_scale", "disAdj.sigma")

_SINGLE = {
    "frame_position_embeddings.weight": "video.position",
    "gc1.weight": "video.similarity.0.weight",
    "gc1.residual.weight": "video.similarity.0.residual.weight",
    "gc1.residual.bias": "video.similarity.0.residual.bias",
    "gc2.weight": "video.similarity.1.weight",
    "gc3.weight": "video.distance.0.weight",
    "gc3.residual.weight": "video.distance.0.residual.weight",
    "gc3.residual.bias": "video.distance.0.residual.bias",
    "gc4.weight": "video.distance.1.weight",
}

_SINGLE_LAYERS = {
    "linear": "video.merge",
    "classifier": "score_head",
    "mlp1.c_fc": "align_mlp.expand",
    "mlp1.c_proj": "align_mlp.contract",
    "mlp2.c_fc": "score_mlp.expand",
    "mlp2.c_proj": "score_mlp.contract",
}

_NORMALITY = "video_anomaly_refiner."

_BOTTLENECK = {"c_fc": "expand", "c_proj": "contract"}

# Inside a transformer block of the video encoder, and inside a block of the normality branch.
_TEMPORAL_BLOCK = {
    "ln_1": "attention_norm",
    "attn.out_proj": "attention.out",
    "ln_2": "mlp_norm",
    "mlp.c_fc": "mlp.expand",
    "mlp.c_proj": "mlp.contract",
}

_PROTOTYPE_BLOCK = {
    "norm1": "attention_norm",
    "attn.q": "attention.query",
    "attn.kv": "attention.key_value",
    "attn.proj": "attention.out",
    "norm2": "mlp_norm",
    "mlp.fc1": "mlp.expand",
    "mlp.fc2": "mlp.contract",
}


def parameter_names(config: DsanetConfig) -> dict[str, str]:
    """Return our name of every trained parameter of a published checkpoint, by its published name.

    Parameters that are never used and CLIP's own are not among them.
    """
    names = _SINGLE | dict(_affine(_SINGLE_LAYERS))
    for block in range(config.temporal_layers):
        theirs, ours = f"temporal.resblocks.{block}.", f"video.blocks.{block}."
        names[f"{theirs}attn.in_proj_weight"] = f"{ours}attention.qkv.weight"
        names[f"{theirs}attn.in_proj_bias"] = f"{ours}attention.qkv.bias"
        names.update(_affine(_TEMPORAL_BLOCK, theirs, ours))
    if config.text_adapter:
        adapters = [f"text.adapter.blocks.{block}" for block in range(config.adapted_blocks)]
        for index, ours in enumerate([*adapters, "text.adapter.projection"]):
            names[f"clip_adapter.text_adapter.{index}.fc.0.weight"] = f"{ours}.weight"
    if config.normality:
        names.update(_normality_names(config.decoder_depth))
    return names


def _normality_names(depth: int) -> Iterator[tuple[str, str]]:
    yield f"{_NORMALITY}video_prototypes", "normality.prototypes"
    yield from _affine(_BOTTLENECK, f"{_NORMALITY}bottleneck.", "normality.bottleneck.")
    yield from _affine(_PROTOTYPE_BLOCK, f"{_NORMALITY}dnp_extractor.0.", "normality.aggregation.")
    for block in range(depth):
        theirs, ours = f"{_NORMALITY}decoder.{block}.", f"normality.decoder.{block}."
        yield f"{theirs}attn.learn_scale", f"{ours}scale"
        yield from _affine(_PROTOTYPE_BLOCK, theirs, ours)


def _affine(
    layers: Mapping[str, str], theirs: str = "", ours: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield the names of weight and bias of each layer."""
    for published, name in layers.items():
        for part in ("weight", "bias"):
            yield f"{theirs}{published}.{part}", f"{ours}{name}.{part}"


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
    own = {k: v for k, v in state.items() if not k.startswith((_CLIP_ALIAS, *_UNUSED))}
    names = parameter_names(config)
    clip = tower.state_dict()
    clip_names = {f"{_CLIP}{name}": name for name in clip}
    expected = _shapes(clip_names, clip) | _shapes(names, model.learned_state())
    problems = [
        *(f"missing {name}" for name in expected if name not in own),
        *(f"unexpected {name}" for name in own if name not in expected),
        *(
            f"{name} has shape {tuple(own[name].shape)}, expected {shape}"
            for name, shape in expected.items()
            if name in own and tuple(own[name].shape) != shape
        ),
    ]
    if problems:
        raise ValueError(f"not a checkpoint of this configuration: {'; '.join(problems)}")
    learned = {ours: own[theirs] for theirs, ours in names.items()}
    return learned, {ours: own[theirs] for theirs, ours in clip_names.items()}


def _shapes(names: Mapping[str, str], learned: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    if unnamed := set(learned) ^ set(names.values()):
        raise ValueError(f"the model was not built with these settings: {sorted(unnamed)}")
    return {theirs: tuple(learned[ours].shape) for theirs, ours in names.items()}


def _check_aliases(state: Mapping[str, Tensor]) -> None:
    for alias, copy in state.items():
        if alias.startswith(_CLIP_ALIAS):
            original = state.get(_CLIP + alias.removeprefix(_CLIP_ALIAS))
            if original is None or not torch.equal(original, copy):
                raise ValueError(f"{alias} differs from the first copy of CLIP, expected the same")
