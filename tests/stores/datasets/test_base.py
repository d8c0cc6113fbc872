"""The conformance test: what every data set has to be."""

import pytest

from stores.datasets import base
from stores.records import StoreError


@pytest.mark.parametrize("name", base.names())
def test_every_data_set_keeps_the_contract(name):
    dataset = base.load(name)
    assert dataset.name == name
    assert len(dataset.prompts) == len(dataset.classes) == len(set(dataset.classes))
    assert all(prompts for prompts in dataset.prompts)
    assert dataset.test_crop in range(10)
    with pytest.raises(StoreError):
        dataset.discover(base.Path("/no/such/root"))


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(
        StoreError, match=r"unknown data set 'ufc'; there are custom, folder,.*ucf, xd"
    ):
        base.load("ufc")
