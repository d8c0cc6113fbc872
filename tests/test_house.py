"""The house rules that are counted: a test file for every module, and no module too long."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    path.relative_to(ROOT)
    for package in ("stores", "extract", "model", "pipeline")
    for path in (ROOT / package).rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_its_test_file_and_stays_short(module):
    assert (ROOT / "tests" / module.with_name(f"test_{module.name}")).is_file()
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= 250
