"""`onnxnn verify`: is a model file whole, and does it compute what it should?"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import typer

from .options import DEVICE, JSON, MODEL
from .output import need_onnxnn, print_json, print_text

FREE_SIZE = 64
"""The height, width or length that a check uses where the model leaves it free."""

TOLERANCE = 1e-4

Check = Tuple[str, bool, str]
"""What was checked, whether it holds, and the figures."""


def verify(
    file: str = MODEL,
    checkpoint: Optional[str] = typer.Option(
        None,
        "--checkpoint",
        metavar="CKPT",
        help="Also compare with torch and this checkpoint.",
    ),
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Check that a model file is whole and works.

    Exit code 1 when a check fails.

    Example: onnxnn verify pets.onnx --checkpoint ckpt/basenn.pth
    """
    import onnxnn_runtime as rt

    model = rt.load(file, device=device)
    checks: List[Check] = [("opens", True, repr(model))]
    single, double = _feeds(model, 1), _feeds(model, 2)
    outputs = model.infer(double)
    checks += _check_outputs(model, single, double, outputs)
    if model.card is None:
        checks.append(("card", False, "the file has none; predict and embed will refuse it"))
    else:
        checks += _check_card(model.card, outputs)
    draws = model.card is not None and model.card.diffusion is not None
    if draws:
        checks.append(_check_pictures(model))
    if checkpoint is not None:
        other = _other_network(checkpoint, model)
        compare = _check_drawing if draws else _check_torch
        checks.append(other or compare(checkpoint, model, double, outputs))
    passed = all(holds for _, holds, _ in checks)
    if as_json:
        print_json({"passed": passed, "checks": [dict(zip(("name", "passed", "detail"), c)) for c in checks]})
    else:
        for name, holds, detail in checks:
            print_text("{}  {}: {}".format("ok  " if holds else "FAIL", name, detail))
    if not passed:
        raise typer.Exit(1)


def _feeds(model: Any, batch: int) -> Dict[str, Any]:
    """Return made-up inputs that the model takes; the first sample is the same in every batch."""
    import numpy as np

    spec = None if model.card is None else model.card.input
    feeds = {}
    highest_of = _highest(model)
    states = {state.name for state in spec.states} if spec is not None else set()
    for name, (dtype, shape) in model.inputs.items():
        if name in states:
            continue  # they begin with zeros
        sizes = _sizes(shape, spec)
        samples: List[Any] = []
        for seed in range(batch):
            draw = np.random.RandomState(seed)
            if dtype == "uint8":
                samples.append(draw.randint(0, 256, sizes))
            elif dtype.startswith("int"):
                samples.append(draw.randint(0, highest_of.get(name, 2), sizes))
            else:
                samples.append(draw.random_sample(sizes))
        feeds[name] = np.stack(samples).astype(dtype)
    return feeds


def _highest(model: Any) -> Dict[str, int]:
    """Return how many different whole numbers each input takes, where that is known."""
    card = model.card
    if card is None:
        return {}
    if card.diffusion is not None:
        return {"t": card.diffusion.schedule.timesteps, "label": len(card.diffusion.classes) + 1}
    tokens = len(card.input.vocabulary or ()) or card.input.num_tokens or 2
    known = dict.fromkeys(model.inputs, tokens)
    if model.translates:
        known["target"] = model.outputs["output"][1][-1]
    return known


def _sizes(shape: Sequence[Any], spec: Any) -> List[int]:
    """Return the sizes of one sample: the card's picture size, else FREE_SIZE, where they are free."""
    height, width = spec.preprocess.output_size() if spec is not None and spec.preprocess else (None, None)
    named = {"height": height, "width": width}
    free = min(FREE_SIZE, (spec.max_length if spec is not None else None) or FREE_SIZE)
    least = {} if spec is None else spec.min_sizes
    return [
        size if isinstance(size, int) else named.get(str(size)) or max(free, least.get(str(size), 1))
        for size in shape[1:]
    ]


