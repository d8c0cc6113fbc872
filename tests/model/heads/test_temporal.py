import math

import pytest
import torch

from model.heads.temporal import (
    GraphLayer,
    LocalAttention,
    VideoEncoder,
    distance_graph,
    similarity_graph,
)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return VideoEncoder(width=8, window=16, layers=2, span=4)


def test_similarity_is_a_softmax_over_valid_segments_that_resemble_one_another():
    x = torch.tensor([[[1.0, 0], [0, 1], [1, 0.1], [5, 5]]])
    graph = similarity_graph(x, torch.tensor([3]))[0]
    alike = 1 / math.sqrt(1.01)
    assert torch.equal(graph[3], torch.zeros(4))
    assert torch.equal(graph[:, 3], torch.zeros(4))
    torch.testing.assert_close(graph[0, :3], torch.tensor([1, 0, alike]).softmax(0))
    torch.testing.assert_close(graph[1, :3], torch.tensor([0.0, 1, 0]).softmax(0))


def test_similarity_of_zero_vectors_is_uniform_and_differentiable():
    x = torch.zeros(1, 4, 3, requires_grad=True)
    graph = similarity_graph(x, torch.tensor([2]))
    assert graph[0, :2, :2].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    graph.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_distance_decays_from_the_diagonal():
    graph = distance_graph(5)
    assert torch.equal(graph, graph.T)
    torch.testing.assert_close(graph[0, 3], torch.tensor(math.exp(-3 / math.e)))
    assert graph.diagonal().eq(1).all()


def test_attention_stays_inside_its_span():
    torch.manual_seed(0)
    attention = LocalAttention(width=8, span=4)
    x = torch.randn(2, 12, 8)
    changed = x.clone()
    changed[:, 5] += 1
    moved = (attention(x) - attention(changed)).abs().amax(dim=(0, 2)) > 0
    assert moved.tolist() == [False] * 4 + [True] * 4 + [False] * 4


def test_local_attention_equals_attention_under_a_block_diagonal_mask():
    torch.manual_seed(0)
    attention = LocalAttention(width=8, span=4)
    reference = torch.nn.MultiheadAttention(8, num_heads=1, batch_first=True)
    reference.load_state_dict(
        {
            "in_proj_weight": attention.qkv.weight,
            "in_proj_bias": attention.qkv.bias,
            "out_proj.weight": attention.out.weight,
            "out_proj.bias": attention.out.bias,
        }
    )
    x = torch.randn(2, 12, 8)
    blocks = torch.arange(12) // 4
    expected, _ = reference(x, x, x, attn_mask=blocks[:, None] != blocks)
    torch.testing.assert_close(attention(x), expected)


def test_graph_layer_keeps_a_segment_where_widths_agree():
    layer = GraphLayer(6, 6)
    x = torch.randn(1, 4, 6)
    torch.testing.assert_close(
        layer(x, torch.zeros(4, 4)), x * torch.sigmoid(1.702 * x), msg="identity residual"
    )


def test_samples_of_a_batch_do_not_meet(encoder):
    x, lengths = torch.randn(3, 16, 8), torch.tensor([16, 3, 9])
    together = encoder(x, lengths)
    alone = torch.cat([encoder(x[i : i + 1], lengths[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone)


def test_padding_is_part_of_the_function(encoder):
    x, lengths = torch.zeros(1, 16, 8), torch.tensor([5])
    x[:, :5] = torch.randn(5, 8)
    noisy = x.clone()
    noisy[:, 5:] = torch.randn(11, 8)
    assert not torch.allclose(encoder(x, lengths)[:, :5], encoder(noisy, lengths)[:, :5])
    assert not torch.allclose(encoder(x, lengths), encoder(x, torch.tensor([16])))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_attending_to_padding_once_changes_neither_rows_nor_gradients(encoder, share):
    torch.manual_seed(1)
    x = torch.randn(5, 16, 8)
    x.view(5, 4, 4, 8)[torch.rand(5, 4) < share] = 0
    weights = torch.randn(5, 16, 8)
    expected, found = encoder.attend(x), encoder.attend_once(x)
    torch.testing.assert_close(found, expected)
    gradients = [
        torch.autograd.grad((rows * weights).sum(), encoder.parameters(), allow_unused=True)
        for rows in (expected, found)
    ]
    for theirs, ours in zip(*gradients, strict=True):
        assert (theirs is None) == (ours is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_padding_is_attended_to_once(encoder):
    rows = []
    encoder.blocks[0].register_forward_pre_hook(lambda _, given: rows.append(given[0].shape[:-1]))
    x = torch.zeros(3, 16, 8)
    x[0], x[1, :5], x[2, :1] = 1, 1, 1  # 4, 2 and 1 groups of 4
    encoder(x, torch.tensor([16, 5, 1]))
    encoder(torch.ones(3, 16, 8), torch.full((3,), 16))
    assert rows == [(4 + 2 + 1 + 3, 4), (12, 4)]  # three places are padding in some sample


def test_the_distance_graph_is_no_part_of_a_checkpoint(encoder):
    assert not any(value.shape == (16, 16) for value in encoder.state_dict().values())


@pytest.mark.parametrize(("window", "span", "width"), [(16, 5, 8), (16, 4, 7)])
def test_sizes_that_do_not_divide_are_refused(window, span, width):
    with pytest.raises(ValueError, match=f"got window {window}"):
        VideoEncoder(width=width, window=window, layers=1, span=span)
