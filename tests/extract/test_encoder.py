"""The encoder: against open_clip itself, precision, and weights that are what they say."""

from dataclasses import replace

import av
import cv2
import numpy as np
import open_clip
import pytest
import torch

from extract.clip_weights import default_precision, resolve_weights
from extract.encoder import ClipEncoder, load_encoder
from extract.recipe import RECIPES

DEMO = RECIPES["demo"]


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (4, 3, 224, 224), dtype=torch.uint8, generator=generator)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A weight file of open_clip's smallest ViT, with weights drawn here."""
    model = open_clip.create_model("ViT-S-32-alt")
    path = tmp_path_factory.mktemp("weights") / "small.pt"
    torch.save(model.state_dict(), path)
    return path, model.eval()


def test_the_demo_encoder_is_there_without_any_file(images):
    encoder = load_encoder(DEMO, "", "cpu")
    features = encoder.encode(images)
    assert features.shape == (4, encoder.width)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()


@pytest.mark.slow
def test_a_batch_gives_what_its_images_give_alone(images):
    encoder = load_encoder(DEMO, "seed 0", "cpu")
    alone = torch.cat([encoder.encode(image[None]) for image in images])
    torch.testing.assert_close(encoder.encode(images), alone, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_half_precision_stays_close_to_full(images):
    full = load_encoder(DEMO, "", "cpu").encode(images[:2])
    half = load_encoder(replace(DEMO, precision="bf16"), "", "cpu").encode(images[:2])
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    assert torch.cosine_similarity(half, full).min() > 0.99


@pytest.mark.slow
def test_a_local_file_gives_the_features_of_open_clip_itself(small_file, images):
    path, model = small_file
    recipe = replace(
        RECIPES["squash"], model="ViT-S-32-alt", weights=resolve_weights("ViT-S-32-alt", str(path))
    )
    encoder = load_encoder(recipe, str(path), "cpu")
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)
    std = torch.tensor(open_clip.OPENAI_DATASET_STD).view(3, 1, 1)
    with torch.no_grad():
        expected = model.encode_image((images / 255 - mean) / std)
    torch.testing.assert_close(encoder.encode(images), expected, atol=1e-4, rtol=1e-4)


def test_other_weights_than_the_recipes_are_refused(small_file):
    path, _ = small_file
    recipe = replace(RECIPES["squash"], model="ViT-S-32-alt", weights="0" * 64)
    with pytest.raises(ValueError, match="made with weights 0000"):
        load_encoder(recipe, str(path), "cpu")


@pytest.mark.parametrize("filter", ["bicubic", "bilinear"])
def test_a_model_of_another_size_sees_the_crop_resized_by_its_own_filter(images, filter):
    torch.manual_seed(0)
    model = open_clip.create_model(
        "ViT-S-32-alt", force_image_size=256, force_preprocess_cfg={"interpolation": filter}
    ).eval()
    ours = ClipEncoder(model, device=torch.device("cpu"), precision="fp32").encode(images)
    settings = open_clip.get_model_preprocess_cfg(model)
    mean, std = (torch.tensor(settings[name]).view(3, 1, 1) for name in ("mean", "std"))
    resized = torch.nn.functional.interpolate(images / 255, (256, 256), mode=filter, antialias=True)
    with torch.no_grad():
        theirs = model.encode_image((resized - mean) / std)
    assert torch.cosine_similarity(ours, theirs).min() > 0.99999


@pytest.mark.slow
def test_the_default_precision_works_on_this_machine(images):
    recipe = replace(DEMO, precision=default_precision("cpu"))
    assert torch.isfinite(load_encoder(recipe, "", "cpu").encode(images)).all()


@pytest.mark.long
def test_fp16_agrees_with_full_precision_on_a_vit_b_16(images):
    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-16-quickgelu").eval()
    device = torch.device("cpu")
    full = ClipEncoder(model, device=device, precision="fp32").encode(images)
    half = ClipEncoder(model, device=device, precision="fp16").encode(images)
    assert not torch.equal(half, full)
    assert torch.cosine_similarity(half, full).min() >= 0.999


@pytest.mark.data
@pytest.mark.long
def test_features_are_those_of_a_plain_loop_over_open_clip(real_videos, tmp_path):
    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-16-quickgelu").eval()
    path = tmp_path / "vit.pt"
    torch.save(model.state_dict(), path)
    with av.open(str(real_videos["surveillance/Robbery2.mp4"])) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    small = cv2.resize(frame, (340, 256))  # as the published script cuts: three of the ten crops
    centre, corner = small[16:240, 58:282], small[:224, :224]
    crops = np.stack([centre, cv2.flip(centre, 1), corner])
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    with torch.inference_mode():
        plain = torch.cat(
            [
                model.encode_image(
                    torch.from_numpy(((one / 255 - mean) / std).astype(np.float32))
                    .permute(2, 0, 1)
                    .unsqueeze(0)
                )
                for one in crops
            ]
        )
    images = torch.from_numpy(crops).permute(0, 3, 1, 2)
    for precision, least in (("fp32", 0.9999), ("bf16", 0.999)):
        recipe = replace(RECIPES["vadclip"], weights="", precision=precision)
        features = load_encoder(recipe, str(path), "cpu").encode(images)
        assert torch.cosine_similarity(features, plain).min() >= least, precision
