from pathlib import Path

import pyarrow.parquet as pq
import pytest

from model.checkpoint import FILE, load_checkpoint
from model.evaluation.summary import HEADLINE
from pipeline.commands.train import TrainRun
from pipeline.stages.ablate import ablate, make_variants, tabulate
from pipeline.stages.train import TrainReport
from stores.features.feature_set import Coverage

VARIANTS = make_variants(("normality", "alignment", "text_adapter"))


def test_the_variants_are_every_combination_of_three_parts():
    assert [variant.name for variant in VARIANTS][-3:] == [
        "all − alignment",
        "all − text adapter",
        "all",
    ]
    assert len({variant.parts for variant in VARIANTS}) == len(VARIANTS) == 8


def test_a_set_of_parts_that_has_two_names_is_one_variant():
    names = [variant.name for variant in make_variants(("a", "b_c"))]
    assert names == ["baseline", "+ a", "+ b c", "all"]


@pytest.mark.ray
@pytest.mark.long
def test_every_variant_and_seed_is_trained_once_and_tabled(linked):
    run = TrainRun(out=linked, epochs=2)
    report = ablate(run, seeds=(1, 2))
    assert (report.trained, report.already, report.failures) == (16, 0, {})
    rows = pq.read_table(report.folder / "ablation.parquet").to_pylist()
    assert len(rows) == 16
    assert {row["variant"] for row in rows} == {variant.name for variant in VARIANTS}
    assert len({row["auc"] for row in rows}) > 8
    table = (report.folder / "ablation.md").read_text()
    assert table == report.table
    assert table.count("\n") == 2 + len(VARIANTS)
    assert report.folder == linked / "synthetic" / "ablation" / "dsanet"
    lone = load_checkpoint(report.folder / "normality-seed1")
    assert (lone.model.normality, lone.model.alignment, lone.model.text_adapter) == (
        True,
        False,
        False,
    )

    (report.folder / "normality-seed1" / FILE).unlink()
    again = ablate(run, seeds=(1, 2))
    assert (again.trained, again.already) == (1, 15)
    assert again.table == table


@pytest.mark.ray
@pytest.mark.long
def test_a_training_that_fails_is_named_and_the_others_go_on(linked):
    report = ablate(TrainRun(out=linked, epochs=1, batch=500), seeds=(1,))
    assert len(report.failures) == len(VARIANTS)
    assert "expected at least one batch of 500" in report.failures["baseline, seed 1"]
    assert "failed" in report.table


def test_the_table_says_of_how_many_test_videos_figures_are_where_some_are_missing():
    figures = dict.fromkeys(HEADLINE.values(), 0.5)
    run, parts = TrainRun(), ("normality", "alignment", "text_adapter")

    def table(coverage):
        report = TrainReport(
            folder=Path("out"),
            dataset="ucf",
            trained=True,
            samples=1,
            steps=1,
            seconds=1.0,
            selection=0.5,
            metrics=figures,
            coverage=coverage,
        )
        return tabulate({run: VARIANTS[0]}, parts, {run: report})

    assert "| 19 of 290 test videos |" in table(Coverage(19, 290))
    assert "test video" not in table(Coverage(290, 290))


@pytest.mark.ray
@pytest.mark.long
def test_another_heads_parts_have_a_table_of_their_own(linked):
    report = ablate(TrainRun(out=linked, head="vadclip", epochs=1), seeds=(1,))
    assert (report.trained, report.failures) == (4, {})
    assert report.folder == linked / "synthetic" / "ablation" / "vadclip"
    assert report.table.startswith("| variant | learned prompts | visual prompt | frame AUC")
    lone = load_checkpoint(report.folder / "visual_prompt-seed1")
    assert (lone.head, lone.model.learned_prompts, lone.model.visual_prompt) == (
        "vadclip",
        False,
        True,
    )
