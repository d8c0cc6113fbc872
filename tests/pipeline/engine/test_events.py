from pipeline.engine.events import FramesRead, no_progress


def test_no_progress_takes_every_event_and_shows_nothing(capsys):
    with no_progress("extract", 3) as show:
        show(FramesRead(5))
    assert capsys.readouterr() == ("", "")
