import json
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from model.checkpoint import (
    DESCRIPTION,
    FILE,
    Checkpoint,
    Provenance,
    build_scorer,
    check_description,
    load_checkpoint,
    save_checkpoint,
)
from model.heads.dsanet.build import build_branches
from model.heads.dsanet.config import PRESETS, DsanetConfig
from stores.files.hashes import digest_of, write_hashes
from stores.records import StoreError

TRAINING = PRESETS["small"][1]
CONFIG = DsanetConfig(
    width=16,
    classes=3,
    temporal_layers=1,
    attention_window=8,
    adapted_blocks=1,
    adapter_mix=0.1,
    window=32,
    prototypes=4,
    decoder_depth=1,
)


@pytest.fixture
def checkpoint():
    torch.manual_seed(0)
    branches = build_branches(CONFIG)
    return Checkpoint(
        head="dsanet",
        model=CONFIG,
        training=TRAINING,
        provenance=Provenance(
            dataset="made-up",
            classes=("normal", "fire", "fight"),
            prompts=(("normal",), ("fire", "a fire"), ("fight",)),
            test_crop=0,
            recipe="{}",
            recipe_fingerprint="r",
            clip_weights="",
            protocol="heldout",
        ),
        metrics={"auc": 0.5},
        state=branches.state_dict(),
        text=torch.nn.functional.normalize(torch.randn(3, 16), dim=-1),
    )


def test_it_comes_back_whole_and_the_model_scores_the_same(tmp_path, checkpoint):
    save_checkpoint(tmp_path, checkpoint)
    back = load_checkpoint(tmp_path)
    assert (back.head, back.model, back.training, back.provenance) == (
        checkpoint.head,
        checkpoint.model,
        checkpoint.training,
        checkpoint.provenance,
    )
    assert back.metrics == {"auc": 0.5}
    assert len(back.fingerprint) == 16
    features, lengths = torch.randn(2, 32, 16), torch.tensor([32, 7])
    device = torch.device("cpu")
    found = [build_scorer(c, device)(features, lengths) for c in (checkpoint, back)]
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_the_same_content_has_the_same_fingerprint_and_any_change_another(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "a", checkpoint)
    save_checkpoint(tmp_path / "b", checkpoint)
    first = load_checkpoint(tmp_path / "a").fingerprint
    assert load_checkpoint(tmp_path / "b").fingerprint == first
    checkpoint.state["score_head.bias"].add_(1)
    save_checkpoint(tmp_path / "b", checkpoint)
    assert load_checkpoint(tmp_path / "b").fingerprint != first


class Bomb:
    def __reduce__(self):
        return print, ("boom",)


def test_what_is_no_checkpoint_is_refused_and_a_pickle_never_runs(tmp_path, checkpoint, capsys):
    with pytest.raises(StoreError, match="no checkpoint at"):
        load_checkpoint(tmp_path)
    path = tmp_path / FILE
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(StoreError, match="damaged or no checkpoint"):
        load_checkpoint(tmp_path)
    assert "boom" not in capsys.readouterr().out
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(StoreError, match="damaged or no checkpoint"):
        load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, checkpoint)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match="damaged or no checkpoint"):
        load_checkpoint(tmp_path)


def test_weights_that_do_not_fit_their_settings_are_named(checkpoint):
    del checkpoint.state["score_head.bias"]
    with pytest.raises(StoreError, match=r"score_head\.bias"):
        build_scorer(checkpoint, torch.device("cpu"))


