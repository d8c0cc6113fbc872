import subprocess
import sys

import numpy as np
import pytest

import pipeline
from pipeline.options import EventOptions
from stores.records import EventRule, StoreError


@pytest.fixture(scope="module")
def scorer(checkpoint):
    return pipeline.load_scorer(checkpoint, device="cpu")


@pytest.fixture(scope="module")
def video(footage):
    return sorted(footage.rglob("*.mp4"))[0]


def test_a_notebook_shows_the_result_and_takes_it_as_a_table(checkpoint, video, tmp_path):
    scorer = pipeline.load_scorer(checkpoint, device="cpu", events=EventOptions(threshold=0.01))
    result = scorer.score_video(str(video))
    assert result.header.rule == EventRule(threshold=0.01)
    result.plot().save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == result.plot()._repr_png_()
    shown = result._repr_html_()
    assert shown.count("<tr>") == 1 + len(result.events)
    assert len(result.events) > 0
    assert result.events[0].label in shown
    assert 'src="data:image/png;base64,' in shown
    assert shown.index("Caution:</strong> the model was trained with the demo") < shown.index(
        "<img"
    )
    table = result.to_pandas()
    assert list(table.columns[:4]) == ["video_id", "frame", "time", "score"]
    np.testing.assert_array_equal(table["score"], result.scores.score)


def test_mistakes_are_named(scorer, tmp_path):
    with pytest.raises(StoreError, match="no such file"):
        scorer.score_video(tmp_path / "gone.mp4")
    with pytest.raises(StoreError, match="no checkpoint at"):
        pipeline.load_scorer(tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'load_scorers'"):
        pipeline.load_scorers  # noqa: B018


@pytest.mark.slow
def test_scoring_needs_no_ray_and_importing_the_package_no_torch():
    code = (
        "import sys, pipeline; assert 'torch' not in sys.modules; "
        "pipeline.load_scorer; assert 'torch' in sys.modules; assert 'ray' not in sys.modules"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
