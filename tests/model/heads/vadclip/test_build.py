from dataclasses import replace

import pytest

from model.heads.vadclip.build import build_branches, build_vadclip


def test_prompts_for_another_number_of_classes_are_refused(config, tower, prompts):
    with pytest.raises(ValueError, match="prompts of 2 classes, expected 3"):
        build_vadclip(config, tower, prompts[:2])


def test_texts_of_another_width_than_the_videos_are_refused(config, tower, prompts):
    with pytest.raises(ValueError, match="text features of width 24, expected the video's 16"):
        build_vadclip(replace(config, width=16), tower, prompts)


def test_branches_alone_have_the_names_of_the_whole_models(config, model):
    names = build_branches(config).state_dict().keys()
    assert names == model.branches.state_dict().keys()
    assert names <= model.learned_state().keys()
