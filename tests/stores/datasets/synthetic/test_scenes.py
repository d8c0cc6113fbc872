"""Ordinary life: repeatable frame by frame, and no incident shows in the brightness."""

import numpy as np
import pytest

from stores.datasets.synthetic.scenes import Scene
from stores.datasets.synthetic.views import draw_view


def scene(seed=0, frames=100):
    generator = np.random.default_rng(seed)
    return Scene(draw_view(generator), generator, fps=25, frames=frames)


def test_a_frame_does_not_depend_on_the_frames_drawn_before_it():
    one, other = scene(), scene()
    for index in range(40):
        one.render(index)
    assert np.array_equal(one.render(40), other.render(40))


def test_life_goes_on_from_frame_to_frame():
    one = scene()
    first, later = one.render(0).astype(int), one.render(30).astype(int)
    assert (np.abs(first - later) > 40).mean() > 0.01


@pytest.mark.parametrize("grey", [60, 200])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_exposure_evens_out_what_an_incident_adds_or_takes(seed, grey):
    def paint(frame):
        frame[100:150, 100:180] = grey

    one = scene(seed)
    plain, shown = one.render(20), one.render(20, paint)
    assert not np.array_equal(plain, shown)
    assert shown.mean() == pytest.approx(plain.mean(), abs=1.0)
