"""How quick is CLIP's vision tower alone, in which arithmetic, layout and compilation?

    python benchmarks/encoder.py [--model ViT-B-16] [--batch 4] [--rounds 5] [--compile]

Random weights: the time does not depend on them. The plain way is open_clip's own in float32. The
cosine is that of each way's features with the plain one's, the least of the batch. With a GPU the
ways run there. Compiling takes minutes on a processor, so it is asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import open_clip
import torch
from measuring import Figure, finish, once, show_timings, take_turns
from torch import Tensor
from torch.nn import functional

from extract.encoder import ClipEncoder
from extract.recipe import Precision

GFLOP = {"ViT-B-16": 35.1, "ViT-B-32": 8.8}
"""Of one image's products and sums, twice the multiplications."""


def parse() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="ViT-B-16", choices=GFLOP)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="also the compiled float32 tower")
    return parser.parse_args()


def main() -> None:
    """Compare and print."""
    options = parse()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    plain = open_clip.create_model(options.model).eval().to(device)
    images = torch.randint(0, 256, (options.batch, 3, 224, 224), dtype=torch.uint8, device=device)
    encoders = {n: _encoder(options.model, plain, device, n) for n in ("fp32", "bf16")}
    last = _encoder(options.model, plain, device, "fp32")
    last._tower.to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in (last._mean, last._std))
    ready = (images.float() / 255 - mean) / std
    found: dict[str, Tensor] = {}

    def keep(name: str, encode: Callable[[], Tensor]) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode():
                found[name] = encode().float()
            if device.type == "cuda":
                torch.cuda.synchronize()

        return run

    ways = {
        "open_clip, float32": keep("plain", lambda: plain.encode_image(ready)),
        "ours, float32": keep("fp32", lambda: encoders["fp32"].encode(images)),
        "ours, channels last": keep("last", lambda: last.encode(images)),
        "ours, bf16": keep("bf16", lambda: encoders["bf16"].encode(images)),
    }
    if options.compile:
        compiled = torch.compile(plain.visual)  # to its type a function without any
        ways["compiled, float32"] = keep("compiled", lambda: compiled(ready))  # type: ignore[no-untyped-call]
    first = {name: once(way) for name, way in ways.items()}
    # Where the first call took long, as bfloat16 without the hardware does, it is the only one.
    slow = [name for name in first if first[name].wall > 4 * first["open_clip, float32"].wall]
    again = {name: way for name, way in ways.items() if name not in slow or "compiled" in name}
    timings = first | take_turns(again, options.rounds)
    show_timings(timings)
    base = timings["open_clip, float32"]
    rate = options.batch / base.wall
    figures = [
        Figure("encoder: open_clip float32", rate, "images/s"),
        Figure("encoder: its arithmetic", rate * GFLOP[options.model], "GFLOP/s"),
        *(
            Figure(f"encoder: {name}", base.processor / timings[name].processor, "times")
            for name in list(ways)[1:]
        ),
        *(
            Figure(f"encoder: cosine of {name}", _cosine(found[name], found["plain"]), "", least)
            for name, least in (("fp32", 0.9999), ("bf16", 0.999))
        ),
    ]
    figures = [replace(f, at_least=2.0) if f.name == "encoder: ours, bf16" else f for f in figures]
    settings = vars(options) | {
        "device": str(device),
        "first_call_seconds": {k: t.wall for k, t in first.items()},
    }
    finish("encoder", settings, figures, timings)


def _encoder(
    name: str, model: torch.nn.Module, device: torch.device, precision: Precision
) -> ClipEncoder:
    """Return an encoder of the same weights: it changes the precision of its own copy."""
    other = open_clip.create_model(name).eval()
    other.load_state_dict(model.state_dict())
    return ClipEncoder(other, device=device, precision=precision)


def _cosine(found: Tensor, expected: Tensor) -> float:
    return float(functional.cosine_similarity(found, expected, dim=-1).min())


if __name__ == "__main__":
    main()
