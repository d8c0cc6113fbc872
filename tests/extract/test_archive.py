"""Files that hold code are never given to pickle; OpenAI's kind gives its weights."""

import zipfile

import pytest
import torch
from safetensors.torch import load_file

from extract.archive import is_torchscript, weights_alone
from extract.encoder import load_clip

MODEL = "ViT-B-32-quickgelu"  # the kind of model for which archives with code are taken


class Bomb:
    def __reduce__(self):
        return print, ("boom",)


@pytest.mark.parametrize(
    "disguise", ["", "weights/code/__torch__.py", "weights/constants.pkl", "other/code/x.py"]
)
def test_a_weight_file_runs_no_code_whatever_it_claims_to_be(tmp_path, capsys, disguise):
    path = tmp_path / "weights.pt"
    torch.save(Bomb(), path)
    if disguise:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(disguise, b"\x80\x02}.")
    with pytest.raises(ValueError, match=r"weights\.pt does not hold weights"):
        load_clip(MODEL, str(path))
    assert "boom" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_an_archive_gives_its_weights_alone(tmp_path):
    path = tmp_path / "weights.pt"
    layer = torch.nn.Linear(3, 2)
    torch.jit.script(layer).save(path)
    assert is_torchscript(path)
    with weights_alone(path) as plain:
        state = load_file(plain)
    assert torch.equal(state["weight"], layer.weight)
    assert not plain.exists()


def test_a_plain_file_is_itself(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(2)}, path)
    with weights_alone(path) as plain:
        assert plain == path
    path.write_bytes(b"no archive")
    assert not is_torchscript(path)
