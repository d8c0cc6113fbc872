"""Videos and outputs in an object store: a real S3 server of this machine, a real Ray."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from extract.recipe import RecipeOptions
from pipeline.commands.evaluate import EvaluateRun
from pipeline.commands.extract import ExtractRun
from pipeline.commands.score import ScoreRun
from pipeline.commands.train import TrainRun
from pipeline.stages.evaluate import evaluate
from pipeline.stages.extract import extract
from pipeline.stages.score import score
from pipeline.stages.train import train
from stores.features.catalog import open_catalog
from stores.features.shards import read_segments
from stores.files.locations import location, openable, upload

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def store():
    """The location of an empty bucket. One server for all: its address is kept by connections."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        root = location("s3://footage")
        root.mkdir()
        yield root
    server.stop()


@pytest.fixture
def bucket(store, request):
    """A folder of its own for each test."""
    return store / request.node.name


@pytest.mark.long
def test_from_videos_to_figures_and_scores_without_a_local_folder(bucket, footage, extracted):
    for file in footage.rglob("*"):
        if file.suffix in (".mp4", ".avi", ".mkv", ".json"):
            upload(file, bucket / "videos" / file.relative_to(footage).as_posix())
    out = bucket / "outputs"
    run = ExtractRun(root=bucket / "videos", out=out, videos_per_shard=7)
    report = extract(run)
    assert (report.new, report.failures) == (14, ())
    assert extract(run).already == 14
    here = open_catalog(extracted / "synthetic" / "features")
    there = open_catalog(out / "synthetic" / "features")
    for name, video in here.videos.items():
        np.testing.assert_allclose(
            read_segments(there.videos[name]).astype(np.float32),
            read_segments(video).astype(np.float32),
            atol=2e-2,  # batches are made up otherwise
        )
    trained = train(TrainRun(out=out, epochs=1, batch=2))
    assert (trained.folder / "metrics.json").is_file()
    assert any((trained.folder / "tensorboard").iterdir())
    assert evaluate(EvaluateRun(out=out)).frames > 0
    scores = bucket / "scores"
    videos = bucket / "videos" / "test"
    scored = score(ScoreRun(videos=videos, checkpoint=trained.folder, out=scores))
    assert (scored.new, scored.failures) == (6, ())
    rows = sum(
        pq.read_metadata(openable(part)).num_rows for part in (scores / "scores").glob("*.parquet")
    )
    assert rows == scored.frames > 0


@pytest.mark.slow
@pytest.mark.long
def test_a_video_that_is_gone_or_broken_is_a_failure_that_names_its_url(bucket, footage):
    good = sorted(footage.rglob("*.mp4"))[0]
    upload(good, bucket / "videos" / "good.mp4")
    (bucket / "videos" / "text.mp4").write_text("no video")
    report = extract(
        ExtractRun(
            dataset="folder",
            root=bucket / "videos",
            out=bucket / "out",
            recipe=RecipeOptions("demo"),
        )
    )
    assert report.new == 1
    (failure,) = report.failures
    assert failure.reason.startswith(f"{bucket}/videos/text.mp4: not a video")
