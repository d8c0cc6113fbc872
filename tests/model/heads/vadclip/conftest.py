"""A tiny VadCLIP on the tiny seeded text tower."""

import pytest
import torch

from model.heads.vadclip.build import build_vadclip
from model.heads.vadclip.config import VadclipConfig

CONFIG = VadclipConfig(
    width=24,
    classes=3,
    temporal_layers=1,
    attention_window=4,
    window=32,
    tokens_before=3,
    tokens_after=2,
)


@pytest.fixture
def config():
    return CONFIG


@pytest.fixture
def build(tower, prompts):
    """Build a seeded model of a configuration, every weight away from its special start value."""

    def make(config=CONFIG):
        torch.manual_seed(1)
        model = build_vadclip(config, tower, prompts)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.1 * torch.randn_like(parameter))
        return model

    return make


@pytest.fixture
def model(build):
    return build()
