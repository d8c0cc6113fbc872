import torch

from model.heads.loss_terms import LossTerms


def terms(**values):
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}
    return LossTerms(tensors, over_segments=frozenset({"consistency"}))


def test_a_total_is_weighted_by_name():
    made = terms(classification=1.0, align=2.0, consistency=4.0)
    assert made.total({}) == 7
    assert made.total({"align": 5.0, "absent": 9.0}) == 15


def test_shares_of_parts_add_up_to_the_whole():
    whole = terms(classification=3.0, consistency=8.0)
    parts = [whole.share(0.25, 0.5), whole.share(0.75, 0.5)]
    assert parts[0].values["classification"] == 0.75
    added = parts[0].plus(parts[1])
    assert {name: term.item() for name, term in added.values.items()} == {
        "classification": 3.0,
        "consistency": 8.0,
    }


def test_detached_values_are_copies_without_gradients():
    made = terms(classification=1.0)
    kept = made.detached().values["classification"]
    assert not kept.requires_grad
    with torch.no_grad():
        made.values["classification"].fill_(9.0)
    assert kept == 1