def _check_outputs(model: Any, single: Any, double: Any, outputs: Any) -> List[Check]:
    import numpy as np

    checks = []
    alone = model.infer(single)
    for name, both in outputs.items():
        finite = bool(np.isfinite(both).all())
        checks.append((f"{name} is finite", finite, f"shape {both.shape}"))
        shape = model.outputs[name][1]
        first = np.take(both, [0], shape.index("batch") if "batch" in shape else 0).astype(float)
        off = float(np.max(np.abs(first - alone[name]))) if finite else float("nan")
        same = f"{name} is the same alone and in a batch"
        checks.append((same, off <= TOLERANCE, f"largest difference {off:.2g}"))
    return checks


def _check_card(card: Any, outputs: Any) -> List[Check]:
    first = next(iter(outputs.values()))
    checks = []
    if card.output.kind == "classes" and card.output.classes:
        num = len(card.output.classes)
        fits = first.shape[-1] >= num
        checks.append(("card names the classes", fits, f"{num} names, {first.shape[-1]} scores"))
    if card.output.embedding:
        there = "embedding" in outputs and outputs["embedding"].shape[-1] == card.output.embedding
        checks.append(("card describes the embedding", there, f"{card.output.embedding} numbers"))
    return checks or [("card", True, f"{card.input.kind} to {card.output.kind}")]


def _check_pictures(model: Any) -> Check:
    """Draw two pictures, from the file of a denoiser in two steps."""
    steps = 2 if model.card.diffusion.sampler is None else None
    drawn = model.sample(2, steps=steps, seed=0)
    wanted = (2, *model.card.diffusion.shape)
    fits = drawn.shape == wanted and bool((drawn >= 0).all() and (drawn <= 1).all())
    return "draws pictures", fits, f"shape {drawn.shape}, {drawn.min():.2g} to {drawn.max():.2g}"


def _other_network(checkpoint: str, model: Any) -> Optional[Check]:
    """Return a failed check that names the first layer in which checkpoint and file differ, None if none."""
    there = need_onnxnn("verify", "onnxnn.checkpoint").load(checkpoint).card.network
    here = there if model.card is None else model.card.network
    for ours, theirs in zip_longest(here, there):
        if ours != theirs:
            told = "the checkpoint is of another network: the file has {}, the checkpoint {}"
            return "equals torch", False, told.format(_layer(ours), _layer(theirs))
    return None


def _layer(entry: Optional[Mapping[str, Any]]) -> str:
    if entry is None:
        return "no more layers"
    options = [f"{name}={value}" for name, value in entry["options"].items()]
    if entry["activation"]:
        options.append("activation={}".format(entry["activation"]))
    return "{}({})".format(entry["name"], ", ".join(options))


def _check_drawing(checkpoint: str, model: Any, feeds: Any, outputs: Any) -> Check:
    """Compare pictures that the file draws with those that torch draws from the checkpoint."""
    import numpy as np

    network = need_onnxnn("verify").nn(verbose=0)
    network.load(checkpoint)
    baked = model.card.diffusion.sampler
    steps = {"steps": 3} if baked is None else {"steps": baked.steps, "sampler": baked.name}
    expected = network.sample(2, seed=0, device="cpu", **steps)
    found = model.sample(2, seed=0, **steps)
    if expected.shape != found.shape:
        return "equals torch", False, f"torch gives {expected.shape}, the file {found.shape}"
    off = float(np.max(np.abs(expected - found)))
    return "equals torch", off <= TOLERANCE, f"largest difference of the pictures {off:.2g}"


def _check_torch(checkpoint: str, model: Any, feeds: Any, outputs: Any) -> Check:
    """Compare the file's first output with what torch computes from the checkpoint."""
    import numpy as np

    network = need_onnxnn("verify").nn(verbose=0)
    network.load(checkpoint)
    expected = network.inference(tuple(feeds.values()) if len(feeds) > 1 else next(iter(feeds.values())))
    found = next(iter(outputs.values()))
    if expected.shape != found.shape:
        return "equals torch", False, f"torch gives {expected.shape}, the file {found.shape}"
    off = float(np.max(np.abs(expected - found)))
    scale = max(1.0, float(np.max(np.abs(expected))))
    return "equals torch", off <= TOLERANCE * scale, f"largest difference {off:.2g}"
