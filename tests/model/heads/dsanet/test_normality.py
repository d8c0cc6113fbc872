import pytest
import torch

from model.heads.dsanet.normality import CrossAttention, NormalityModel, PrototypeBlock, gather_loss


@pytest.fixture
def branch():
    torch.manual_seed(0)
    branch = NormalityModel(width=16, prototypes=3, depth=2, heads=4, normal_ratio=0.8)
    with torch.no_grad():
        for parameter in branch.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return branch


def test_the_share_with_the_lowest_logits_is_selected(branch):
    logits = torch.randn(5, 13)
    chosen = branch.select(logits).sort().values
    assert chosen.shape == (5, 10)  # ⌊13 · 0.8⌋
    assert torch.equal(chosen, logits.argsort(dim=1)[:, :10].sort().values)


def test_selection_tells_logits_apart_whose_sigmoids_are_equal(branch):
    logits = torch.tensor([[40.0, 30, 20, 50, 60]])
    assert logits.sigmoid().unique().numel() == 1
    assert branch.select(logits).sort().values.tolist() == [[0, 1, 2, 3]]


def test_gather_loss_is_zero_where_prototypes_are_the_segments_and_ignores_length():
    segments = torch.eye(4)[None, :3]
    assert gather_loss(segments, 7 * segments).item() == pytest.approx(0, abs=1e-6)
    assert gather_loss(segments, torch.eye(4)[None, 3:]).item() == pytest.approx(1)


def test_neither_the_choice_nor_the_chosen_segments_carry_a_gradient(branch):
    video = torch.randn(2, 10, 16, requires_grad=True)
    logits = torch.randn(2, 10, requires_grad=True)
    branch(video, logits).gather_loss.backward()
    assert video.grad is None
    assert logits.grad is None
    assert branch.prototypes.grad.abs().sum() > 0


def test_reconstruction_trains_the_video_and_every_parameter(branch):
    video = torch.randn(2, 10, 16, requires_grad=True)
    branch(video, torch.randn(2, 10)).reconstruction.sum().backward()
    assert video.grad.abs().sum() > 0
    without = [name for name, p in branch.named_parameters() if p.grad is None]
    assert without == []


def test_prototypes_are_each_samples_own(branch):
    video, logits = torch.randn(2, 10, 16), torch.randn(2, 10)
    together = branch(video, logits).reconstruction
    alone = branch(video[1:], logits[1:]).reconstruction
    torch.testing.assert_close(together[1:], alone)


def test_a_segment_opposed_to_all_prototypes_gets_none_of_them():
    torch.manual_seed(0)
    block = PrototypeBlock(width=8, heads=2)
    with torch.no_grad():
        block.scale.fill_(-1)  # every cosine of a segment with itself becomes negative
        block.attention.query.weight.copy_(block.attention.key_value.weight[:8])
        block.attention.query.bias.copy_(block.attention.key_value.bias[:8])
    prototypes = torch.randn(1, 1, 8)
    attended = block.attention.out.bias.expand(1, 1, 8)
    expected = attended + block.mlp(block.mlp_norm(attended))
    torch.testing.assert_close(block(prototypes, prototypes), expected)


def test_linear_layers_start_small_and_without_bias():
    branch = NormalityModel(width=16, prototypes=3, depth=2, heads=4, normal_ratio=0.8)
    for name, parameter in branch.named_parameters():
        if name.endswith("weight") and parameter.ndim == 2:
            assert parameter.abs().max() <= 0.03, name
        if name.endswith("bias"):
            assert not parameter.any(), name


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiple of the 5 heads"):
        CrossAttention(width=16, heads=5)
