import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.checkpoint import load_checkpoint
from pipeline.commands.calibrate import CalibrateRun
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.export import ExportRun
from pipeline.commands.train import TrainRun
from pipeline.commands.verify import VerifyRun
from pipeline.options import EventOptions, checkpoint_location
from pipeline.stages.calibrate import calibrate
from pipeline.stages.evaluate import evaluate
from pipeline.stages.export import export
from pipeline.stages.onnx_programs import open_program
from pipeline.stages.scoring_plan import make_scoring_plan
from pipeline.stages.train import train
from pipeline.stages.verify import verify
from stores.calibration import load_calibration
from stores.records import StoreError

FILES = {
    "README.md",
    "SHA256SUMS",
    "calibration.json",
    "checkpoint.json",
    "checkpoint.safetensors",
    "recipe.json",
}


@pytest.fixture(scope="module")
def made(learnable, tmp_path_factory):
    """OUT with a checkpoint, its evaluation and its calibration."""
    out = tmp_path_factory.mktemp("exported-from")
    features = out / "synthetic" / "features"
    features.mkdir(parents=True)
    for shard in (learnable / "synthetic" / "features").glob("shard-*.h5"):
        (features / shard.name).hardlink_to(shard)
    train(TrainRun(out=out, epochs=1, preset="small", batch=2))
    evaluate(EvaluateRun(out=out, page=False))
    calibrate(CalibrateRun(out=out, recall=0.5))
    return out / "synthetic" / "train"


@pytest.fixture
def folder(made, tmp_path):
    """An export."""
    return export(ExportRun(made, tmp_path / "export")).folder


def visible(folder):
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_it_holds_all_that_scoring_needs_and_its_hashes(made, folder):
    assert visible(folder) == FILES
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    ours, theirs = load_checkpoint(folder), load_checkpoint(made)
    assert ours.fingerprint == theirs.fingerprint
    assert load_calibration(folder) == load_calibration(made)
    assert (folder / "recipe.json").read_text().count("tiny") == 1
    assert verify(VerifyRun(folder)).damaged == ()
    assert "seed 0" in (folder / "README.md").read_text()


def test_it_scores_as_the_checkpoint_does_under_any_of_its_names(made, folder, hub):
    served = hub(folder, "owner/name")
    plans = [
        make_scoring_plan(checkpoint_location(str(name)), "", EventOptions())
        for name in (made, folder, folder / "checkpoint.safetensors", "hf://owner/name")
    ]
    assert len({plan.header for plan in plans}) == 1
    assert plans[0].header.score_temperature is not None
    fetched = {path.rpartition("/")[2] for path in served.asked if "/resolve/" in path}
    assert fetched == FILES - {"README.md", "recipe.json"}


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "calibration.json"])
def test_what_changed_on_its_way_is_refused(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError, match=f"{name} is not the file that SHA256SUMS"):
        make_scoring_plan(folder, "", EventOptions())
    (damaged,) = verify(VerifyRun(folder)).damaged
    assert "fetch the folder again, or export again" in damaged.reason
    (folder / name).unlink()
    with pytest.raises(StoreError, match=f"no checkpoint at|{name} is missing"):
        make_scoring_plan(folder, "", EventOptions())


def test_verify_reads_every_file_that_travelled(folder):
    with (folder / "README.md").open("a") as file:
        file.write("more")
    (folder / "recipe.json").unlink()
    damaged = verify(VerifyRun(folder)).damaged
    assert [each.files for each in damaged] == [(folder / "README.md",), ()]
    assert "recipe.json is missing" in damaged[1].reason


def test_an_export_is_not_calibrated(made, folder):
    run = CalibrateRun(out=made.parents[1], checkpoint=folder)
    with pytest.raises(StoreError, match="is an export, whose hashes a calibration would break"):
        calibrate(run)


def test_the_evaluation_of_other_weights_is_not_quoted(made, tmp_path):
    other = tmp_path / "synthetic" / "other"
    shutil.copytree(made, other)
    evaluation = tmp_path / "synthetic" / "evaluation"
    shutil.copytree(made.parent / "evaluation", evaluation)
    run = ExportRun(other, tmp_path / "export")
    assert export(run).evaluated is not None
    metrics = json.loads((evaluation / "metrics.json").read_text())
    metrics["model_fingerprint"] = "0" * 16
    (evaluation / "metrics.json").write_text(json.dumps(metrics))
    assert export(run).evaluated is None
    with pytest.raises(StoreError, match="the evaluation of another checkpoint in"):
        export(replace(run, evaluation=evaluation))
    with pytest.raises(StoreError, match="no evaluation in"):
        export(replace(run, evaluation=tmp_path))
    assert export(replace(run, evaluation=made.parent / "evaluation")).evaluated is not None


def test_exporting_again_is_the_same_and_clears_what_is_stale(made, folder, contents):
    before = contents(folder)
    (folder / "scorer.onnx").write_bytes(b"of an export before")
    export(ExportRun(made, folder))
    assert contents(folder) == before


def test_nothing_of_others_is_touched(made, folder, tmp_path):
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"holds notes\.txt, which no export wrote; give a new"):
        export(ExportRun(made, folder))
    with pytest.raises(StoreError, match="is the checkpoint itself"):
        export(ExportRun(made, made))
    with pytest.raises(StoreError, match="no checkpoint at"):
        export(ExportRun(tmp_path / "gone", tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_killed_anywhere_it_is_no_export_yet_or_a_whole_one(made, folder, killed_everywhere):
    whole = visible(folder)
    for left in killed_everywhere(folder, lambda target: export(ExportRun(made, target))):
        if "SHA256SUMS" in visible(left):
            assert visible(left) == whole
            assert verify(VerifyRun(left)).damaged == ()
        export(ExportRun(made, left))
        assert visible(left) == whole


@pytest.mark.long
def test_onnx_is_added_and_listed_and_its_scorer_is_calibrated(made, tmp_path):
    pytest.importorskip("onnxruntime", reason="comes with the extra `onnx`")
    report = export(ExportRun(made, tmp_path / "export", format="onnx"))
    assert visible(report.folder) == FILES | {"scorer.onnx", "encoder.onnx"}
    assert report.gaps.keys() == {"scorer.onnx", "encoder.onnx"}
    assert max(report.gaps.values()) < 1e-4
    assert "## ONNX" in (report.folder / "README.md").read_text()
    assert verify(VerifyRun(report.folder)).damaged == ()
    plan = make_scoring_plan(report.folder, "", EventOptions())
    scorer = plan.build_scorer(torch.device("cpu"))
    features = torch.randn(2, scorer.window, 64)
    lengths = torch.full((2,), scorer.window)
    program = open_program(report.folder / "scorer.onnx")
    (score, _) = program.run(None, {"features": features.numpy(), "lengths": lengths.numpy()})
    np.testing.assert_allclose(score, scorer(features, lengths).score.detach(), atol=1e-5)
    with pytest.raises(ValueError, match="the demo CLIP takes no weights"):
        export(ExportRun(made, tmp_path / "other", format="onnx", weights="other.pt"))
    assert not (tmp_path / "other" / "SHA256SUMS").exists()
