"""The command that checks a data set on disk, with the recipe it would be extracted by."""

from __future__ import annotations

from dataclasses import replace

from pipeline.settings import CheckDataRun, ExtractRun
from pipeline.stages.extract import choose_recipe
from pipeline.stages.preflight import Preflight, survey
from stores.datasets import base
from stores.datasets.inventory import take_inventory


def check_data(run: CheckDataRun) -> Preflight:
    """Check a data set on disk without decoding anything.

    Raises:
        StoreError: No such data set or folder, no lists, or none of its videos.
        ValueError: Unknown recipe or model, or a rate that is not positive.
    """
    if run.rate is not None and run.rate <= 0:
        raise ValueError(f"--rate is in frames a second and above 0, got {run.rate}")
    dataset = base.load(run.dataset)
    if dataset.describe is not None:
        dataset = dataset.describe(run.root, run.lists)
    recipe = choose_recipe(ExtractRun(recipe=run.recipe, clip=run.clip), dataset)
    inventory = take_inventory(dataset, run.root, run.lists)
    preflight = survey(dataset.name, run.root, inventory, recipe, out=run.out, rate=run.rate)
    return replace(preflight, note=dataset.note)
