import numpy as np

from pipeline.views.report.clocks import Clocks
from pipeline.views.report.incidents import TILES, incidents_of, preview_times, strongest
from stores.records import ScoredEvent, VideoItem, VideoScores


def event(start, end, peak=0.9, label="fight"):
    return ScoredEvent(start, end, start / 25, end / 25, label, peak, peak)


def scores():
    score = np.full(100, 0.1, np.float32)
    score[44] = 0.9
    rest = 1 - score
    return VideoScores(
        item=VideoItem("gate_20241117080509.mp4", ""),
        times=np.arange(100) / 25,
        score=score,
        probabilities=np.stack([rest, 0.25 * score, 0.75 * score], axis=1),
    )


def test_the_strongest_of_all_videos_get_previews():
    events = {"a": [event(0, 5, 0.5), event(9, 20, 0.8)], "b": [event(3, 4, 0.7)]}
    assert strongest(events, 2) == {("a", 9), ("b", 3)}
    assert strongest(events, 0) == frozenset()


def test_a_preview_is_the_peak_and_then_the_event_from_begin_to_end():
    times = preview_times(event(40, 61), scores())
    assert times == (44 / 25, *(frame / 25 for frame in (40, 45, 50, 55, 60)))
    assert len(times) == TILES


def test_an_incident_knows_its_share_of_classes_and_the_clock_on_the_wall():
    clock = Clocks(None, None, None).of("gate_20241117080509.mp4", "", 0, 4.0)
    classes = ("normal", "fire", "fight")
    (found,) = incidents_of(3, [event(40, 61)], scores(), classes, clock, {40: "a.jpg"})
    assert (found.video, found.label, found.shares, found.preview) == (3, 2, [25, 75], "a.jpg")
    assert found.at == clock.at(1.6)
