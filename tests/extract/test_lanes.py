"""A lane encodes and adds up batches; the loop's test mixes videos on it."""

import numpy as np
import pytest
import torch

from extract.lanes import Carry, CudaLane, Pooling, ThreadLane, lane_on


def encode(frames):
    """Two crops of one number each: a frame's first pixel, and half of it."""
    first = frames[:, 0, 0, :1].float()
    return torch.stack([first, first / 2], dim=1)


def lanes():
    yield pytest.param(lambda: ThreadLane(encode), id="thread")
    there = not torch.cuda.is_available()
    mark = [pytest.mark.gpu, pytest.mark.skipif(there, reason="there is no CUDA device")]
    yield pytest.param(lambda: CudaLane(encode, torch.device("cuda")), marks=mark, id="cuda")


@pytest.mark.parametrize("make", [*lanes()])
def test_sums_go_on_from_batch_to_batch_and_leave_out_what_is_not_asked_for(make):
    lane, carry = make(), Carry()
    frames = lane.buffer(4, 2, 2)
    frames[:, 0, 0, 0] = torch.tensor([10, 20, 30, 99])
    first = lane.launch(
        frames, Pooling(np.array([0, 1, 2]), np.array([2, 1]), carried=[], kept=[(1, carry)])
    )()
    np.testing.assert_array_equal(first.sums, [[30, 15], [30, 15]])
    assert first.seconds > 0
    # The sum that was kept comes first among the rows; the frames follow it.
    frames[:, 0, 0, 0] = torch.tensor([1, 2, 4, 99])
    second = lane.launch(
        frames,
        Pooling(np.array([0, 1, 3, 2]), np.array([3, 1]), carried=[carry], kept=[(0, carry)]),
    )()
    np.testing.assert_array_equal(second.sums, [[35, 17.5], [2, 1]])
    assert carry.row.tolist() == [35, 17.5]
    lane.stop()


def test_a_processor_has_a_thread_for_a_lane():
    lane = lane_on(torch.device("cpu"), encode)
    assert isinstance(lane, ThreadLane)
    lane.stop()
