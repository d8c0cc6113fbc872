"""How fast are the metrics on a million frames, against the plain way to write them?

    python benchmarks/metrics.py [--frames 1000000]

mAP@IoU is compared with the loop as it is usually written: for every class and threshold anew, over
frames, with IoU from sets of frame numbers; AUC and AP with scikit-learn. Both sides have to agree:
to the last bit for mAP, to 1e-12 for the others. Prints a table and, last, one line of JSON.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from measuring import Figure, finish, take_turns
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from model.evaluation.bootstrap import frame_intervals
from model.evaluation.detection import IOU_THRESHOLDS, detection_metrics
from model.evaluation.metrics import average_precision, frame_truth, roc_auc
from stores.records import Event

CLASSES = tuple(f"class {k}" for k in range(14))
ROUNDS = 5


def make_videos(
    frames: int,
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]], list[list[Event]]]:
    """Return scores, class probabilities and events of 290 videos with so many frames in all."""
    random = np.random.default_rng(0)
    lengths = random.dirichlet(np.full(290, 1.5)) * frames
    scores, probabilities, events = [], [], []
    for index, length in enumerate(lengths.astype(int) // 16 + 4):
        own: list[Event] = []
        if index % 2:
            start = int(random.integers(0, 16 * length // 2))
            end = start + int(random.integers(16, 16 * length // 2))
            own.append(Event(start, end, CLASSES[1 + index % 13]))
        truth = frame_truth(own, 16 * int(length))[::16]
        score = 1 / (1 + np.exp(-(random.standard_normal(length) + 1.5 * truth)))
        shares = random.dirichlet(np.full(13, 0.3), length)
        both = np.concatenate([1 - score[:, None], score[:, None] * shares], axis=1)
        scores.append(np.repeat(score, 16).astype(np.float32))
        probabilities.append(np.repeat(both, 16, axis=0).astype(np.float32))
        events.append(own)
    return scores, probabilities, events


def plain_map(
    probabilities: Sequence[NDArray[np.float32]],
    events: Sequence[Sequence[Event]],
    threshold: float,
) -> NDArray[np.float64]:
    """Return the average precision [K] by plain loops over frames, and IoU by sets of frames."""
    return np.array(
        [plain_precision(probabilities, events, k, threshold) for k in range(len(CLASSES))]
    )


def plain_precision(
    probabilities: Sequence[NDArray[np.float32]],
    events: Sequence[Sequence[Event]],
    k: int,
    threshold: float,
) -> float:
    """Return the average precision of one class at one threshold, from the frames on."""
    found = []
    for video, own in enumerate(probabilities):
        column = own[:, k].tolist()
        low, high = np.float32(min(column)), np.float32(max(column))
        level = high - 0.6 * (high - low)
        top = np.sort(own[:, k])[::-1][: max(len(column) // 16, 1)].mean()
        run: list[int] = []
        for frame, value in enumerate([*column, -1.0]):
            if value > level:
                run.append(frame)
                continue
            if len(run) >= 2:
                peak = max(column[i] for i in run)
                found.append((float(np.float32(peak) + 0.7 * top), video, run))
            run = []
    found.sort(key=lambda entry: -entry[0])
    truth = [[e for e in own if e.label == CLASSES[k]] for own in events]
    count = sum(len(own) for own in truth)
    hits, total = 0, 0.0
    for rank, (_, video, run) in enumerate(found, start=1):
        overlaps = []
        for event in truth[video]:
            both = set(run) & set(range(event.start, event.end))
            either = set(run) | set(range(event.start, event.end))
            overlaps.append(len(both) / len(either))
        if overlaps and max(overlaps) >= threshold:
            truth[video].pop(overlaps.index(max(overlaps)))
            hits += 1
            total += hits / rank
    return total / count if count else 0.0


def main() -> None:
    """Compare, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    scores, probabilities, events = make_videos(parser.parse_args().frames)
    truths = [frame_truth(own, len(s)) for own, s in zip(events, scores, strict=True)]
    truth, score = np.concatenate(truths), np.concatenate(scores)

    def ours_map() -> NDArray[np.float64]:
        return detection_metrics(probabilities, events, CLASSES).per_class

    calls = {
        "mAP@IoU": ours_map,
        "AUC": lambda: roc_auc(truth, score),
        "AUC, scikit-learn": lambda: roc_auc_score(truth, score),
        "AP": lambda: average_precision(truth, score),
        "AP, scikit-learn": lambda: average_precision_score(truth, score),
    }
    timings = take_turns(calls, ROUNDS)
    # A round of the plain loop is one threshold, and takes seconds; of ours it is all of them.
    plain: list[NDArray[np.float64]] = []
    rest = iter(IOU_THRESHOLDS)
    timings |= take_turns(
        {
            "mAP@IoU, plain loop, a threshold": lambda: plain.append(
                plain_map(probabilities, events, next(rest))
            ),
            "1,000 draws of videos": lambda: frame_intervals(truths, scores),
        },
        rounds=len(IOU_THRESHOLDS),
    )
    gaps = {
        "mAP@IoU": float(np.abs(ours_map() - np.array(plain)).max()),
        "AUC": abs(roc_auc(truth, score) - roc_auc_score(truth, score)),
        "AP": abs(average_precision(truth, score) - average_precision_score(truth, score)),
    }
    for name, timing in timings.items():
        print(f"{name:34} {timing.wall:9.3f} s")

    def times(plain: str, ours: str) -> float:
        return timings[plain].processor / timings[ours].processor

    loop = len(IOU_THRESHOLDS) * times("mAP@IoU, plain loop, a threshold", "mAP@IoU")

    figures = [
        Figure("metrics: mAP@IoU", loop, "times", at_least=100),
        Figure("metrics: AUC", times("AUC, scikit-learn", "AUC"), "times"),
        Figure("metrics: AP", times("AP, scikit-learn", "AP"), "times"),
        Figure("metrics: largest gap", max(gaps.values()), "", at_most=1e-12),
        Figure("metrics: 1,000 draws", timings["1,000 draws of videos"].wall, "s"),
    ]
    finish("metrics", {"frames": len(score), "rounds": ROUNDS}, figures, timings)


if __name__ == "__main__":
    main()
