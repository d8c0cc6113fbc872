"""The demo CLIP: the same on every machine, and with features that a cosine can compare."""

import open_clip
import pytest
import torch

from extract.clip_models import TINY_WIDTH
from extract.crops import normalise
from extract.tiny_clip import tiny_clip

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@pytest.fixture(scope="module")
def clip():
    return tiny_clip()


def look(clip, pictures):
    return clip.encode_image(normalise(pictures, mean=MEAN, std=STD, dtype=torch.float32))


def flat(*colours):
    return torch.tensor(colours, dtype=torch.uint8)[:, :, None, None].expand(-1, -1, 224, 224)


def test_weights_are_fixed_by_the_seed_and_not_by_torch(clip):
    """These figures were drawn by numpy 2; another torch or machine has to give them too."""
    torch.manual_seed(99)
    again = tiny_clip()
    assert all(
        torch.equal(a, b) for a, b in zip(clip.parameters(), again.parameters(), strict=True)
    )
    weights = clip.token_embedding.weight[1, :3].tolist()
    assert weights == pytest.approx([-0.1472726, -0.0740681, 0.0058098], abs=1e-6)
    feature = look(clip, flat((30, 140, 220)))[0, :3].tolist()
    assert feature == pytest.approx([-3.14146, -9.97576, -1.70853], abs=5e-3)


def test_seeds_differ(clip):
    other = tiny_clip(1)
    assert not torch.allclose(other.visual.conv1.weight, clip.visual.conv1.weight)


def test_unlike_pictures_do_not_share_a_direction(clip):
    colours = flat((128, 128, 128), (230, 120, 20), (40, 190, 60), (200, 30, 190))
    features = torch.nn.functional.normalize(look(clip, colours), dim=-1)
    cosines = features @ features.T
    assert features.shape == (4, TINY_WIDTH)
    assert cosines[~torch.eye(4, dtype=torch.bool)].max() < 0.7


def test_brightness_turns_a_feature_less_than_colour_does(clip):
    plain, brighter, tinted = look(clip, flat((110, 110, 110), (140, 140, 140), (150, 110, 70)))
    assert (plain - brighter).norm() < 0.3 * (plain - tinted).norm()


def test_prompts_have_directions_of_their_own(clip):
    tokens = open_clip.tokenize(["normal", "explosion", "fighting", "road accident", "vandalism"])
    texts = clip.encode_text(tokens, normalize=True)
    cosines = texts @ texts.T
    assert texts.shape == (5, TINY_WIDTH)
    assert cosines[~torch.eye(5, dtype=torch.bool)].abs().max() < 0.95
