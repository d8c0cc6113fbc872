import pyarrow.parquet as pq

from stores.scores.tables import markdown_table, write_table


def test_rows_become_columns_and_what_a_row_lacks_is_null(tmp_path):
    write_table(tmp_path / "t.parquet", [{"name": "a", "auc": 0.5}, {"name": "b", "ap": 0.25}])
    assert pq.read_table(tmp_path / "t.parquet").to_pylist() == [
        {"name": "a", "auc": 0.5, "ap": None},
        {"name": "b", "auc": None, "ap": 0.25},
    ]


def test_a_markdown_table():
    assert markdown_table(["x", "y"], [["a", "1"]]) == "| x | y |\n| --- | ---: |\n| a | 1 |\n"
