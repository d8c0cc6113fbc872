"""Published parameter names against ours: what the heads of VadCLIP's family have in common.

Nothing is transposed or reshaped, only renamed. CLIP lies under ``clipmodel.`` in every published
state dict of the family.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from model.heads.base import Head
from model.heads.text_tower import TextTower

CLIP = "clipmodel."

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

# Inside a transformer block of the video encoder.
_TEMPORAL_BLOCK = {
    "ln_1": "attention_norm",
    "attn.out_proj": "attention.out",
    "ln_2": "mlp_norm",
    "mlp.c_fc": "mlp.expand",
    "mlp.c_proj": "mlp.contract",
}


def branch_names(temporal_layers: int) -> dict[str, str]:
    """Return our name of every parameter of video encoder and branches, by its published name."""
    names = _SINGLE | dict(affine(_SINGLE_LAYERS))
    for block in range(temporal_layers):
        theirs, ours = f"temporal.resblocks.{block}.", f"video.blocks.{block}."
        names[f"{theirs}attn.in_proj_weight"] = f"{ours}attention.qkv.weight"
        names[f"{theirs}attn.in_proj_bias"] = f"{ours}attention.qkv.bias"
        names.update(affine(_TEMPORAL_BLOCK, theirs, ours))
    return names


def affine(
    layers: Mapping[str, str], theirs: str = "", ours: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield the published and our names of weight and bias of each layer."""
    for published, name in layers.items():
        for part in ("weight", "bias"):
            yield f"{theirs}{published}.{part}", f"{ours}{name}.{part}"


def rename_published(
    state: Mapping[str, Tensor], names: Mapping[str, str], model: Head, tower: TextTower
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return a published state dict in our names, ready to be loaded; tensors are shared.

    Returned are what ``model.load_learned_state`` takes and what ``tower.load_state_dict`` takes.
    ``names`` has our name of each learned parameter by its published one; ``model`` and ``tower``
    say which shapes are right, and neither is changed.

    Raises:
        ValueError: A parameter is missing, unexpected or of the wrong shape; the message names it.
    """
    own = {name: value for name, value in state.items() if not name.startswith(_UNUSED)}
    clip = tower.state_dict()
    clip_names = {f"{CLIP}{name}": name for name in clip}
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
