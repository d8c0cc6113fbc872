from pipeline.views.banner import banner


def test_every_sentence_is_a_paragraph_of_its_own_and_text_alone():
    assert banner(()) == ""
    said = banner(["not calibrated: 0.5 < 1", "a guess"])
    assert said.count("<p><strong>Caution:</strong> ") == 2
    assert "not calibrated: 0.5 &lt; 1</p>" in said
    assert 'role="note"' in said
