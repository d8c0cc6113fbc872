from pipeline.commands.ablate import render
from pipeline.stages.ablate import AblateReport


def test_the_table_and_what_failed_are_printed(tmp_path, capsys):
    report = AblateReport(tmp_path, "| all |", trained=1, already=2, failures={})
    assert render(report) == 0
    failed = AblateReport(tmp_path, "| all |", 1, 2, {"all, seed 1": "it diverged"})
    assert render(failed) == 3
    assert capsys.readouterr().out.splitlines() == [
        *(f"ablation: 1 trained, 2 were there · {tmp_path}", "| all |") * 2,
        "  failed: all, seed 1: it diverged",
    ]


def test_features_are_needed(call, tmp_path, capsys):
    assert call("ablate", "--out", tmp_path) == 2
    assert f"no features below {tmp_path}" in capsys.readouterr().err
