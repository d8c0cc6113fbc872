import json

import pytest

from stores.datasets.custom.rows import find_rows, read_rows
from stores.records import Event, StoreError


@pytest.fixture
def listed(tmp_path):
    def write(text, name="videos.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_class_folders_give_the_label_and_folders_of_splits_the_split(tmp_path):
    for name in ("train/fight/a.mp4", "test/fight/cam 1/b.mp4", "test/normal/c#1.avi"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    rows = {row.name: (row.labels, row.split) for row in find_rows(tmp_path)}
    assert rows == {
        "train/fight/a.mp4": (("fight",), "train"),
        "test/fight/cam 1/b.mp4": (("fight",), "test"),
        "test/normal/c#1.avi": (("normal",), "test"),
    }


def test_a_video_in_no_class_folder_is_named(tmp_path):
    (tmp_path / "stray.mp4").touch()
    with pytest.raises(StoreError, match=r"stray\.mp4 lies in no class folder"):
        find_rows(tmp_path)


def test_spaces_alone_are_nothing_and_no_event_has_to_be_written_out(listed):
    """A blank after the last comma made a video of a class one without any anomaly."""
    rows = read_rows(listed("path,label,split,events\na.mp4,fight,test, \nb.mp4,fight,test,none\n"))
    assert [row.events for row in rows] == [None, ()]


def test_a_csv_with_everything_in_it(listed, tmp_path):
    path = listed(
        "path,labels,split,events,group,width\n"
        "a.mp4,fight;fire,test,0-40:fire; 60-80:fight,cam1,320\n"
        '"b, c.mp4",normal,train,,cam2,320\n'
        "d.mp4,fight,test,10-20,,\n"
        "e.mp4,normal,test,none,,\n"
    )
    rows = find_rows(tmp_path)
    assert rows == read_rows(path)
    assert [row.name for row in rows] == ["a.mp4", "b, c.mp4", "d.mp4", "e.mp4"]
    assert rows[0].events == (Event(0, 40, "fire"), Event(60, 80, "fight"))
    assert (rows[0].group, rows[1].split, rows[1].events) == ("cam1", "train", None)
    assert rows[2].events == (Event(10, 20, "fight"),)
    assert rows[3].events == ()
    assert rows[0].path == tmp_path / "a.mp4"


def test_json_lines_say_the_same(listed):
    event = {"start": 3, "end": 9, "label": "fire"}
    lines = [
        {"path": "a.mp4", "labels": ["fight", "fire"], "split": "test", "events": [event]},
        {"path": "b.mp4", "label": "normal", "split": "train", "group": "x"},
    ]
    path = listed("\n".join(map(json.dumps, lines)), "videos.jsonl")
    first, second = read_rows(path)
    assert read_rows(listed('{"path": "a", "label": "x", "group": null}', "n.jsonl"))[0].group == ""
    assert first.events == (Event(3, 9, "fire"),)
    assert (second.labels, second.group) == (("normal",), "x")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a.mp4,,,", "line 2: no label"),
        (",fight,,", "line 2: .*missing required field `path`"),
        ("a.mp4,fight,validation,", "line 2: split is 'validation', expected train or test"),
        ("a.mp4,fight,,soon", "line 2: event 'soon' is not start-end"),
        ("a.mp4,fight,,9-3", "line 2: event 9-3: expected the first frame before"),
        ("a.mp4,fight,,3-9:fire", "line 2: event 3-9 is of class fire, its video of fight"),
        ("a.mp4,fight,,0.5s-2s:fire", "line 2: event 0.5s-2s is of class fire"),
        ("a.mp4,fight,test,;", "line 2: events are ';'; write none where there is no event"),
        ("a.mp4,fight;fire,,3-9", "line 2: event 3-9 has no label"),
        ("a\0.mp4,fight,,", "cannot be read as CSV|is no path of a video"),
        ("a.mp4,fight,,,,,", "line 2: more fields than columns"),
        ("a.mp4,fight,,\na.mp4,fight,,", "line 3: a.mp4 is listed twice"),
    ],
)
def test_a_line_that_is_not_understood_is_named(listed, line, told):
    with pytest.raises(StoreError, match=told):
        read_rows(listed(f"path,labels,split,events\n{line}\n"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"path": 3, "label": "a"}', "path: expected `str`, got `int`"),
        ('{"path": ["a.mp4"], "label": "a"}', "path: expected `str`, got `array`"),
        ('{"label": "a"}', "missing required field `path`"),
        ('{"path": null, "label": "a"}', "missing required field `path`"),
        ('{"path": "a.mp4"}', "no label"),
        ('{"path": "a.mp4", "label": {"a": 1}}', "label: expected .*, got `object`"),
        ('{"path": "a.mp4", "labels": [["a"]]}', r"labels\[0\]: expected .*, got `array`"),
        ('{"path": "a.mp4", "label": true}', "label: expected .*, got `bool`"),
        ('{"path": "a.mp4", "label": "a", "label": "b"}', "label: given twice"),
        (r'{"path": "a.mp4", "label": "a\ud800"}', r"label 'a\\ud800' is no valid Unicode"),
        ('{"path": "a.mp4", "label": "a", "split": 1}', "split: expected .*, got `int`"),
        ('{"path": "a.mp4", "label": "a", "events": 3}', "events: expected .*, got `int`"),
        ('{"path": "a.mp4", "label": "a", "events": [3]}', r"events\[0\]: expected .*, got `int`"),
        ('{"path": "a.mp4", "label": "a", "events": [{"start": 1}]}', "missing .*field `end`"),
        ('{"path": "a.mp4", "label": "a", "events": {"start": 1.5, "end": 3}}', "got `float`"),
        ('{"path": "a.mp4", "label": "a", "group": []}', "group: expected .*, got `array`"),
        ('{"path": "a\tb.mp4", "label": "a"}', "damaged .*jsonl line 1: invalid control"),
        ('["a.mp4", "a"]', "expected `object`, got `array`"),
        ("[" * 99999, "damaged"),
    ],
)
def test_a_json_line_that_is_not_understood_is_named_by_its_field(listed, line, told):
    with pytest.raises(StoreError, match=rf"videos\.jsonl line 1: .*{told}|{told}"):
        read_rows(listed(line, "videos.jsonl"))


