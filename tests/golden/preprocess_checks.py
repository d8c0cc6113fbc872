"""Pre-processing, labels, StableAdamW and schedules against the golden arrays (SPEC section 6)."""

import numpy as np
import torch
from model_checks import CLASSES, label_names

from model.heads.bags import valid_segments
from model.heads.dsanet.config import PRESETS
from model.heads.dsanet.optim import StableAdamW, main_rate, normality_rate
from model.heads.dsanet.probabilities import class_probabilities
from model.heads.segment_scorer import Temperatures
from model.training.data import fit_to_window, label_vector, resample, segment_bounds, split_windows

ARCHIVE = "preprocess"
WINDOW = 256
MEAN_TOLERANCE = 1e-6


def check(golden, report):
    lengths = sorted(
        int(name.removeprefix("process_split_"))
        for name in golden.names(ARCHIVE)
        if name.startswith("process_split_")
    )
    if not lengths:
        raise KeyError(f"{ARCHIVE}.npz has no array process_split_*")
    for segments in lengths:
        check_windows(golden, report, segments)
    check_labels(golden, report)
    mask = golden.array(ARCHIVE, "mask_lengths_3_256_0")
    padding = ~valid_segments(torch.tensor([3, 256, 0]), window=WINDOW)
    report.equal(f"{ARCHIVE}/mask_lengths_3_256_0", padding, mask)
    check_refinement(golden, report)
    for variant, amsgrad in (("as_used", True), ("no_amsgrad", False)):
        check_stable_adamw(golden, report, variant, amsgrad=amsgrad)
    check_schedules(golden, report)


def check_windows(golden, report, segments):
    facts = golden.json(ARCHIVE)
    features = golden.random(f"pre:{segments}").standard_normal((segments, 16)).astype(np.float32)
    for dtype, infix in ((np.float32, ""), (np.float16, "f16_")):
        name = f"process_feat_{infix}{segments}"
        expected = golden.array(ARCHIVE, name)
        ours, length = fit_to_window(features.astype(dtype), WINDOW)
        label = f"{ARCHIVE}/{name}"
        if segments <= WINDOW:
            report.equal(label, ours, expected)
        else:
            report.close(label, ours, expected, MEAN_TOLERANCE)
            same = ours.dtype == expected.dtype
            report.verdict(f"{label} dtype", ok=same, detail=str(ours.dtype), quiet=True)
        golden_length = facts[f"{'f16' if infix else 'f32'}_{segments}"]["process_feat"]["length"]
        report.verdict(f"{label} length", ok=length == golden_length, detail="", quiet=True)
        windows, lengths = split_windows(features.astype(dtype), WINDOW)
        split = facts[f"{'f16' if infix else 'f32'}_{segments}"]["process_split"]
        same = str(windows.dtype) == split["dtype"] and lengths.sum() == split["length"]
        report.verdict(f"{label} split", ok=bool(same), detail=str(windows.dtype), quiet=True)
    name = f"process_split_{segments}"
    expected = golden.array(ARCHIVE, name).reshape(-1, WINDOW, 16)
    windows, _ = split_windows(features, WINDOW)
    # The published code adds a window of nothing but padding where 256 divides the length.
    extra = np.zeros((len(expected) - len(windows), WINDOW, 16), dtype=np.float32)
    report.equal(f"{ARCHIVE}/{name}", np.concatenate([windows, extra]), expected)
    name = f"uniform_extract_{segments}"
    ours = resample(features, WINDOW)
    report.close(f"{ARCHIVE}/{name}", ours, golden.array(ARCHIVE, name), MEAN_TOLERANCE)
    name = f"bounds_{segments}"
    bounds = segment_bounds(segments, WINDOW).astype(np.int32)
    report.equal(f"{ARCHIVE}/{name}", bounds, golden.array(ARCHIVE, name))


