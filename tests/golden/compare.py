"""Compares a head with a folder of golden vectors, array by array.

    python tests/golden/compare.py FOLDER [--prefix "public:"] [--data FOLDER] [--device cuda]
                                      [--onnx]

Works on any folder of the format that `SPEC.md` describes. Exits with 1 if anything disagrees or an
expected array is missing.
"""

import argparse
import re
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import dsanet_checks
import model_checks
import training_checks
import vadclip_checks
from golden_set import GoldenSet, Report

from model.heads.base import load_published

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATIONS = ("ucf", "xd")
CHECKS = {"dsanet": dsanet_checks, "vadclip": vadclip_checks}


def compare(golden: GoldenSet, *, onnx: bool = False) -> Report:
    """Run every comparison and return the counts; ``onnx`` adds the scorer as an ONNX program."""
    report = Report()
    attempt(golden, report, partial(check_head, onnx=onnx))
    for archive, name in golden.unused():
        report.verdict(f"{archive}/{name}", ok=False, detail="is there but was not compared")
    return report


def attempt(golden, report, check):
    """Run one check; what it needs and does not find counts as a disagreement."""
    try:
        check(golden, report)
    except (KeyError, FileNotFoundError) as error:
        report.verdict("missing", ok=False, detail=str(error))


def check_head(golden, report, *, onnx):
    """Compare all that belongs to the head whose parameter names the folder states."""
    kind = load_published(golden.json(f"params_{CONFIGURATIONS[0]}")["params"])
    checks = CHECKS[kind.name]
    for each in checks.SETS:
        attempt(golden, report, each)
    for name in CONFIGURATIONS:
        attempt(golden, report, partial(check_model, name, kind, onnx=onnx))


def check_model(name, kind, golden, report, *, onnx):
    """Compare one configuration: forward pass and scores, then losses, gradients and steps."""
    case = model_checks.build_case(golden, name, kind, CHECKS[kind.name])
    case.checks.check(golden, report, case)
    if onnx:
        import onnx_checks  # needs packages of the extra `onnx`

        onnx_checks.check(golden, report, case)
    training_checks.check(golden, report, case)


def find_prefix(folder):
    """Return the prefix that re-creates the inputs: the folder's name, or what SPEC.md states."""
    candidates = [f"{folder.name}:"]
    spec = folder / "SPEC.md"
    if spec.is_file():
        candidates += re.findall(r'PREFIX = "([^"]+)"', spec.read_text())
    for prefix in candidates:
        if GoldenSet(folder, prefix, data=folder).recreates_inputs(CONFIGURATIONS[0]):
            return prefix
    return candidates[0]


def published_lists(folder):
    """Return where the published lists are: two folders up, else beside the checkout."""
    own = folder.parents[1] / "data"
    return own if own.is_dir() else ROOT.parent / "shared" / "data"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prefix", help="of the random source; by default found out")
    parser.add_argument("--data", type=Path, help="published lists; by default ../../data")
    parser.add_argument("--device", default="cpu", help="where the model's arrays are made")
    parser.add_argument("--onnx", action="store_true", help="also the scorer as ONNX")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    golden = GoldenSet(
        folder,
        prefix=arguments.prefix or find_prefix(folder),
        data=arguments.data or published_lists(folder),
        device=arguments.device,
    )
    report = compare(golden, onnx=arguments.onnx)
    sys.stdout.write(f"{report.compared} comparisons, {report.wrong} disagree\n")
    return 1 if report.wrong or not report.compared else 0


if __name__ == "__main__":
    sys.exit(main())
