def test_files_are_listed_with_what_the_card_could_not_say(call, trained, tmp_path, capsys):
    checkpoint, folder = trained / "synthetic" / "train", tmp_path / "export"
    assert call("export", checkpoint, folder) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"exported: {folder}\n  checkpoint.safetensors (")
    assert "README.md (0.0 MiB)" in printed
    assert (folder / "SHA256SUMS").is_file()


def test_the_name_of_a_hub_is_taken_where_a_checkpoint_is(call, trained, tmp_path, hub, capsys):
    folder, again = tmp_path / "export", tmp_path / "again"
    assert call("export", trained / "synthetic" / "train", folder) == 0
    hub(folder, "owner/name")
    assert call("export", "hf://owner/name", again) == 0
    ours, theirs = (f / "checkpoint.safetensors" for f in (folder, again))
    assert ours.read_bytes() == theirs.read_bytes()
    assert call("evaluate", "--checkpoint", "hf://owner/name", "--out", trained, "--no-page") == 0
    capsys.readouterr()
    assert call("score", "--videos", folder, "--checkpoint", "hf://owner/other") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: hf://owner/other: the hub knows no such repository")
    assert said.count("\n") == 1


def test_a_checkpoint_that_is_not_there_is_a_mistake_of_one_line(call, tmp_path, capsys):
    assert call("export", tmp_path / "gone", tmp_path / "export") == 2
    assert "no checkpoint at" in capsys.readouterr().err
