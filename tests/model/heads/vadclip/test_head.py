from model.heads.vadclip.head import HEAD


def test_parts_are_left_out_by_name():
    config, _ = HEAD.configure("small", left_out=frozenset({"visual_prompt"}))
    assert (config.learned_prompts, config.visual_prompt) == (True, False)


def test_the_honest_protocol_changes_no_setting():
    assert HEAD.configure("ucf", published=False) == HEAD.configure("ucf", published=True)
