import pyarrow.parquet as pq
import pytest

from model.checkpoint import FILE, load_checkpoint
from pipeline.settings import AblateRun
from pipeline.stages.ablate import VARIANTS, ablate

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.mark.long
def test_every_variant_and_seed_is_trained_once_and_tabled(linked):
    run = AblateRun(out=linked, seeds="1,2", epochs=2)
    report = ablate(run)
    assert (report.trained, report.already, report.failures) == (16, 0, {})
    rows = pq.read_table(report.folder / "ablation.parquet").to_pylist()
    assert len(rows) == 16
    assert {row["variant"] for row in rows} == {variant.name for variant in VARIANTS}
    assert len({row["auc"] for row in rows}) > 8
    table = (report.folder / "ablation.md").read_text()
    assert table == report.table
    assert table.count("\n") == 2 + len(VARIANTS)
    lone = load_checkpoint(report.folder / "normality-seed1")
    assert (lone.model.normality, lone.model.alignment, lone.model.text_adapter) == (
        True,
        False,
        False,
    )

    (report.folder / "normality-seed1" / FILE).unlink()
    again = ablate(run)
    assert (again.trained, again.already) == (1, 15)
    assert again.table == table


@pytest.mark.long
def test_a_training_that_fails_is_named_and_the_others_go_on(linked):
    report = ablate(AblateRun(out=linked, seeds="1", epochs=1, batch=500))
    assert len(report.failures) == len(VARIANTS)
    assert "expected at least one batch of 500" in report.failures["baseline, seed 1"]
    assert "failed" in report.table
