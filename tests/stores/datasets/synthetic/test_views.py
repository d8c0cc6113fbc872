"""Views: drawn from the generator alone, still but for the tree."""

import numpy as np
import pytest

from stores.datasets.synthetic.views import HEIGHT, WIDTH, Tree, draw_view, texture


def test_a_generator_draws_the_same_view_again_and_another_one_another():
    first, again, other = (draw_view(np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert first.background.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(first.background, again.background)
    assert not np.array_equal(first.background, other.background)


def test_roughness_moves_a_texture_from_coarse_to_fine():
    smooth, rough = (
        texture(np.random.default_rng(0), height=90, width=120, roughness=roughness)
        for roughness in (0.3, 0.95)
    )
    for field in (smooth, rough):
        assert field.mean() == pytest.approx(0, abs=1e-4)
        assert field.std() == pytest.approx(1, abs=1e-3)
    assert np.abs(np.diff(rough)).mean() > 1.5 * np.abs(np.diff(smooth)).mean()


@pytest.mark.parametrize("seed", range(20))
def test_a_tree_fits_any_view_and_moves(seed):
    generator = np.random.default_rng(seed)
    tree = Tree(generator, horizon=int(generator.integers(70, 120)))
    frames = [np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(2)]
    tree.draw(frames[0], 0)
    tree.draw(frames[1], 5)
    assert np.array_equal(frames[0].any(axis=2), frames[1].any(axis=2))
    assert not np.array_equal(*frames)
