import torch


def test_what_is_no_state_dict_is_a_mistake_of_one_line(call, tmp_path, capsys):
    torch.save([torch.zeros(1)], tmp_path / "x.pth")
    arguments = (tmp_path / "x.pth", "--dataset", "ucf", "--out", tmp_path)
    assert call("import-checkpoint", *arguments) == 2
    printed = capsys.readouterr()
    assert "holds a list, expected a state dict" in printed.err
    assert printed.out == ""


def test_a_name_that_is_another_folders_is_refused(call, tmp_path, capsys):
    arguments = (tmp_path / "x.pth", "--dataset", "ucf", "--out", tmp_path)
    assert call("import-checkpoint", *arguments, "--name", "features") == 2
    assert "--name features is the folder of something else" in capsys.readouterr().err
