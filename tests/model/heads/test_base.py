import pytest
import torch

from model.heads import DEFAULT
from model.heads.base import ScheduledOptimiser, check_choice, load_published, names


def test_heads_are_the_folders_beside_the_interface():
    assert names() == ["dsanet", "vadclip"]
    assert DEFAULT in names()


@pytest.mark.parametrize(
    ("parameter", "head"),
    [
        ("text_prompt_embeddings.weight", "vadclip"),
        ("video_anomaly_refiner.video_prototypes", "dsanet"),
        ("clip_adapter.text_adapter.0.fc.0.weight", "dsanet"),
        ("anything.else", DEFAULT),
    ],
)
def test_a_published_state_dict_is_known_by_its_parameters(parameter, head):
    assert load_published({"linear.weight", parameter}).name == head


def test_a_choice_that_there_is_not_lists_those_there_are():
    check_choice("xd", {"ucf", "xd"}, {"a"}, ("a", "b"))
    with pytest.raises(ValueError, match="unknown preset 'x'; there are ucf, xd"):
        check_choice("x", {"ucf", "xd"}, (), ())
    with pytest.raises(ValueError, match="no part c to leave out; there are a, b"):
        check_choice("xd", {"ucf", "xd"}, {"a", "c"}, ("a", "b"))


def test_a_step_is_made_at_the_rate_of_its_epoch_and_number():
    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    made = ScheduledOptimiser(
        name="main",
        optimiser=torch.optim.SGD([parameter], lr=99.0),
        rate=lambda epoch, step: 0.1 * (epoch + 1) + 0.01 * step,
    )
    parameter.grad = torch.tensor([1.0])
    assert made.step(epoch=1, step=3) == 0.1 * 2 + 0.01 * 3
    torch.testing.assert_close(parameter.detach(), torch.tensor([1 - 0.23]))
