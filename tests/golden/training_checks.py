"""Losses, gradients and three optimiser steps against the golden values (SPEC section 6)."""

import numpy as np

from model.heads.base import Schedule


def check(golden, report, case):
    model, facts, checks = case.model, case.facts, case.checks
    ours = {
        name.removeprefix("branches."): parameter for name, parameter in model.named_parameters()
    }
    names = checks.NAMES(case.config)
    published = {theirs: ours[name] for theirs, name in names.items()}
    start = {theirs: p.detach().clone() for theirs, p in published.items()}
    rate, epochs = case.training.learning_rate, case.training.epochs
    optimisers = model.optimisers(Schedule(rate, epochs, checks.EPOCH_STEPS))
    check_routing(report, case, published, optimisers)
    for step, expected in enumerate(facts["steps"]):
        output = model(case.features, case.lengths, model.class_texts())
        terms = output.loss_terms(case.labels, case.lengths)
        total = terms.total(model.loss_weights)
        check_losses(report, case, step, terms, total)
        model.zero_grad()
        total.backward()
        if step == 0:
            check_gradients(golden, report, case, published)
            checks.check_gradients(golden, report, case)
        rates = [each.step(0, step) for each in optimisers]
        golden_rates = [expected[name] for name in checks.RATES]
        report.close(f"{case.name}/step {step}: rates", rates, golden_rates, 1e-12)
    check_deltas(report, case, published, start)
    checks.check_changes(golden, report, case, {names[name]: start[name] for name in names})
    checks.check_losses(golden, report, case)


def check_routing(report, case, published, optimisers):
    """Every trained parameter is where the published run has it, and CLIP nowhere."""
    held = {
        id(p): each.name
        for each in optimisers
        for group in each.optimiser.param_groups
        for p in group["params"]
    }
    routed = {name: held.get(id(p)) for name, p in published.items()}
    roles = case.checks.ROLES
    expected = {
        name: roles[entry["role"]] for name, entry in case.table.items() if entry["role"] in roles
    }
    trained = {name for name, norm in golden_roles(case).items() if norm is not None}
    ok = routed == expected and set(published) == trained and len(held) == len(published)
    counts = ", ".join(
        f"{list(routed.values()).count(each.name)} in {each.name}" for each in optimisers
    )
    report.verdict(f"{case.name}/parameters by optimiser", ok=ok, detail=counts)


def golden_roles(case):
    return {
        name: norm
        for name, norm in case.facts["grad_norm"].items()
        if not name.startswith(("clipmodel.", "clip_adapter.clipmodel."))
    }


def is_refiner(name):
    return name.startswith("video_anomaly_refiner.")


def check_losses(report, case, step, terms, total):
    expected = case.facts["steps"][step]
    tolerance = 1e-3 if step else 1e-4
    label = f"{case.name}/step {step}"
    for name, ours in case.checks.TERMS.items():
        value = terms.values[ours].item()
        report.close(f"{label}: {name}", value, expected[name], tolerance)
    # Later steps only know the separation as the total less the rest.
    name = "text_separation" if "text_separation" in expected else "text_separation_by_difference"
    report.close(f"{label}: {name}", terms.values["separation"].item(), expected[name], tolerance)
    report.close(f"{label}: total", total.item(), expected["total"], tolerance)


def check_gradients(golden, report, case, published):
    norms, probes = case.facts["grad_norm"], case.facts["grad_probe"]
    worst = {}
    for name, parameter in published.items():
        gradient = parameter.grad.double().cpu().numpy()
        direction = golden.random(f"probe:{name}").standard_normal(gradient.shape)
        size = norms[name]
        gaps = {
            "norm": abs(np.linalg.norm(gradient) - size) / size,
            "probe": abs(float((gradient * direction).sum()) - probes[name]) / size,
        }
        for kind, gap in gaps.items():
            note(report, worst, case, f"gradient {kind}", name, gap, 1e-3)
    frozen = [p.grad for p in case.model.text.tower.parameters()]
    ok = all(gradient is None for gradient in frozen)
    report.verdict(f"{case.name}/gradient of CLIP", ok=ok, detail=f"none for {len(frozen)} tensors")
    summarise(report, worst, case)


def check_deltas(report, case, published, start):
    norms = case.facts["param_delta_norm_after_3_steps"]
    largest = case.facts["param_delta_max_after_3_steps"]
    worst = {}
    for name, parameter in published.items():
        delta = (parameter.detach() - start[name]).double()
        tolerance = 1e-2
        if is_refiner(name):
            # Updates of the refiner's other tensors are near the spacing of float32.
            tolerance = 2e-2 if name.endswith(".weight") and delta.ndim == 2 else 0.5
        size = delta.norm().item()
        note(report, worst, case, "change norm", name, abs(size / norms[name] - 1), tolerance)
        peak = delta.abs().max().item()
        # One element: noise of a whole step where Adam sees a gradient near its own epsilon.
        note(report, worst, case, "change max", name, abs(peak / largest[name] - 1), 0.5)
    summarise(report, worst, case)


def note(report, worst, case, kind, name, gap, tolerance):
    """Compare one number of one parameter, printed only where it disagrees."""
    group = f"{kind}, {'refiner' if is_refiner(name) else 'main'}"
    detail = f"relative {gap:.1e} (of {tolerance:.0e})"
    label = f"{case.name}/{kind} of {name}"
    report.verdict(label, ok=bool(gap <= tolerance), detail=detail, quiet=True)
    worst.setdefault(group, []).append((gap, name))


def summarise(report, worst, case):
    for group, gaps in worst.items():
        gap, name = max(gaps)
        detail = f"{len(gaps)} parameters, worst relative {gap:.1e} ({name})"
        report.verdict(f"{case.name}/{group}", ok=bool(np.isfinite(gap)), detail=detail)
