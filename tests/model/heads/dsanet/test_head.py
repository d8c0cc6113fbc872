from model.heads.dsanet.head import HEAD


def test_only_published_runs_repeat_the_schedule_that_is_twice_too_long():
    config, training = HEAD.configure("ucf", published=True)
    assert (config.schedule_steps, training.epochs * 125) == (2510, 1250)
    assert HEAD.configure("ucf", published=False)[0].schedule_steps is None


def test_parts_are_left_out_by_name():
    config, _ = HEAD.configure("small", left_out=frozenset({"alignment", "text_adapter"}))
    assert (config.normality, config.alignment, config.text_adapter) == (True, False, False)
