import subprocess
import sys
from dataclasses import replace

import pytest

from model.heads.dsanet.build import build_dsanet
from model.heads.dsanet.config import PRESETS
from stores import datasets
from stores.datasets import base


def test_settings_import_without_torch():
    code = "import sys, model.heads.dsanet.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_builds_a_model_and_survives_a_narrower_width(name, tower):
    config = replace(PRESETS[name][0], width=32, decoder_depth=1)
    prompts = [(f"class {index}",) for index in range(config.classes)]
    model = build_dsanet(config, tower, prompts)
    assert model.branches.window == config.window
    assert model.class_texts().shape == (config.classes, 32)


@pytest.mark.parametrize("name", ["ucf", "xd", "msad", "sht", "tad", "synthetic"])
def test_a_data_set_has_the_classes_and_the_metric_of_its_preset(name):
    if name not in base.names():
        pytest.skip(f"no data set {name} in {datasets.__name__}")
    dataset = base.load(name)
    config, training = PRESETS[dataset.preset]
    assert len(dataset.classes) == len(dataset.prompts) == config.classes
    assert training.metric == dataset.metric
