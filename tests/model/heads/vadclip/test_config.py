import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from model.heads.vadclip.config import PRESETS, VadclipConfig
from stores.files.typed import convert


def test_settings_import_nothing_heavy():
    code = "import sys, model.heads.vadclip.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_shape_comes_back_from_json(preset):
    config, _ = PRESETS[preset]
    content = json.loads(json.dumps(asdict(config)))
    assert convert(content, VadclipConfig, preset) == config


def test_the_published_data_sets_have_the_papers_settings():
    (ucf, ucf_training), (xd, xd_training) = PRESETS["ucf"], PRESETS["xd"]
    assert (ucf.separation_weight, xd.separation_weight) == (0.1, 1e-4)
    assert (ucf_training.learning_rate, xd_training.learning_rate) == (2e-5, 1e-5)
    assert (ucf.fine_selection, xd.fine_selection) == (False, True)