def rewritten(folder, **changes):
    """Write a checkpoint's own weights again, with other metadata."""
    with safe_open(folder / FILE, framework="pt") as file:
        content = json.loads(file.metadata()["checkpoint"]) | changes
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    save_file(state, folder / FILE, {"checkpoint": json.dumps(content)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "1"}, "has schema '1', expected '2'; train again, or import it again"),
        ({"head": "other"}, r"checkpoint\.safetensors: head: unknown head 'other'; there are"),
        ({"model": {"width": "wide"}}, r"model: .*classes|model: width: expected `int`"),
        ({"training": []}, r"training: expected `object \| null`, got `array`"),
        ({"training": None}, "training: got null, and head dsanet is trained; train again"),
        ({"metrics": {"auc": "high"}}, "metrics.*expected `float`, got `str`"),
    ],
)
def test_metadata_of_another_kind_is_named_with_its_field(tmp_path, checkpoint, changes, message):
    save_checkpoint(tmp_path, checkpoint)
    rewritten(tmp_path, **changes)
    with pytest.raises(ValueError, match=message):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": replace(CONFIG, width=0)}, r"model: width: expected `int` >= 1"),
        ({"model": replace(CONFIG, width=2**40)}, r"model: width: expected `int` <= 65536"),
        ({"model": replace(CONFIG, heads=0)}, r"model: heads: expected `int` >= 1"),
        ({"model": replace(CONFIG, temporal_layers=2**20)}, r"model: temporal_layers: expected"),
        ({"model": replace(CONFIG, classes=4)}, "model: got 4 classes, expected the 3 of provena"),
        ({"model": replace(CONFIG, window=33)}, r"model: .*window 33"),
        ({"model": replace(CONFIG, window=64)}, r"position has shape \(32, 16\), expected \(64"),
        ({"model": replace(CONFIG, temporal_layers=2)}, r"blocks\.1\.\S+ is missing, which head"),
        ({"text": torch.zeros(3, 7)}, r"class_text has shape \(3, 7\), expected \(3, 16\)"),
        ({"text": torch.full((3, 16), torch.nan)}, "class_text holds values that are not finite"),
        ({"training": replace(TRAINING, temperature=0.0)}, r"training\.temperature: expected"),
        ({"training": replace(TRAINING, temperature=-1.0)}, r"training\.temperature: expected"),
        ({"training": replace(TRAINING, temperature=torch.nan)}, r"training\.temperature: expec"),
        ({"training": replace(TRAINING, learning_rate=torch.inf)}, r"training\.learning_rate: e"),
        ({"metrics": {"auc": torch.nan}}, r"metrics\S+: expected `float`"),
    ],
)
def test_parts_that_do_not_go_together_are_named(tmp_path, checkpoint, change, message):
    save_checkpoint(tmp_path, replace(checkpoint, **change))
    with pytest.raises(StoreError, match=f"{tmp_path / FILE}: .*{message}"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_finite_are_named_and_never_scored(tmp_path, checkpoint, value):
    checkpoint.state["score_head.bias"].fill_(value)
    save_checkpoint(tmp_path, checkpoint)
    said = f"{tmp_path / FILE}: score_head.bias holds values that are not finite; train again"
    with pytest.raises(StoreError, match=said):
        load_checkpoint(tmp_path)


def test_weights_of_another_shape_or_missing_are_named_with_the_file(tmp_path, checkpoint):
    bias = checkpoint.state.pop("score_head.bias")
    save_checkpoint(tmp_path, checkpoint)
    with pytest.raises(StoreError, match=rf"{tmp_path / FILE}: score_head\.bias is missing, which"):
        load_checkpoint(tmp_path)
    save_checkpoint(
        tmp_path,
        replace(checkpoint, state={**checkpoint.state, "score_head.bias": bias.new_zeros(7)}),
    )
    with pytest.raises(StoreError, match=r"score_head\.bias has shape \(7,\), expected \(1,\)"):
        load_checkpoint(tmp_path)


def test_the_description_for_people_is_no_checkpoint_and_is_compared_with_it(tmp_path, checkpoint):
    save_checkpoint(tmp_path, checkpoint)
    path, description = tmp_path / FILE, tmp_path / DESCRIPTION
    with pytest.raises(
        StoreError, match=r"checkpoint\.json is for people to read; give its folder"
    ):
        load_checkpoint(description)
    back, text = load_checkpoint(tmp_path), description.read_text()
    check_description(path, back)
    for changed, said in (
        (text.replace('"width": 16', '"width": 32'), "model.width is 32, and 16 in checkpoint.saf"),
        (text.replace('"dsanet"', '"other"'), "head is other, and dsanet in"),
        ("[" * 1000, "damaged .*checkpoint.json"),
    ):
        description.write_text(changed)
        with pytest.raises(StoreError, match=said):
            check_description(path, back)
    description.unlink()
    check_description(path, back)


def test_a_file_without_permission_is_named(public, without_privileges, checkpoint):
    save_checkpoint(public, checkpoint)
    (public / FILE).chmod(0)
    said = f"^{public / FILE}: no permission to read the checkpoint$"
    with without_privileges(), pytest.raises(StoreError, match=said):
        load_checkpoint(public)


def test_hashes_beside_it_have_to_be_its_own(tmp_path, checkpoint):
    save_checkpoint(tmp_path, checkpoint)
    write_hashes(tmp_path, {FILE: digest_of(tmp_path / FILE)})
    assert digest_of(tmp_path / FILE).startswith(load_checkpoint(tmp_path).fingerprint)
    write_hashes(tmp_path, {FILE: "0" * 64})
    with pytest.raises(StoreError, match=f"{FILE} is not the file that SHA256SUMS beside it lists"):
        load_checkpoint(tmp_path)
