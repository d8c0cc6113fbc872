"""A tiny VadCLIP on the tiny seeded text tower."""

import pytest

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
def build(built):
    """Build a VadCLIP of a configuration."""
    return lambda config=CONFIG: built(build_vadclip, config)
