import numpy as np


def test_counts_failures_and_names_of_no_list_are_printed(call, tmp_path, capsys):
    (tmp_path / "annotations.txt").write_text("v=a__#1_label_B1-0-0 20 60\n")
    for name, crops in (("v=a__#1_label_B1-0-0", 10), ("v=b_label_A", 9)):
        (tmp_path / "XDTestClipFeatures").mkdir(exist_ok=True)
        for crop in range(crops):
            rows = np.ones((9, 512), dtype=np.float16)
            np.save(tmp_path / "XDTestClipFeatures" / f"{name}__{crop}.npy", rows)
    out = tmp_path / "out"
    assert call("import-features", tmp_path, "--dataset", "xd", "--out", out) == 3
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"features: 1 video imported, 0 were there · {out / 'xd' / 'features'}"
    assert second.startswith("  failed: v=b_label_A: ")
