import numpy as np
import torch

from model.heads.segment_scorer import Temperatures
from model.heads.vadclip.probabilities import class_probabilities, redistribute


def test_probabilities_are_the_fine_branchs_alone():
    score, align = torch.tensor([9.0, -9.0]), torch.tensor([[2.0, 0.0, 1.0]]).expand(2, 3)
    found = class_probabilities(score, align, Temperatures(2.0))
    torch.testing.assert_close(found, (align / 2).softmax(dim=-1))


def test_no_temperature_of_the_score_changes_them():
    probabilities = np.array([[0.7, 0.3], [0.2, 0.8]])
    found = redistribute(np.array([5.0, -5.0]), probabilities, Temperatures(1.0, score=3.0))
    np.testing.assert_array_equal(found, probabilities)
