from dataclasses import replace

import numpy as np

from extract.pictures import IMAGES
from extract.protocol_search import Match, Matching
from pipeline.commands.match_features import render
from pipeline.stages.match_features import advice

BEST = Match(IMAGES[0], "mean16", "nothing", cosine=0.9999999, worst=0.999999, length=1.0)


def matching(*others):
    return Matching((BEST, *others), ("drop", "keep"), BEST.image.matrix, (0, 3), 64)


def test_the_options_and_what_else_explains_the_file_are_printed(capsys):
    found = matching(replace(BEST, frames="first"), replace(BEST, cosine=0.98))
    assert render(found) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "3 combinations, 2 rows compared" in out
    assert f"use: extract {advice(found)}" in out
    assert "keeping and dropping the tail are the same for 64 frames" in out
    assert "cannot be told from it by this file: 1 frames first for mean16" in out


def test_a_file_of_another_origin_is_said_to_be_that(capsys):
    best = replace(BEST, cosine=0.5)
    assert render(replace(matching(), ranked=(best,))) == 3
    assert "no combination explains the file" in capsys.readouterr().out


def test_a_mistake_is_one_line(call, tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.ones((3, 64), dtype=np.int64))
    arguments = ("gone.mp4", tmp_path / "a.npy", "--clip", "tiny")
    assert call("match-features", *arguments) == 2
    assert "holds int64, expected floa" in capsys.readouterr().err
