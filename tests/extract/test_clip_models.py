"""Models and widths as open_clip itself has them, without loading it."""

import subprocess
import sys
from pathlib import Path

import open_clip
import pytest

from extract.clip_models import check_model, feature_width, input_side


@pytest.mark.parametrize(("model", "width"), [("tiny", 64), ("ViT-B-16-quickgelu", 512)])
def test_a_models_width_is_known_without_it(model, width):
    assert feature_width(model) == width


def test_every_model_of_open_clip_is_known_with_width_and_side():
    described = Path(open_clip.__file__).with_name("model_configs").glob("*.json")
    for model in (path.stem for path in described):
        check_model(model)
        stated = open_clip.get_model_config(model)
        assert feature_width(model) == stated["embed_dim"]
        assert input_side(model) == stated["vision_cfg"].get("image_size", 224)


@pytest.mark.parametrize("model", ["ViT-B16", "../ViT-B-16", "", "ViT-B-16.json"])
def test_any_other_name_is_refused(model):
    with pytest.raises(ValueError, match="unknown CLIP model"):
        check_model(model)


def test_a_name_and_a_check_of_data_load_no_torch():
    code = (
        "import sys, pipeline.stages.preflight; from extract.clip_models import feature_width;"
        "feature_width('ViT-L-14'); print({'torch', 'open_clip', 'ray'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
