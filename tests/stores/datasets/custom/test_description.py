import pytest

from stores.datasets.custom.description import (
    Description,
    find_description,
    order_classes,
    read_description,
    texts_of,
)
from stores.records import StoreError

BOMB = "classes:\n  fight: [[" + "&a0 [y, y, y, y, y, y, y, y, y]"
for number in range(1, 30):
    BOMB += f", &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]"
BOMB += "]]\n"  # 9**30 texts in less than 3 KB


@pytest.fixture
def described(tmp_path):
    def write(text):
        path = tmp_path / "dataset.yaml"
        path.write_text(text)
        return read_description(path)

    return write


def test_everything_that_is_said_is_taken(described):
    found = described(
        "normal: calm\nclasses: {fight: [people fighting, a brawl], fire: flames}\n"
        "group: '^(cam[0-9]+)_'\ntest_share: 0.4\nmetric: ap\n"
    )
    assert found.normal == "calm"
    assert found.texts == {"fight": ("people fighting", "a brawl"), "fire": ("flames",)}
    assert found.pattern is not None
    assert found.pattern.search("cam12_0001.mp4")[1] == "cam12"
    assert (found.test_share, found.metric) == (0.4, "ap")


def test_nothing_said_means_the_defaults(tmp_path):
    assert find_description([tmp_path]) == Description()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("normal: [", "cannot be read as YAML"),
        ("normal: 2024-13-45", "cannot be read as YAML"),
        ("- a\n- b", "expected `object`, got `array`; fields are normal: <class>"),
        ("prompts: {}", r"unknown fields \['prompts'\]; fields are normal: <class>, classes"),
        ("test_share: 2", "test_share is 2.0, expected more than 0, less than 1"),
        ("test_share: x", "test_share: expected `float`, got `str`"),
        ("metric: f1", "metric: invalid enum value 'f1'; .*metric: auc or ap"),
        ("normal: no", "normal: expected .*, got `bool`"),
        ("group: '('", "is no regular expression"),
        ("group: cam", "has no bracket"),
        ("classes: {fight: 3}", "class fight: 3 is no text"),
        ("classes: {fight: [a brawl, '']}", "class fight: '' is no text"),
        ("classes: {no: quiet}", "classes: expected .*, got `bool`"),
        ("classes: {fight: {text: people}}", "class fight: a dict is no text"),
        ("classes: {fight: [[a, b]]}", "class fight: a list is no text"),
        ("classes: {fight: &a {b: *a}}", "class fight: a dict is no text"),
        (BOMB, "class fight: a list is no text"),
        ("classes: {[a, b]: x}", "line 1: found unhashable key"),
        ("classes: {null: x}", "classes: expected .*, got `null`"),
        ("classes: [fight, null]", r"classes\[1\]: expected .*, got `null`"),
        ("classes: [fight, 1.5]", "got `float`; .* such as yes, 1.5 or 2024-01-31 stands in quo"),
        ("classes: [2024-01-31]", r"classes\[0\]: expected .*, got `date`"),
        ("classes: fight, fire", "classes: expected .*, got `str`"),
        ("classes:\n  fight: a\n  fight: b", "YAML: line 3: fight is given twice"),
        ("classes: {1: a, '1': b}", "line 1: 1 is given twice"),
        ("normal: a\nnormal: b", "line 2: normal is given twice"),
        ("classes:\n\tfight: a", r"line 2: found character '\\t' that cannot start"),
        ("a: 1\n---\nb: 2", "line 2: but found another document"),
        ("classes: !!python/object/apply:os.system [ls]", "line 1: could not determine"),
        ("classes: " + "[" * 999, "cannot be read as YAML"),
        (
            "classes:\n  - fight: people fighting\n  - normal: quiet",
            r"yaml: classes\[0\]: expected .*, got `object`; .*classes: {<class>: <text>",
        ),
    ],
)
def test_what_is_not_understood_is_named(described, text, told):
    with pytest.raises(StoreError, match=told):
        described(text)


@pytest.mark.parametrize(
    ("found", "normal"),
    [
        (["fight", "noFight"], "noFight"),
        (["Normal", "Fire", "Flood"], "Normal"),
        (["violence", "non-violence"], "non-violence"),
        (["background", "thief"], "background"),
    ],
)
def test_the_normal_class_is_known_by_its_name(found, normal):
    assert order_classes(Description(), found)[0] == normal


def test_classes_that_do_not_say_which_is_normal_are_asked_about():
    with pytest.raises(StoreError, match="which of the classes calm, fire is the normal one"):
        order_classes(Description(), ["fire", "calm"])
    assert order_classes(Description(normal="calm"), ["fire", "calm"]) == ("calm", "fire")


def test_a_described_class_without_videos_and_a_lone_normal_class_are_refused():
    with pytest.raises(StoreError, match="describes flood, of which there is no video"):
        order_classes(Description(classes=["flood"]), ["normal", "fire"])
    with pytest.raises(StoreError, match="normal is the only class"):
        order_classes(Description(), ["normal"])


def test_the_order_is_that_of_the_description():
    described = Description(classes=["theft", "fire"])
    assert order_classes(described, ["arson", "fire", "normal", "theft"]) == (
        *("normal", "theft", "fire", "arson"),
    )


def test_texts_are_the_class_names_in_words_where_none_are_given():
    described = Description(classes={"fight": ["a brawl", "people fighting"]})
    assert texts_of(described, ["noFight", "fight", "RoadAccident", "car_theft"]) == (
        ("normal",),
        ("a brawl", "people fighting"),
        ("road accident",),
        ("car theft",),
    )
    with pytest.raises(StoreError, match="class '1' means nothing to CLIP"):
        texts_of(Description(), ["0", "1"])
