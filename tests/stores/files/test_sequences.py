from pathlib import Path

import pytest

from stores.files.sequences import (
    images_in,
    is_sequence,
    missing_numbers,
    numbered_images,
    sizes_of,
    step_of,
)


def names(numbers, form="{}.jpg"):
    return [form.format(number) for number in numbers]


@pytest.mark.parametrize("form", ["{}.jpg", "{:06d}.jpg", "frame_{}.PNG", "img.v2_{:08d}.jpeg"])
def test_numbers_are_in_natural_order_however_they_are_written(form):
    found = numbered_images("01_0015", reversed(names(range(120), form)))
    assert [number for number, _ in found] == list(range(120))
    assert found[10][1] == form.format(10)


def test_a_folder_named_as_a_video_may_have_few_images_and_another_may_not():
    assert len(numbered_images("01_Accident_001.mp4", names(range(3)))) == 3
    assert numbered_images("01_Accident_001", names(range(15))) == []
    assert len(numbered_images("01_Accident_001", names(range(16)))) == 16
    assert numbered_images("empty.mp4", ["notes.txt"]) == []


def test_other_files_do_not_matter_unless_they_say_what_the_folder_is():
    frames = names(range(20))
    assert len(numbered_images("a", [*frames, ".DS_Store", "cover.jpg", "list.txt"])) == 20
    assert numbered_images("a", [*frames, "film.mp4"]) == []
    assert numbered_images("photos", [*frames, *names(range(21), "b{}a.jpg")]) == []
    masks = [f"scene_{number:04d}_gt.png" for number in range(40)]
    assert numbered_images("annotations", masks) == []


def test_what_is_no_folder_of_images_has_none(tmp_path):
    assert images_in(tmp_path / "gone") == []
    file = tmp_path / "a.mp4"
    file.write_bytes(b"v")
    assert not is_sequence(file)
    folder = tmp_path / "b.avi"
    folder.mkdir()
    assert not is_sequence(folder)
    for number in (2, 10):
        (folder / f"{number}.jpg").write_bytes(b"p" * number)
    (folder / "11.jpg").symlink_to("/nowhere")
    assert [number for number, _ in images_in(folder)] == [2, 10, 11]
    assert sizes_of(images_in(folder)) == [2, 10, 0]
    assert images_in(Path("b.avi")) == []


def test_missing_numbers_are_named():
    assert missing_numbers(range(5)) == ""
    assert missing_numbers([7]) == ""
    assert missing_numbers([0, 1, 3, 4]) == "image 2 of 0 to 4 missing"
    assert missing_numbers([1, 2, 4, 7]) == "images 3, 5, 6 of 1 to 7 missing"
    assert missing_numbers([0, 1, 1000]) == "images 2, 3, 4, 5, 6 and 993 more of 0 to 1000 missing"
    assert (step_of([0, 5, 10, 20]), missing_numbers([0, 5, 10, 20])) == (
        5,
        "image 15 of 0 to 20 missing",
    )
