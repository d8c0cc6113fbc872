"""What is VadCLIP's own among the golden arrays: settings, learned prompts, losses, schedule."""

from dataclasses import replace

import numpy as np
import torch
from model_checks import check_scores, check_video

from model.heads.bags import bag_mean
from model.heads.branches import move_text, pool_video
from model.heads.vadclip.config import PRESETS
from model.heads.vadclip.import_weights import parameter_names
from model.heads.vadclip.losses import VadclipOutput
from model.heads.vadclip.optim import epoch_rate
from model.heads.vadclip.text import lay_out

SETS = ()
EPOCH_STEPS = 1  # no rate depends on it
TERMS = {"CLAS2": "classification", "CLASM": "align"}
NAMES = parameter_names
RATES = ("lr",)
ROLES = {"main": "main"}


def published_state(golden, table):
    """Return the made-up checkpoint of a parameter table."""
    return golden.published_state(table)


def configure(name, values):
    """Return our settings with the values of a golden configuration in force."""
    config, training = PRESETS[name]
    epochs = values["max_epoch"]
    config = replace(
        config,
        width=values["embed_dim"],
        classes=values["classes_num"],
        temporal_layers=values["visual_layers"],
        attention_window=values["attn_window"],
        window=values["visual_length"],
        tokens_before=values["prompt_prefix"],
        tokens_after=values["prompt_postfix"],
        decays=tuple(epoch / epochs for epoch in values["scheduler_milestones"]),
    )
    training = replace(
        training, epochs=epochs, batch=values["batch_size"], learning_rate=values["lr"]
    )
    return config, training


@torch.inference_mode()
def check(golden, report, case):
    def close(array, ours, tolerance=1e-4):
        expected = golden.array(case.name, array)
        report.close(f"{case.name}/{array}", ours, expected, tolerance)

    model, lengths = case.model, case.lengths
    check_prompts(golden, report, case)
    check_text(golden, report, case)
    check_video(golden, report, case)
    branches, text = model.branches, model.class_texts()
    video = branches.video(case.features, lengths)
    close("video_features", video)
    logits = branches(case.features, lengths, text)
    close("logits1", logits.score)
    moved = move_text(text, pool_video(video, logits.score))
    close("visual_prompt", moved[:, 0] - text[0])
    close("text_plus_video_mlp1_in", moved)
    close("text_features_prompted", moved + branches.align_mlp(moved))
    close("logits2", logits.align, 2e-4)
    close("mil_prob", bag_mean(logits.score.sigmoid().unsqueeze(-1), lengths).squeeze(-1))
    close("mil_logits2", bag_mean(logits.align, lengths), 2e-4)
    check_scores(golden, report, case)
    check_settings(report, case)


def check_settings(report, case):
    """The presets are the published settings, and the schedule the reference's."""
    published, training = PRESETS[case.name]
    report.verdict(
        f"{case.name}/preset",
        ok=replace(case.config, decays=published.decays) == published and case.training == training,
        detail="the published settings",
    )
    for decays, what in ((case.config.decays, "golden"), (published.decays, "preset")):
        rates = [
            epoch_rate(epoch, training.learning_rate, training.epochs, decays)
            for epoch in range(training.epochs)
        ]
        expected = case.facts["lr_per_epoch"]
        report.close(f"{case.name}/lr_per_epoch, {what}", rates, expected, 1e-12)
    weight = case.facts["steps"][0]["text_separation_weight"]
    ours = case.model.loss_weights
    report.verdict(f"{case.name}/loss weights", ok=ours == {"separation": weight}, detail=str(ours))


def check_prompts(golden, report, case):
    """Where each token of a prompt comes from, and what the tower gets."""
    text, config = case.model.text, case.config
    tokens = torch.from_numpy(golden.array(case.name, "tokens")).to(golden.device)
    layout = lay_out(
        tokens,
        text.tower.ends(tokens),
        before=config.tokens_before,
        after=config.tokens_after,
        length=tokens.shape[1],
    )
    expected = golden.array(case.name, "prompt_layout")
    report.equal(f"{case.name}/prompt_layout", layout, expected)
    used = text.layout.shape[1]
    report.equal(f"{case.name}/prompt_layout, encoded", text.layout.int(), expected[:, :used])
    ends = golden.array(case.name, "eot_position")
    report.equal(f"{case.name}/eot_position", text.tower.ends(text.layout).int(), ends)
    head = golden.array(case.name, "prompt_input_head")
    embedded = text.embed(layout[:, : head.shape[1]])[..., : head.shape[2]]
    report.equal(f"{case.name}/prompt_input_head", embedded, head)


def check_text(golden, report, case):
    def close(array, ours, tolerance):
        report.close(f"{case.name}/{array}", ours, golden.array(case.name, array), tolerance)

    text = case.model.text
    tower, rows = text.tower, torch.arange(len(text.layout), device=text.layout.device)
    ends = tower.ends(text.layout)
    x = text.embed(text.layout) + tower.positional_embedding[: text.layout.shape[1]]
    after = []
    for block in tower.blocks:
        x = block(x, attn_mask=text.mask)
        after.append(x[rows, ends])
    close("text_eot_after_blocks", torch.stack([after[i] for i in (0, 5, 11)]), 3e-3)
    close("text_eot_after_ln_final", text.end_tokens(), 5e-4)
    close("text_features_ori", text(), 1e-4)


def check_gradients(golden, report, case):
    """The gradient of each learned token; tokens that no text has get none at all."""
    norms = case.model.text.prompts.rows.grad.norm(dim=1).cpu().numpy()
    compare_rows(golden, report, case, "prompt_grad_row_norm", norms, share=1e-3)
    unused = golden.array(case.name, "prompt_grad_row_norm") == 0
    report.equal(f"{case.name}/tokens without a gradient", norms == 0, unused)


def check_changes(golden, report, case, start):
    rows = case.model.text.prompts.rows.detach()
    norms = (rows - start["text.prompts.rows"]).double().norm(dim=1).float().cpu().numpy()
    compare_rows(golden, report, case, "prompt_delta_row_norm", norms, share=1e-2)


def compare_rows(golden, report, case, array, ours, share):
    """Compare rows to a share of the largest one."""
    expected = golden.array(case.name, array)
    report.close(f"{case.name}/{array}", ours, expected, share * float(np.abs(expected).max()))


def check_losses(golden, report, case):
    """The losses alone, on made-up outputs."""
    classes = case.config.classes
    shapes = {"text": (classes, 16), "logits1": (6, 256, 1), "logits2": (6, 256, classes)}
    drawn = {
        name: torch.from_numpy(
            golden.random(f"unit:{name}").standard_normal(shape).astype(np.float32)
        )
        .to(golden.device)
        .requires_grad_()
        for name, shape in shapes.items()
    }
    output = VadclipOutput(
        score_logits=3 * drawn["logits1"].squeeze(-1),
        align_logits=4 * drawn["logits2"],
        text=drawn["text"],
    )
    terms = output.loss_terms(case.labels, case.lengths)
    total = terms.total(case.model.loss_weights)
    total.backward()
    expected = case.facts["loss_unit"]
    ours = {theirs: terms.values[name] for theirs, name in TERMS.items()}
    ours |= {"text_separation": terms.values["separation"], "total": total}
    for name, value in ours.items():
        report.close(f"{case.name}/loss_unit: {name}", value.detach(), expected[name], 1e-4)
    for name, values in drawn.items():
        norm, wanted = values.grad.norm().item(), expected["grad_norm"][name]
        report.close(f"{case.name}/loss_unit: gradient of {name}", norm, wanted, 1e-3 * wanted)
