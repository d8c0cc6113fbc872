from model.evaluation.bootstrap import Interval
from pipeline.commands.compare import render
from pipeline.stages.compare import FIGURES, CompareReport, Estimate
from pipeline.stages.seeds import Spread


def report_of(folder, failures):
    return CompareReport(
        folder=folder,
        dataset="made",
        protocol="heldout",
        videos=5,
        spreads={"dsanet": {key: Spread(0.8, 0.012) for key in FIGURES.values()}},
        seeds={"dsanet": 3, "vadclip": 0},
        estimates=[
            Estimate("frame AUC", "dsanet", "", 0.8, Interval(0.71, 0.9)),
            Estimate("frame AUC", "vadclip", "dsanet", -0.02, Interval(-0.05, 0.01)),
        ],
        trained=3,
        already=0,
        failures=failures,
    )


def test_both_tables_and_what_failed_are_printed(tmp_path, capsys):
    assert render(report_of(tmp_path, {})) == 0
    assert render(report_of(tmp_path, {"vadclip, seed 1": "it diverged"})) == 3
    printed = capsys.readouterr().out
    assert "comparison on made, protocol heldout: 3 trained, 0 were there" in printed
    assert "| dsanet | 80.0 ± 1.2 |" in printed
    assert "| vadclip | failed |" in printed
    assert "| vadclip − dsanet | frame AUC | -2.0 | -5.0 to 1.0 |" in printed
    assert printed.splitlines()[-1] == "  failed: vadclip, seed 1: it diverged"


def test_mistakes_are_one_line(call, tmp_path, capsys):
    assert call("compare", "--out", tmp_path, "--heads", "dsanet") == 2
    assert "expected different ones as in dsanet,vadclip" in capsys.readouterr().err
    assert call("compare", "--out", tmp_path) == 2
    assert f"no features below {tmp_path}" in capsys.readouterr().err
