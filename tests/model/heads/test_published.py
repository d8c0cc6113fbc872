import pickle

import numpy as np
import pytest
import torch

from model.heads.published import read_published


@pytest.mark.parametrize("content", [b"", b"R\xe3C", b"cos\nsystem\n", b"\x80\x02]q\x00.", b"\x80"])
def test_a_file_that_holds_no_weights_is_named(tmp_path, content):
    """The second made torch's unpickler pop from an empty list: found by fuzzing."""
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.pth"):
        read_published(path)


@pytest.mark.parametrize("nested", [None, "model_state_dict", "state_dict"])
def test_a_state_dict_is_found_plain_and_inside_a_training_checkpoint(tmp_path, nested):
    state = {"module.linear.weight": torch.ones(2, 2)}
    content = {nested: state, "epoch": 3, "ap": np.float64(0.8)} if nested else state
    torch.save(content, tmp_path / "model.pth")
    found = read_published(tmp_path / "model.pth")
    assert found.keys() == {"linear.weight"}


def test_what_is_no_state_dict_is_refused(tmp_path):
    torch.save([torch.ones(1)], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds a list, expected a state dict"):
        read_published(tmp_path / "list.pth")
    torch.save({"a": torch.ones(1), "b": 2}, tmp_path / "mixed.pth")
    with pytest.raises(ValueError, match="b are no tensors"):
        read_published(tmp_path / "mixed.pth")


class Bomb:
    def __reduce__(self):
        return print, ("boom",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            Bomb(),
            r"it holds print beside tensors; expected what torch\.save makes of a st",
        ),
        (pickle.dumps(Bomb()), "it is damaged or another kind of file; expected what torch.save"),
        (b"junk" * 10, "it is damaged or another kind of file"),
        (None, "Is a directory"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_the_advice_to_run_it(tmp_path, content, said):
    path = tmp_path / "model.pth"
    if content is None:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(
        ValueError, match=f"{path} cannot be read as a file of weights alone: {said}"
    ):
        read_published(path)


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_weights_that_are_not_finite_are_named(tmp_path, value):
    torch.save({"a": torch.ones(2), "b": torch.full((2,), value)}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=r"model\.pth: b hold values that are not finite"):
        read_published(tmp_path / "model.pth")