def test_a_file_that_is_no_list_is_named(listed):
    with pytest.raises(StoreError, match=r"columns \['file', 'class'\], expected path and labels"):
        read_rows(listed("file,class\na,b\n"))
    with pytest.raises(StoreError, match="has two columns labels; remove one"):
        read_rows(listed("path,labels,labels\na.mp4,x,y\n"))
    with pytest.raises(StoreError, match="lists no video"):
        read_rows(listed("path,labels\n"))
    with pytest.raises(StoreError, match="videos.jsonl line 1: expecting value"):
        read_rows(listed("path,labels\n", "videos.jsonl"))
    with pytest.raises(StoreError, match="is no list of videos"):
        read_rows(listed("", "videos.xlsx"))


def test_events_may_be_in_seconds(listed):
    path = listed("path,label,events\na.mp4,fight,0.5s-2s;4 s - 9.125 s:fight;120-240\n")
    (row,) = read_rows(path)
    assert row.events == (
        Event(500, 2000, "fight", "milliseconds"),
        Event(4000, 9125, "fight", "milliseconds"),
        Event(120, 240, "fight"),
    )
    event = {"start": "1.5s", "end": "2s"}
    line = json.dumps({"path": "a.mp4", "label": "fight", "events": [event]})
    (row,) = read_rows(listed(line, "videos.jsonl"))
    assert row.events == (Event(1500, 2000, "fight", "milliseconds"),)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("1s-5", "write s behind both numbers of seconds"),
        ("5s-1s", "event 5s-1s: expected the first second before the last"),
        ("1.5-2", "event 1.5-2: expected the first frame before"),
        ("1.2.3s-4s", "expected the first|write s behind both"),
        ("0:01-0:05", "is not start-end:label in frames, or 1.5s-3s:label"),
    ],
)
def test_seconds_that_cannot_be_understood_are_named_by_line(listed, event, message):
    with pytest.raises(StoreError, match=f"line 2: .*({message})"):
        read_rows(listed(f"path,label,events\na.mp4,fight,{event}\n"))
