"""Every codec gives back the frames that went in, at their times; no file is half-written."""

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from stores.datasets.synthetic.footage import SUFFIXES, write_video

FRAMES = 30


def pictures():
    """Grey with a moving bar in blue, the first channel, that says which frame it is."""
    noise = np.random.default_rng(0)
    for number in range(FRAMES):
        # Noise as a camera's: on flat grey FFmpeg's MPEG-4 leaves the bar out of some B-frames.
        picture = noise.integers(50, 70, size=(48, 8 * FRAMES, 3), dtype=np.uint8)
        picture[:, 8 * number : 8 * number + 8] = (220, 40, 40)
        yield picture


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        times = np.array([float(frame.pts * stream.time_base) for frame in frames])
        return np.stack([frame.to_ndarray(format="rgb24") for frame in frames]), times - times[0]


@pytest.mark.parametrize("codec", sorted(SUFFIXES))
def test_frames_come_back_in_order_and_in_colour(tmp_path, codec):
    path = tmp_path / f"video{SUFFIXES[codec]}"
    write_video(path, pictures(), codec=codec, fps=25, seed=1)
    frames, times = read(path)
    bars = frames[:, 12:36].reshape(FRAMES, 24, FRAMES, 8, 3).mean(axis=(1, 3))
    assert bars[..., 2].argmax(axis=1).tolist() == list(range(FRAMES))
    assert (np.ptp(bars[..., 0], axis=1) < 60).all()
    steps = np.diff(times)
    if codec == "h264-vfr":
        assert steps.min() < 0.03 < 0.05 < steps.max()
        assert (steps > 0).all()
    else:
        np.testing.assert_allclose(steps, 0.04, atol=1e-6)


@pytest.mark.parametrize("codec", ["h264-vfr", "mpeg4"])
def test_two_codecs_have_frames_that_are_decoded_out_of_order(tmp_path, codec):
    path = tmp_path / f"video{SUFFIXES[codec]}"
    write_video(path, pictures(), codec=codec, fps=25, seed=1)
    with av.open(str(path)) as container:
        kinds = {PictureType(frame.pict_type).name for frame in container.decode(video=0)}
    assert "B" in kinds


def test_equal_input_gives_equal_bytes_and_the_seed_moves_irregular_times(tmp_path):
    paths = [tmp_path / f"{number}.mp4" for number in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        write_video(path, pictures(), codec="h264-vfr", fps=25, seed=seed)
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again != other


def test_a_drawing_that_fails_leaves_no_file(tmp_path):
    def broken():
        yield from pictures()
        raise KeyError("no more")

    with pytest.raises(KeyError):
        write_video(tmp_path / "video.mp4", broken(), codec="h264", fps=25, seed=1)
    assert list(tmp_path.iterdir()) == []
