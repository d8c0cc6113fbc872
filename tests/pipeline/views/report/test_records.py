import json

from pipeline.views.report.records import Index, Section, script


def test_a_data_file_is_a_plain_call_that_no_name_can_break():
    name = "</script><!--\u2028'\"\\Ä"
    index = Index(name, "", ("normal",), 0.5, [], [Section("run", [("a", name)])])
    text = script("index", index)
    assert text.isascii()
    assert "<" not in text
    head, _, rest = text.partition("(")
    assert head == "report.receive"
    assert rest.endswith(");\n")
    told, key, value = json.loads(f"[{rest[:-3]}]")
    assert (told, key, value["title"]) == ("index", "", name)
