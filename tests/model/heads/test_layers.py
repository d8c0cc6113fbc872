import pytest
import torch

from model.heads.layers import Mlp, quick_gelu


def test_quick_gelu_is_open_clips():
    from open_clip.transformer import QuickGELU

    x = torch.linspace(-8, 8, 101)
    torch.testing.assert_close(quick_gelu(x), QuickGELU()(x))


@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 3, 6)])
def test_rows_are_transformed_one_by_one(shape):
    torch.manual_seed(0)
    mlp = Mlp(6)
    x = torch.randn(shape)
    expected = torch.stack([mlp(row) for row in x.reshape(-1, 6)]).reshape(shape)
    torch.testing.assert_close(mlp(x), expected)
