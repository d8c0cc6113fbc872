"""The sampling of a stream against a plain implementation that knows the whole list."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.recipe import FrameChoice, Tail
from extract.sampling import is_strided, plan, sample, segment_count

counts = st.integers(min_value=0, max_value=100)
choices = st.sampled_from(["mean16", "first", "middle"])
tails = st.sampled_from(["keep", "drop"])


def plainly(frames: int, choice: FrameChoice, tail: Tail) -> list[tuple[int, int]]:
    """Cut the list into sixteens and choose from each: what the contract says, in its words."""
    segments = [list(range(frames))[start : start + 16] for start in range(0, frames, 16)]
    if tail == "drop" and len(segments) > 1 and len(segments[-1]) < 16:
        segments.pop()
    chosen = []
    for number, members in enumerate(segments):
        if choice == "mean16":
            chosen += [(number, member) for member in members]
        else:
            index = {"first": 0, "middle": 8}[choice]
            chosen.append((number, members[index] if index < len(members) else members[-1]))
    return chosen


@given(frames=counts, choice=choices, tail=tails)
def test_plan_and_sample_choose_what_the_plain_list_chooses(frames, choice, tail):
    expected = plainly(frames, choice, tail)
    assert plan(frames, choice, tail) == expected
    assert list(sample(range(frames), int, choice, tail)) == expected
    assert segment_count(frames, tail) == len({segment for segment, _ in expected})


@given(frames=counts, choice=st.sampled_from(["first", "middle"]), tail=tails)
def test_only_the_frames_that_may_be_shown_are_converted(frames, choice, tail):
    converted: list[int] = []
    shown = list(sample(range(frames), lambda f: converted.append(f) or f, choice, tail))
    # At most the one frame of a dropped tail is converted and not shown.
    assert len(converted) - len(shown) in {0, 1}
    assert len(converted) <= frames // 16 + 1


@given(frames=st.integers(min_value=1, max_value=100), choice=choices, tail=tails)
def test_no_more_than_one_segment_is_read_ahead(frames, choice, tail):
    read = 0

    def source():
        nonlocal read
        for frame in range(frames):
            read += 1
            yield frame

    for _, frame in sample(source(), int, choice, tail):
        assert read - frame <= 16


@pytest.mark.parametrize(
    ("frames", "tail", "segments"),
    [(0, "keep", 0), (1, "drop", 1), (15, "drop", 1), (16, "drop", 1), (1412, "drop", 88)],
)
def test_segment_count_of_known_lengths(frames, tail, segments):
    assert segment_count(frames, tail) == segments


def test_a_negative_length_is_refused():
    with pytest.raises(ValueError, match="0 or more, got -1"):
        segment_count(-1, "keep")


def test_one_frame_a_segment_is_strided_and_their_mean_is_not():
    assert is_strided("first")
    assert is_strided("middle")
    assert not is_strided("mean16")


@pytest.mark.data
def test_ucf_crimes_real_lengths_make_the_published_truth(shared_data):
    facts = json.loads((shared_data / "ucf" / "frames_and_events_test.json").read_text())
    assert len(facts) == 290
    counted = [16 * segment_count(fact["n_frames"], "drop") for fact in facts.values()]
    assert sum(counted) == 1_109_824
