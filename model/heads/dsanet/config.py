"""The settings of the model and of its training, and the named presets. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.training.config import TrainConfig
from stores.ranges import Count, Depth, Finite, PositiveCount, Share, Size


@dataclass(frozen=True, slots=True)
class DsanetConfig:
    """The shape of DSANet.

    Attributes:
        width: D, the width of a segment's feature.
        classes: K, the number of classes; class 0 is normal.
        temporal_layers: Transformer blocks of the video encoder.
        attention_window: Segments that attend to one another; divides ``window``.
        window: T, the segments of one model input.
        adapted_blocks: The text transformer's first blocks that are followed by an adapter.
        adapter_mix: Share in [0, 1] of the adapter's output in what leaves an adapted block.
        prototypes: P, the number of normality prototypes.
        decoder_depth: Prototype blocks that reconstruct the video.
        heads: Attention heads of the normality branch.
        normal_ratio: Share of the window's segments that are taken as normal.
        normality: False leaves out self-guided normality modelling (ablation).
        alignment: False leaves out the event and background alignment (ablation).
        text_adapter: False takes CLIP's own text features, untrained (ablation).
        align_weight: Weight of the alignment loss.
        warmup_steps: Steps of the normality branch's linear warm-up.
        schedule_steps: Length of the normality branch's schedule; None takes the steps that
            training has. Published UCF-Crime runs count both loaders of an epoch
            (10 × (125 + 126)) although an epoch has 125 steps, so they stop half-way.
    """

    width: Size
    classes: Size
    temporal_layers: Depth
    attention_window: Size
    adapted_blocks: Depth
    adapter_mix: Share
    window: Size = 256
    prototypes: Size = 16
    decoder_depth: Depth = 8
    heads: Size = 8
    normal_ratio: Share = 0.8
    normality: bool = True
    alignment: bool = True
    text_adapter: bool = True
    align_weight: Finite = 1.0
    warmup_steps: Count = 100
    schedule_steps: PositiveCount | None = None


_UCF = DsanetConfig(
    width=512,
    classes=14,
    temporal_layers=2,
    attention_window=8,
    adapted_blocks=3,
    adapter_mix=0.1,
    align_weight=1.1,
    schedule_steps=2510,
)

_UCF_TRAINING = TrainConfig(
    epochs=10,
    batch=64,
    learning_rate=7e-5,
    temperature=5.0,
    sampling="paired",
    evaluate_every=1280,
    metric="auc",
)

_XD = DsanetConfig(
    width=512,
    classes=7,
    temporal_layers=1,
    attention_window=64,
    adapted_blocks=1,
    adapter_mix=0.6,
    align_weight=5.0,
)

_XD_TRAINING = TrainConfig(
    epochs=10,
    batch=96,
    learning_rate=1e-5,
    temperature=1.0,
    sampling="shuffled",
    evaluate_every=4800,
    metric="ap",
)

# No settings of DSANet are published for MSAD, ShanghaiTech and TAD: those of UCF-Crime, with a
# schedule as long as the training and a batch that even one crop of their anomalous training videos
# fills (120, 63 and 190, less a fifth that is held out).
_MSAD = replace(_UCF, classes=12, schedule_steps=None)
_SHT = replace(_UCF, classes=2, schedule_steps=None)
_TAD = replace(_UCF, classes=8, schedule_steps=None)
_FEW_VIDEOS = replace(_UCF_TRAINING, epochs=30, batch=32)

# The demo's: the same architecture for the tiny encoder's 64-wide features, few enough parameters
# to train on a laptop in a minute. So few steps need a short warm-up and a high rate.
_SMALL = DsanetConfig(
    width=64,
    classes=5,
    temporal_layers=1,
    attention_window=8,
    adapted_blocks=1,
    adapter_mix=0.1,
    window=96,
    prototypes=8,
    decoder_depth=2,
    align_weight=1.1,
    warmup_steps=10,
)

_SMALL_TRAINING = replace(
    _UCF_TRAINING, epochs=30, batch=8, learning_rate=2e-3, temperature=1.0, evaluate_every=80
)

PRESETS: dict[str, tuple[DsanetConfig, TrainConfig]] = {
    "ucf": (_UCF, _UCF_TRAINING),
    "xd": (_XD, _XD_TRAINING),
    "msad": (_MSAD, _FEW_VIDEOS),
    "sht": (_SHT, _FEW_VIDEOS),
    "tad": (_TAD, _FEW_VIDEOS),
    "small": (_SMALL, _SMALL_TRAINING),
}
"""Settings by name: ``ucf`` and ``xd`` are the paper's, ``msad``, ``sht`` and ``tad`` UCF-Crime's
for those data sets, ``small`` is the demo's."""
