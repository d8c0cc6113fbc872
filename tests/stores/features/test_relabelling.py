import pytest

from stores.features.catalog import Catalog, open_catalog
from stores.features.relabelling import complete_mapping, read_mapping, relabel
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.records import Event, StoreError

THEIRS, OURS = ("Normal", "Fighting", "Shooting", "fire"), ("normal", "fight", "fire")


@pytest.fixture
def catalog(tmp_path, make_features) -> Catalog:
    events = (Event(3, 9, "Fighting"), Event(20, 30, "Shooting"))
    videos = [
        make_features("a", split="test", labels=("Normal",), events=()),
        make_features("b", split="test", labels=("Fighting", "Shooting"), events=events),
        make_features("c", split="train", labels=("Explosion",)),
    ]
    write_shard(tmp_path, ShardRecipe("{}", "r"), videos)
    return open_catalog(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.yaml", "Fighting: fight\nShooting: fight\n"),
        ("map.json", '{"Fighting": "fight", "Shooting": "fight"}'),
    ],
)
def test_labels_and_truth_of_the_test_split_change_their_classes(tmp_path, catalog, name, text):
    path = tmp_path / name
    path.write_text(text)
    mapping = complete_mapping(read_mapping(path), THEIRS, OURS)
    assert mapping == {**dict(zip(THEIRS, ("normal", "fight", "fight", "fire"), strict=True))}
    videos = relabel(catalog, "other", mapping).videos
    assert {key: video.item.labels for key, video in videos.items()} == {
        "a": ("normal",),
        "b": ("fight",),
    }
    assert videos["b"].item.events == (Event(3, 9, "fight"), Event(20, 30, "fight"))


def test_unmapped_classes_are_refused_by_name(catalog):
    mapping = complete_mapping({}, THEIRS, OURS)
    with pytest.raises(StoreError, match="other has classes .* none .*: Fighting, Shooting; write"):
        relabel(catalog, "other", mapping)


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"Fightin": "fight"}, "the data set does not have: Fightin; it has Normal, Fighting"),
        ({"Fighting": "brawl"}, "the checkpoint does not have: brawl; it has normal, fight"),
        ({"Fighting": "normal"}, "Fighting is mapped to normal: one is normal and one an anomaly"),
        ({"Normal": "fire"}, "Normal is mapped to fire: one is normal and one an anomaly"),
    ],
)
def test_a_wrong_mapping_is_refused_by_name(mapping, told):
    with pytest.raises(StoreError, match=told):
        complete_mapping(mapping, THEIRS, OURS)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "map.yaml"
    path.write_text("Fighting: [fight]\n")
    with pytest.raises(StoreError, match="map.yaml: .*expected `str`, got `array`"):
        read_mapping(path)
    with pytest.raises(StoreError, match=r"no such file: .*map\.json"):
        read_mapping(tmp_path / "map.json")
