"""The settings of the model and of its training, and the named presets. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.training.config import TrainConfig
from stores.ranges import Count, Depth, Finite, Share, Size


@dataclass(frozen=True, slots=True)
class VadclipConfig:
    """The shape of VadCLIP.

    Attributes:
        width: D, the width of a segment's feature and of CLIP's text features.
        classes: K, the number of classes; class 0 is normal.
        temporal_layers: Transformer blocks of the video encoder.
        attention_window: Segments that attend to one another; divides ``window``.
        window: T, the segments of one model input.
        tokens_before: Learned tokens between a prompt's start token and the class words.
        tokens_after: Learned tokens between the class words and the end token.
        learned_prompts: False takes CLIP's own text features, untrained (ablation).
        visual_prompt: False compares segments with class texts that no video moves (ablation).
        separation_weight: Weight of the text separation in the total loss.
        decays: Shares of the epochs after each of which the rate falls to a tenth.
        fine_selection: Weights are chosen by the fine branch's score, as on XD-Violence.
    """

    width: Size
    classes: Size
    temporal_layers: Depth
    attention_window: Size
    window: Size = 256
    tokens_before: Count = 10
    tokens_after: Count = 10
    learned_prompts: bool = True
    visual_prompt: bool = True
    separation_weight: Finite = 0.1
    decays: tuple[Share, ...] = (0.4, 0.8)
    fine_selection: bool = False


_UCF = VadclipConfig(width=512, classes=14, temporal_layers=2, attention_window=8)

_UCF_TRAINING = TrainConfig(
    epochs=10,
    batch=64,
    learning_rate=2e-5,
    temperature=1.0,
    sampling="paired",
    evaluate_every=1280,
    metric="auc",
)

_XD = VadclipConfig(
    width=512,
    classes=7,
    temporal_layers=1,
    attention_window=64,
    separation_weight=1e-4,
    decays=(0.3, 0.6),
    fine_selection=True,
)

_XD_TRAINING = TrainConfig(
    epochs=10,
    batch=96,
    learning_rate=1e-5,
    temperature=1.0,
    sampling="shuffled",
    evaluate_every=1_000_000_000,  # at the end of an epoch alone
    metric="ap",
)

# Nothing is published for these: UCF-Crime's, with DSANet's batch and epochs there.
_MSAD, _SHT, _TAD = (replace(_UCF, classes=classes) for classes in (12, 2, 8))
_FEW_VIDEOS = replace(_UCF_TRAINING, epochs=30, batch=32)

# The demo's, for features as narrow and few as DSANet's preset of that name.
_SMALL = VadclipConfig(width=64, classes=5, temporal_layers=1, attention_window=8, window=96)

_SMALL_TRAINING = replace(_UCF_TRAINING, epochs=30, batch=8, learning_rate=2e-3, evaluate_every=80)

PRESETS: dict[str, tuple[VadclipConfig, TrainConfig]] = {
    "ucf": (_UCF, _UCF_TRAINING),
    "xd": (_XD, _XD_TRAINING),
    "msad": (_MSAD, _FEW_VIDEOS),
    "sht": (_SHT, _FEW_VIDEOS),
    "tad": (_TAD, _FEW_VIDEOS),
    "small": (_SMALL, _SMALL_TRAINING),
}
"""Settings by name: ``ucf`` and ``xd`` are the paper's, ``msad``, ``sht`` and ``tad`` UCF-Crime's
for those data sets, ``small`` is the demo's."""
