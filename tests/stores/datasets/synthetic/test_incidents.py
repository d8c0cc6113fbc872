"""Incidents: each is to be seen at once and as long as it lasts, and vivid unlike its scene."""

import numpy as np
import pytest

from stores.datasets.synthetic.incidents import PAINTERS
from stores.datasets.synthetic.views import HEIGHT, WIDTH, draw_view


def shares(label, seed, seconds):
    """Return the shares of pixels that are painted, and vivid among the painted."""
    generator = np.random.default_rng(seed)
    view = draw_view(generator)
    frame = view.background.copy()
    PAINTERS[label](generator, view.horizon)(frame, seconds=seconds)
    painted = (frame != view.background).any(axis=2)
    vivid = np.ptp(frame[painted].astype(int), axis=-1) > 90
    return painted.mean(), vivid.mean()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("seconds", [0.0, 0.5, 19.9])
@pytest.mark.parametrize("label", sorted(PAINTERS))
def test_an_incident_is_seen_from_its_first_to_its_last_frame(label, seconds, seed):
    painted, vivid = shares(label, seed, seconds)
    assert 0.02 < painted < 0.4
    assert vivid > 0.2


@pytest.mark.parametrize("label", sorted(PAINTERS))
def test_an_incident_moves_but_can_be_drawn_in_any_order(label):
    paint = PAINTERS[label](np.random.default_rng(1), 90)
    frames = [np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(3)]
    for frame, seconds in zip(frames, (0.0, 0.5, 0.0), strict=True):
        paint(frame, seconds=seconds)
    assert np.array_equal(frames[0], frames[2])
    assert not np.array_equal(frames[0], frames[1])
