"""A tiny DSANet on a tiny seeded text tower: every part, nothing trained, built in a moment."""

import pytest
import torch
from open_clip.transformer import QuickGELU, TextTransformer

from model.heads.dsanet.build import build_dsanet
from model.heads.dsanet.config import DsanetConfig
from model.heads.text_tower import TextTower

PROMPTS = (("normal",), ("fighting", "a fight in the street"), ("road accident",))

CONFIG = DsanetConfig(
    width=24,
    classes=3,
    temporal_layers=1,
    attention_window=4,
    adapted_blocks=2,
    adapter_mix=0.3,
    align_weight=1.1,
    window=32,
    prototypes=3,
    decoder_depth=2,
    heads=4,
)


@pytest.fixture(autouse=True)
def _one_thread():
    """Matrices this small gain nothing from threads, and wait long for them on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def text_transformer():
    """CLIP's text half, narrow, with its full vocabulary; the width is not the video's."""
    torch.manual_seed(0)
    return TextTransformer(width=16, heads=2, layers=3, output_dim=24, act_layer=QuickGELU)


@pytest.fixture
def tower(text_transformer):
    return TextTower(text_transformer)


@pytest.fixture
def config():
    return CONFIG


@pytest.fixture
def prompts():
    return PROMPTS


@pytest.fixture
def built(tower, prompts):
    """Build a seeded model with a head's own function, every weight away from its start value."""

    def make(build_head, config):
        torch.manual_seed(1)
        model = build_head(config, tower, prompts)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.1 * torch.randn_like(parameter))
        return model

    return make


@pytest.fixture
def build(built):
    """Build a DSANet of a configuration."""
    return lambda config=CONFIG: built(build_dsanet, config)


@pytest.fixture
def model(build):
    return build()


@pytest.fixture
def batch():
    """Features of 4 samples, zero beyond their lengths, with the labels of two kinds."""
    torch.manual_seed(2)
    lengths = torch.tensor([32, 7, 20, 1])
    features = torch.randn(4, 32, 24) * (torch.arange(32) < lengths[:, None])[..., None]
    labels = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 0]])
    return features, lengths, labels
