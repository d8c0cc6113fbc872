"""What several test files need: the shared real data, and small records."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from stores.records import DecodeAudit, VideoFeatures, VideoItem

# As the command line does, and before the first test file imports torch: threads that spin while
# they wait for one another make a training of seconds take minutes on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# What a test asks is no question of time, and machines are busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip without it."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"real data is not at {folder}")
    return folder


@pytest.fixture
def make_features():
    """Build the features of one made-up video."""

    def make(video_id="a", *, segments=5, crops=2, width=8, seed=0, **fields) -> VideoFeatures:
        random = np.random.default_rng(seed)
        frames = segments * 16 - 3
        return VideoFeatures(
            item=VideoItem(video_id, f"videos/{video_id}", **fields),
            segments=random.standard_normal((crops, segments, width)).astype(np.float16),
            times=np.arange(frames) / 25.0,
            audit=DecodeAudit("pyav", frames, frames, frames / 25.0),
        )

    return make
