"""Forward pass and scoring against the golden arrays (SPEC sections 4 and 5)."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from model.heads.dsanet.branches import class_probabilities, prompted_text
from model.heads.dsanet.build import build_dsanet
from model.heads.dsanet.config import PRESETS, DsanetConfig
from model.heads.dsanet.import_weights import import_published
from model.heads.dsanet.losses import reconstruction_error
from model.heads.dsanet.model import Dsanet
from model.heads.dsanet.temporal import distance_graph, similarity_graph
from model.heads.segment_scorer import Temperatures
from model.heads.text_tower import empty_text_tower
from model.scoring.scorer import score_videos
from model.training.config import TrainConfig
from model.training.data import label_vector, split_windows
from stores.datasets import ucf, xd

TEXT_MODEL = "ViT-B-16-quickgelu"


@dataclass
class Case:
    """One configuration: the model with its golden weights, and the training batch."""

    name: str
    config: DsanetConfig
    training: TrainConfig
    facts: dict
    model: Dsanet
    features: torch.Tensor
    lengths: torch.Tensor
    labels: torch.Tensor


def build_case(golden, name):
    facts = golden.json(name)
    config, training = configure(name, facts["config"])
    prompts = [(prompt,) for prompt in facts["prompt_text"]]
    tower = empty_text_tower(TEXT_MODEL)
    model = build_dsanet(config, tower, prompts)
    state = golden.published_state(golden.json(f"params_{name}")["params"])
    learned, clip = import_published(state, config, model, tower)
    model.load_learned_state(learned)
    tower.load_state_dict(clip)

    lengths = golden.array(name, "lengths")
    videos = [golden.video(f"input:{name}:{i}", n, config.width) for i, n in enumerate(lengths)]
    windows = [split_windows(video, config.window)[0][0] for video in videos]
    return Case(
        name=name,
        config=config,
        training=training,
        facts=facts,
        model=model,
        features=torch.from_numpy(np.stack(windows)),
        lengths=torch.from_numpy(lengths).long(),
        labels=torch.from_numpy(label_matrix(name, facts["labels"])),
    )


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


CLASSES = {
    "ucf": ucf.CLASSES,
    "xd": xd.CLASSES,
}


def label_names(name, label):
    """Return the class names in a published label such as ``B1-B2-0``."""
    return [part for part in label.split("-") if part != "0"] if name == "xd" else [label]


def label_matrix(name, labels):
    return np.stack([label_vector(label_names(name, label), CLASSES[name]) for label in labels])


@torch.inference_mode()
def check(golden, report, case):
    def close(array, ours, tolerance=1e-4):
        expected = golden.array(case.name, array)
        report.close(f"{case.name}/{array}", ours, expected, tolerance)

    model, lengths = case.model, case.lengths
    check_text(golden, report, case)
    close("input_check", ends(case.features, lengths), 0)
    close("label_vectors", case.labels, 0)
    text = model.class_texts()
    output = model(case.features, lengths, text, rebuild_padding=True)

    attended = model.branches.video.attend(case.features)
    close("temporal_out_v1", attended[1])
    graphs = similarity_graph(attended, lengths)
    close("adj_v1", graphs[1])
    close("adj_v4", graphs[4])
    close("disadj_row0", distance_graph(case.config.window)[0])
    close("video_features", output.video)
    close("logits1", output.score_logits)
    moved = prompted_text(output.video, output.score_logits, output.text)
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


def ends(features, lengths):
    """Return the first 8 values of the first row and the last 8 of the last valid one."""
    last = features[torch.arange(len(lengths)), lengths - 1]
    return torch.stack([features[:, 0, :8], last[:, -8:]], dim=1)


def check_text(golden, report, case):
    text = case.model.text
    tokens = golden.array(case.name, "tokens")
    padded = np.zeros_like(tokens)
    padded[:, : text.tokens.shape[1]] = text.tokens
    report.equal(f"{case.name}/tokens", padded, tokens)
    for array, ours in (
        ("text_eot_after_ln_final", text.end_tokens()),
        ("text_features_ori", text()),
    ):
        report.close(f"{case.name}/{array}", ours, golden.array(case.name, array), 1e-4)


def check_scores(golden, report, case):
    """Score every test video through windows, as the product does."""
    lengths = golden.array(case.name, "test_lengths")
    text = case.model.class_texts()
    scorer = case.model.scorer(Temperatures(case.training.temperature))
    found = {"check": [], "logits1": [], "logits2": [], "prob1": [], "class_probs": []}
    for index, segments in enumerate(lengths):
        video = golden.video(f"test:{case.name}:{index}", segments, case.config.width)
        windows, counts = (torch.from_numpy(a) for a in split_windows(video, case.config.window))
        logits = case.model.branches(windows, counts, text)
        score, probabilities = next(score_videos(scorer, [video]))
        found["check"].append(video[-1, -8:])
        found["logits1"].append(logits.score.flatten()[:segments])
        found["logits2"].append(logits.align.flatten(0, 1)[:segments])
        found["prob1"].append(score)
        found["class_probs"].append(probabilities)

    def close(array, ours, tolerance):
        expected = golden.array(case.name, array)
        report.close(f"{case.name}/{array}", ours, expected, tolerance)

    close("test_input_check", np.stack(found["check"]), 0)
    close("test_logits1", np.concatenate(found["logits1"]), 1e-4)
    close("test_logits2", np.concatenate(found["logits2"]), 2e-4)
    close("test_prob1", np.concatenate(found["prob1"]), 1e-4)
    class_probs = np.concatenate(found["class_probs"])
    close("test_class_probs", class_probs, 1e-4)
    close("test_prob2", 1 - class_probs[:, 0], 1e-4)


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
        report.close(f"preprocess/{name}", ours, golden.array("preprocess", name), 1e-6)
