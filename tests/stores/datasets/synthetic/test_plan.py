"""The plan: the numbers asked for, known classes, events that fit, and no video hides its class."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from stores.datasets.synthetic.plan import CLASSES, DEMO, Settings, plan


def test_the_demo_holds_what_its_settings_say():
    plans = plan(0)
    counts = Counter((p.split, p.label == "normal") for p in plans)
    assert counts == {
        ("train", True): DEMO.train_normal,
        ("train", False): DEMO.train_anomalous,
        ("test", True): DEMO.test_normal,
        ("test", False): DEMO.test_anomalous,
    }
    for split in ("train", "test"):
        assert {p.label for p in plans if p.split == split} == set(CLASSES)
        codecs = {p.codec for p in plans if p.split == split}
        assert codecs == {"h264", "h264-vfr", "hevc", "mpeg4"}
    assert len({p.video_id for p in plans}) == len(plans)


@given(seed=st.integers(0, 10_000), shortest=st.floats(2.0, 30.0))
def test_events_fit_their_videos_and_are_long_enough_to_be_sampled(seed, shortest):
    amount = Settings(2, 4, 1, 4, seconds=(shortest, 2 * shortest))
    for video in plan(seed, amount):
        assert video.video_id.startswith(video.label.replace(" ", "_"))
        assert bool(video.events) == (video.label != "normal")
        edges = [edge for event in video.events for edge in event]
        assert edges == sorted(edges)
        assert all(0 <= edge <= video.frames for edge in edges)
        anomalous = sum(end - start for start, end in video.events)
        assert anomalous <= 0.5 * video.frames
        if video.events:
            assert max(end - start for start, end in video.events) >= min(
                video.fps, video.frames // 5
            )


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_a_seed_fixes_the_plan(seed):
    assert plan(seed) == plan(seed) != plan(seed + 1)
