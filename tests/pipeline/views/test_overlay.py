import av
import numpy as np
import pytest

from pipeline.views.overlay import write_overlay
from stores.datasets.synthetic.footage import SUFFIXES, write_video
from stores.records import EventRule, ScoredEvent, StoreError, VideoItem, VideoScores

COUNT, HEIGHT, WIDTH = 48, 121, 161  # odd sides, which H.264 cannot hold


def decoded(path):
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].codec.name in ("h264", "hevc", "mpeg4")
        times = np.array([float(frame.pts * frame.time_base) for frame in frames])
        return times - times[0], [frame.to_ndarray(format="rgb24") for frame in frames]


def scored(path, times):
    score = np.where((np.arange(len(times)) >= 16) & (np.arange(len(times)) < 32), 0.9, 0.1)
    return VideoScores(
        item=VideoItem(path.name, str(path)),
        times=times,
        score=score.astype(np.float32),
        probabilities=np.stack([1 - score, score], axis=1).astype(np.float32),
    )


@pytest.fixture(params=["h264-vfr", "mpeg4"])
def video(request, tmp_path):
    path = tmp_path / f"video{SUFFIXES[request.param]}"
    size = (HEIGHT - 1, WIDTH - 1) if request.param == "h264-vfr" else (HEIGHT, WIDTH)
    frames = (np.full((*size, 3), 128, dtype=np.uint8) for _ in range(COUNT))
    write_video(path, frames, codec=request.param, fps=25, seed=2)
    return path


def test_every_frame_at_its_time_with_the_score_as_a_bar(video, tmp_path):
    times, source = decoded(video)
    event = ScoredEvent(16, 32, float(times[16]), float(times[32]), "fire", 0.9, 0.9)
    out = tmp_path / "overlay.mp4"
    write_overlay(out, scored(video, times), [event], EventRule())
    ours, pictures = decoded(out)
    assert len(pictures) == COUNT
    np.testing.assert_allclose(ours, times, atol=2e-5)
    assert {side % 2 for side in pictures[0].shape[:2]} == {0}
    red, blue = pictures[20].astype(int), pictures[4].astype(int)
    column = int(0.7 * WIDTH)  # within 0.9 of the width, past 0.1 of it
    height, width = source[20].shape[:2]
    low = height + 3
    assert red[low, column, 0] > red[low, column, 2] + 40
    assert np.ptp(blue[low, column]) < 20
    assert blue[low, 3, 2] > blue[low, 3, 0] + 40
    np.testing.assert_allclose(red[: height - 4, :width], source[20][: height - 4], atol=8)


def test_a_video_that_changed_since_is_refused_and_leaves_no_file(video, tmp_path):
    times, _ = decoded(video)
    out = tmp_path / "overlay.mp4"
    for wrong in (times[:-1], np.append(times, times[-1] + 1)):
        with pytest.raises(StoreError, match="frames that were scored; it changed since"):
            write_overlay(out, scored(video, wrong), [], EventRule())
    assert [path.name for path in tmp_path.iterdir()] == [video.name]
