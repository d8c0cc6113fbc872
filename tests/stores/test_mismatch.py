from dataclasses import replace

import pytest

from stores.records import ClockStep, LostFrames


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"container_seconds": 0.0}, ""),
        ({"partial": True, "note": "ends at 9"}, "decoding ended early: ends at 9"),
        ({"expected_frames": 99}, "77 frames decoded of 99 announced"),
        ({"duplicate_frames": 5}, "5 frames at the end repeated the one before: cut"),
        (
            {"decoded_frames": 76, "lost_frames": 1, "lost": (LostFrames(1.72, 1.72, 1),)},
            "1 frame lost at 1.7 s",
        ),
        (
            {"decoded_frames": 73, "lost_frames": 4, "lost": (LostFrames(1.7, 1.9, 4),)},
            "4 frames lost at 1.7 to 1.9 s",
        ),
        (
            {
                "decoded_frames": 68,
                "lost_frames": 9,
                "lost": tuple(LostFrames(n, n + 1, 1) for n in range(9)),
            },
            "9 frames lost at 0.0 to 1.0 s, 1.0 to 2.0 s, 2.0 to 3.0 s and at 6 more places",
        ),
        (
            {"steps": (ClockStep(75, 3.0, -3600.0), ClockStep(90, 3.6, 86400.0))},
            "the clock steps 3,600.0 s back at 3.0 s, 86,400.0 s ahead at 3.6 s",
        ),
        (
            {"partial": True, "note": "noise", "lost_frames": 1, "lost": (LostFrames(2, 2, 1),)},
            "decoding ended early: noise; 1 frame lost at 2.0 s",
        ),
        (
            {"decoded_frames": 76, "lost_frames": 1, "lost": (LostFrames(1, 1, 1),)}
            | {"container_seconds": 60.0, "shown_seconds": 3.04},
            "1 frame lost at 1.0 s; frames last 3.0 s of 60.0 s announced",
        ),
        (
            {"decoded_frames": 37, "lost_frames": 40, "lost": (LostFrames(1.5, 3.04, 40),)}
            | {"shown_seconds": 1.46},
            "40 frames lost at 1.5 to 3.0 s",
        ),
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
