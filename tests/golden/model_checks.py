"""What every head is compared by: the batch, the video encoder, scores (SPEC sections 4 and 5)."""

from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch

from model.heads.base import Head, HeadConfig, HeadKind
from model.heads.segment_scorer import Temperatures
from model.heads.temporal import distance_graph, similarity_graph
from model.heads.text_tower import empty_text_tower
from model.scoring.scorer import score_videos
from model.training.config import TrainConfig
from model.training.data import label_vector, split_windows
from stores.datasets import ucf, xd

TEXT_MODEL = "ViT-B-16-quickgelu"


@dataclass
class Case:
    """One configuration of one head: its golden weights, and the training batch."""

    name: str
    checks: ModuleType
    config: HeadConfig
    training: TrainConfig
    facts: dict
    table: dict
    model: Head
    features: torch.Tensor
    lengths: torch.Tensor
    labels: torch.Tensor


def build_case(golden, name, kind: HeadKind, checks):
    facts, table = golden.json(name), golden.json(f"params_{name}")["params"]
    config, training = checks.configure(name, facts["config"])
    prompts = [(prompt,) for prompt in facts["prompt_text"]]
    tower = empty_text_tower(TEXT_MODEL)
    model = kind.build(config, tower, prompts)
    state = checks.published_state(golden, table)
    learned, clip = kind.import_weights(state, config, model, tower)
    model.load_learned_state(learned)
    tower.load_state_dict(clip)

    lengths = golden.array(name, "lengths")
    videos = [golden.video(f"input:{name}:{i}", n, config.width) for i, n in enumerate(lengths)]
    windows = [split_windows(video, config.window)[0][0] for video in videos]
    return Case(
        name=name,
        checks=checks,
        config=config,
        training=training,
        facts=facts,
        table=table,
        model=model.to(golden.device),
        features=torch.from_numpy(np.stack(windows)).to(golden.device),
        lengths=torch.from_numpy(lengths).long().to(golden.device),
        labels=torch.from_numpy(label_matrix(name, facts["labels"])).to(golden.device),
    )


CLASSES = {
    "ucf": ucf.CLASSES,
    "xd": xd.CLASSES,
}


def label_names(name, label):
    """Return the class names in a published label such as ``B1-B2-0``."""
    return [part for part in label.split("-") if part != "0"] if name == "xd" else [label]


def label_matrix(name, labels):
    return np.stack([label_vector(label_names(name, label), CLASSES[name]) for label in labels])


def check_video(golden, report, case):
    """Compare the batch and the stages of the video encoder."""

    def close(array, ours, tolerance=1e-4):
        expected = golden.array(case.name, array)
        report.close(f"{case.name}/{array}", ours, expected, tolerance)

    close("input_check", ends(case.features, case.lengths), 0)
    close("label_vectors", case.labels, 0)
    attended = case.model.branches.video.attend(case.features)
    close("temporal_out_v1", attended[1])
    graphs = similarity_graph(attended, case.lengths)
    close("adj_v1", graphs[1], 1e-6)
    close("adj_v4", graphs[4], 1e-6)
    close("disadj_row0", distance_graph(case.config.window)[0])


def ends(features, lengths):
    """Return the first 8 values of the first row and the last 8 of the last valid one."""
    last = features[torch.arange(len(lengths), device=features.device), lengths - 1]
    return torch.stack([features[:, 0, :8], last[:, -8:]], dim=1)


def check_scores(golden, report, case):
    """Score every test video through windows, as the product does."""
    lengths = golden.array(case.name, "test_lengths")
    text = case.model.class_texts()
    scorer = case.model.scorer(Temperatures(case.training.temperature))
    found = {"check": [], "logits1": [], "logits2": [], "prob1": [], "class_probs": []}
    for index, segments in enumerate(lengths):
        video = golden.video(f"test:{case.name}:{index}", segments, case.config.width)
        split = split_windows(video, case.config.window)
        windows, counts = (torch.from_numpy(values).to(golden.device) for values in split)
        logits = case.model.branches(windows, counts, text)
        score, probabilities = next(score_videos(scorer, [video]))
        found["check"].append(video[-1, -8:])
        found["logits1"].append(logits.score.flatten()[:segments].cpu())
        found["logits2"].append(logits.align.flatten(0, 1)[:segments].cpu())
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
