"""What is DSANet's own among the golden arrays: settings, text, event features, SG-NM."""

from dataclasses import replace

import metric_checks
import numpy as np
import preprocess_checks
import torch
from model_checks import check_scores, check_video

from model.heads.branches import move_text, pool_video
from model.heads.dsanet.config import PRESETS
from model.heads.dsanet.import_weights import parameter_names
from model.heads.dsanet.losses import reconstruction_error

SETS = (preprocess_checks.check, metric_checks.check)
"""What the folder holds beside the arrays of the model."""

# Steps of an epoch of XD-Violence; UCF-Crime's preset states the refiner's schedule as published.
EPOCH_STEPS = 412

TERMS = {
    "CLAS2": "classification",
    "CLASM": "align",
    "CLASM_EVENT": "event",
    "CLASM_BKG": "background",
    "consistency": "consistency",
    "g_loss": "gather",
}

NAMES = parameter_names

RATES = ("lr_main", "lr_refiner")

ROLES = {"main": "main", "refiner": "normality"}
"""Our optimiser of each role."""


def published_state(golden, table):
    """Return the made-up checkpoint of a parameter table, with CLIP in it twice."""
    state = golden.published_state(table)
    state["clipmodel.text_projection"] = torch.zeros(table["clipmodel.text_projection"]["shape"])
    aliases = {f"clip_adapter.{k}": v for k, v in state.items() if k.startswith("clipmodel.")}
    return state | aliases


def configure(name, values):
    """Return our settings with the values of a golden configuration in force."""
    config, training = PRESETS[name]
    config = replace(
        config,
        width=values["embed_dim"],
        classes=values["classes_num"],
        temporal_layers=values["visual_layers"],
        attention_window=values["attn_window"],
        window=values["visual_length"],
        adapted_blocks=values["text_adapt_until"],
        adapter_mix=values["t_w"],
        prototypes=values["num_prototypes"],
        decoder_depth=values["decoder_depth"],
        normal_ratio=values["normal_selection_ratio"],
        normality=values["DNP_use"],
        align_weight=values["loss2_weight"],
    )
    training = replace(
        training,
        epochs=values["max_epoch"],
        batch=values["batch_size"],
        learning_rate=values["lr"],
        temperature=values["temp"],
    )
    return config, training


@torch.inference_mode()
def check(golden, report, case):
    def close(array, ours, tolerance=1e-4):
        expected = golden.array(case.name, array)
        report.close(f"{case.name}/{array}", ours, expected, tolerance)

    model, lengths = case.model, case.lengths
    check_text(golden, report, case)
    check_video(golden, report, case)
    output = model(case.features, lengths, model.class_texts(), rebuild_padding=True)
    close("video_features", output.video)
    close("logits1", output.score_logits)
    moved = move_text(output.text, pool_video(output.video, output.score_logits))
    close("text_plus_video_mlp1_in", moved)
    close("logits2", output.align_logits, 2e-4)
    close("logits3", output.event_logits)
    close("logits4", output.background_logits)

    branch = model.normality
    chosen = branch.select(output.score_logits)
    expected = golden.array(case.name, "normal_idx_sorted")
    report.equal(f"{case.name}/normal_idx_sorted", chosen.sort().values.short(), expected)
    normal = torch.take_along_dim(output.video, chosen.unsqueeze(-1), dim=1)
    close("dynamic_patterns", branch.aggregate(normal))
    close("bottleneck_v1", branch.bottleneck(output.video[1]))
    close("reconstructed_first2", output.reconstruction[:2])
    close("recon_error", reconstruction_error(output.video, output.reconstruction))
    report.close(f"{case.name}/g_loss", output.gather_loss, case.facts["g_loss"], 1e-4)
    check_scores(golden, report, case)


def check_text(golden, report, case):
    text = case.model.text
    tokens = golden.array(case.name, "tokens")
    padded = np.zeros_like(tokens)
    padded[:, : text.tokens.shape[1]] = text.tokens.cpu()
    report.equal(f"{case.name}/tokens", padded, tokens)
    for array, ours in (
        ("text_eot_after_ln_final", text.end_tokens()),
        ("text_features_ori", text()),
    ):
        report.close(f"{case.name}/{array}", ours, golden.array(case.name, array), 1e-4)


def check_gradients(golden, report, case):
    """Nothing beside what every head is compared by."""


def check_changes(golden, report, case, start):
    """Nothing, as above."""


def check_losses(golden, report, case):
    """Nothing, as above."""
