import pytest

from pipeline.commands.clip import ClipRun
from pipeline.views.clip_choice import choose_events
from stores.records import StoreError

FILMS = ["cam1/a.mp4", "cam1/b.mp4", "cam2/a.mp4", "odd@2.mp4"]


@pytest.fixture(scope="module")
def scored(write_films, tmp_path_factory):
    return write_films(tmp_path_factory.mktemp("chosen"), FILMS)


def ids(folder, **choice):
    return [each.id for each in choose_events(folder, ClipRun(folder, **choice))[0]]


def test_without_a_choice_all_are_chosen_the_highest_peak_first_and_most_limits_them(scored):
    every = [f"{name}@{start}" for start in (50, 90) for name in FILMS]
    assert ids(scored) == every
    chosen, left_out = choose_events(scored, ClipRun(scored, most=3))
    assert ([each.id for each in chosen], left_out) == (every[:3], 5)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"event": ("cam1/a.mp4@90",)}, ["cam1/a.mp4@90"]),
        ({"event": ("b.mp4@50", "cam2/a.mp4@90")}, ["cam1/b.mp4@50", "cam2/a.mp4@90"]),
        ({"event": ("odd@2.mp4@50",)}, ["odd@2.mp4@50"]),
        ({"video": ("cam1",), "peak": 0.8}, ["cam1/a.mp4@50", "cam1/b.mp4@50"]),
        ({"video": ("cam1/",), "classes": ("flood",)}, ["cam1/a.mp4@90", "cam1/b.mp4@90"]),
        ({"video": ("cam?/a*",), "peak": 0.8}, ["cam1/a.mp4@50", "cam2/a.mp4@50"]),
        ({"video": ("b",)}, ["cam1/b.mp4@50", "cam1/b.mp4@90"]),
        ({"classes": ("fire",), "video": ("cam2", "odd@2.mp4")}, ["cam2/a.mp4@50", "odd@2.mp4@50"]),
    ],
)
def test_all_choices_have_to_hold(scored, choice, expected):
    assert ids(scored, **choice) == expected


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"event": ("cam1/a.mp4",)}, "is no event; give a video and a first frame, as in cam1/a"),
        ({"event": ("cam1/a.mp4@51",)}, "begins at frame 51; its events begin at 50, 90"),
        ({"event": ("cam3/a.mp4@50",)}, "no video cam3/a.mp4 in .*; perhaps cam2/a.mp4"),
        ({"video": ("cam9",)}, "no video cam9 in"),
        ({"classes": ("normal",)}, "no class 'normal' in .*; there are fire, flood"),
        ({"peak": 0.95}, r"no event of .* is chosen \(the highest of all peaks is 0.90\)"),
        ({"event": ("cam1/a.mp4@50",), "classes": ("flood",)}, "no event of .* is chosen"),
    ],
)
def test_a_choice_of_nothing_is_refused_and_says_what_there_is(scored, choice, said):
    with pytest.raises(StoreError, match=said):
        ids(scored, **choice)


def test_a_folder_without_scores_is_named(tmp_path):
    with pytest.raises(StoreError, match=f"no scores in {tmp_path}; run `make score`"):
        ids(tmp_path)
