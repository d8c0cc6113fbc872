from dataclasses import replace

import pytest

from stores.records import StoreError, VideoItem


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"container_seconds": 0.0}, ""),
        ({"partial": True, "note": "ends at 9"}, "decoding ended early: ends at 9"),
        ({"expected_frames": 99}, "77 frames decoded of 99 announced"),
        ({"duplicate_frames": 5}, "5 frames at the end repeated the one before: cut"),
        ({"container_seconds": 60.0}, ""),
        (
            {"container_seconds": 60.0, "shown_seconds": 3.04},
            "frames last 3.0 s of 60.0 s announced",
        ),
    ],
)
def test_what_a_container_announces_is_held_against_what_was_decoded(make_features, changes, said):
    video = make_features()
    video = replace(video, audit=replace(video.audit, **changes))
    assert video.audit.mismatch == said
    assert (video.audit.status == "ok") == (not said)
    assert (video.audit.status == "partial") == video.audit.partial


def test_a_video_has_a_name():
    with pytest.raises(StoreError, match="video_id is empty"):
        VideoItem("", "/videos/a.mp4")
