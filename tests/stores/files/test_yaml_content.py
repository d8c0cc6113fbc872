import pytest

from stores.files.yaml_content import load_yaml
from stores.records import StoreError


def test_content_is_plain_and_nothing_is_an_empty_mapping(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: [1, {b: yes}]\n")
    assert load_yaml(path) == {"a": [1, {"b": True}]}
    path.write_text("")
    assert load_yaml(path) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "a.yaml cannot be read as YAML: line 3: a is given twice"),
        ("a: [", "cannot be read as YAML: line 1"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(tmp_path, text, told):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(StoreError, match=told):
        load_yaml(path)


def test_no_file_is_named(tmp_path):
    with pytest.raises(StoreError, match="gone.yaml cannot be read as YAML: .*No such file"):
        load_yaml(tmp_path / "gone.yaml")