def check_labels(golden, report):
    facts = golden.json(ARCHIVE)
    for name, classes in CLASSES.items():
        expected = golden.array(ARCHIVE, f"labels_{name}")
        for label, row in zip(facts[f"labels_{name}"], expected, strict=True):
            title = f"{ARCHIVE}/labels_{name}: {label}"
            if row.any():
                report.equal(title, label_vector(label_names(name, label), classes), row)
            else:
                report.verdict(title, ok=refuses(label, classes), detail="is refused")


def refuses(label, classes):
    try:
        label_vector([label], classes)
    except ValueError as error:
        return label in str(error)
    return False


def check_refinement(golden, report):
    """Class probabilities from extreme logits, saturated rows included."""
    for classes, temperature in ((14, 5.0), (7, 1.0)):
        name = f"refine_{classes}"
        random = golden.random(f"refine:{classes}")
        score = (3 * random.standard_normal((50, 1))).astype(np.float32)
        align = (4 * random.standard_normal((50, classes))).astype(np.float32)
        score[0], score[1] = 60, -60
        align[2] = -200
        align[2, 0] = 200
        ours = class_probabilities(
            torch.from_numpy(score[:, 0]), torch.from_numpy(align), Temperatures(temperature)
        )
        report.close(f"{ARCHIVE}/{name}", ours, golden.array(ARCHIVE, name), 1e-6)


def check_stable_adamw(golden, report, variant, *, amsgrad):
    names = [f"stableadamw_{variant}_p{k}" for k in range(2)]
    expected = [golden.array(ARCHIVE, name) for name in names]
    parameters = [
        torch.nn.Parameter(
            torch.from_numpy(
                golden.random(f"opt:p{k}").standard_normal(e.shape[1:]).astype(np.float32)
            )
        )
        for k, e in enumerate(expected)
    ]
    optimiser = StableAdamW(parameters, lr=0.01, amsgrad=amsgrad)
    trace = [[], []]
    for step in range(len(expected[0])):
        for k, parameter in enumerate(parameters):
            gradient = golden.random(f"opt:g{k}:{step}").standard_normal(parameter.shape)
            gradient *= {4: 10, 9: 10, 6: 0.1}.get(step, 1)
            gradient.flat[0] = 0
            missing = k == 1 and step == 3
            parameter.grad = None if missing else torch.from_numpy(gradient.astype(np.float32))
        optimiser.param_groups[0]["lr"] = 0.01 * (1 + step % 3)
        optimiser.step()
        for k, parameter in enumerate(parameters):
            trace[k].append(parameter.detach().numpy().copy())
    for name, ours, golden_trace in zip(names, trace, expected, strict=True):
        report.close(f"{ARCHIVE}/{name}", np.stack(ours), golden_trace, 1e-6)


def check_schedules(golden, report):
    cases = {
        "lr_refiner_ucf_0_300": (PRESETS["ucf"][1].learning_rate, 2510, 1),
        "lr_refiner_ucf_every10": (PRESETS["ucf"][1].learning_rate, 2510, 10),
        "lr_refiner_xd_0_300": (PRESETS["xd"][1].learning_rate, 4120, 1),
        "lr_refiner_xd_every10": (PRESETS["xd"][1].learning_rate, 4120, 10),
        "lr_short_total_250": (1e-3, 250, 1),
        "lr_tiny_total_60": (1e-3, 60, 1),
    }
    for name, (peak, steps, stride) in cases.items():
        expected = golden.array(ARCHIVE, name)
        ours = [normality_rate(stride * i, peak, steps) for i in range(len(expected))]
        report.close(f"{ARCHIVE}/{name}", ours, expected, 1e-12)
    for name in ("ucf", "xd"):
        training = PRESETS[name][1]
        expected = golden.array(ARCHIVE, f"lr_main_{name}_per_epoch")
        ours = [main_rate(e, training.learning_rate, training.epochs) for e in range(len(expected))]
        report.close(f"{ARCHIVE}/lr_main_{name}_per_epoch", ours, expected, 1e-12)
