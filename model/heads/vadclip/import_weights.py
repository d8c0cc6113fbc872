"""Published VadCLIP checkpoints: their parameter names against ours.

A published state dict holds VadCLIP's parameters, and CLIP under ``clipmodel.``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from model.heads.base import Head
from model.heads.renaming import branch_names, rename_published
from model.heads.text_tower import TextTower
from model.heads.vadclip.config import VadclipConfig

_PROMPTS = "text_prompt_embeddings.weight"


def recognises(parameters: Collection[str]) -> bool:
    """Return whether the parameter names of a published state dict are VadCLIP's."""
    return _PROMPTS in parameters


def parameter_names(config: VadclipConfig) -> dict[str, str]:
    """Return our name of every trained parameter of a published checkpoint, by its published name.

    Parameters that are never used and CLIP's own are not among them.
    """
    names = branch_names(config.temporal_layers)
    return names | {_PROMPTS: "text.prompts.rows"} if config.learned_prompts else names


def import_published(
    state: Mapping[str, Tensor], config: VadclipConfig, model: Head, tower: TextTower
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return a published state dict in our names, as :func:`rename_published` does."""
    return rename_published(state, parameter_names(config), model, tower)
