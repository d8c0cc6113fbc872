import time

from pipeline.engine.events import FramesRead, added_up, no_progress
from stores.records import Failure, VideoItem


def test_no_progress_takes_every_event_and_shows_nothing(capsys):
    with no_progress("extract", 3) as show:
        show(FramesRead(5))
    assert capsys.readouterr() == ("", "")


def test_frames_are_told_together_however_many_videos_they_are_of():
    failure = Failure(VideoItem("a", "a"), "gone")
    outputs = [FramesRead(1), FramesRead(2), failure, FramesRead(4), failure]
    assert list(added_up(outputs)) == [failure, failure, FramesRead(7)]


def test_frames_are_told_while_they_are_read():
    def slow():
        for _ in range(13):
            yield FramesRead(1)
            time.sleep(0.1)

    told = list(added_up(slow()))
    assert sum(each.frames for each in told) == 13
    assert 2 <= len(told) <= 3
