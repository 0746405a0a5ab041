"""`onnxnn verify`: is a model file whole, and does it compute what it should?"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, Dict, List, Mapping, Optional, Tuple

import typer

from .options import DEVICE, JSON, MODEL
from .output import need_onnxnn, print_json, print_text

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
    from onnxnn_runtime.verify import check, made_up_inputs

    model = rt.load(file, device=device)
    checks: List[Check] = check(model)
    draws = model.card is not None and model.card.diffusion is not None
    runs = all(holds for name, holds, _ in checks if name == "runs")
    if checkpoint is not None and runs:
        double = made_up_inputs(model, 2)
        other = _other_network(checkpoint, model)
        compare = _check_drawing if draws else _check_torch
        checks.append(other or compare(checkpoint, model, double, model.infer(double)))
    passed = all(holds for _, holds, _ in checks)
    if as_json:
        print_json({"passed": passed, "checks": [dict(zip(("name", "passed", "detail"), c)) for c in checks]})
    else:
        for name, holds, detail in checks:
            print_text("{}  {}: {}".format("ok  " if holds else "FAIL", name, detail))
    if not passed:
        raise typer.Exit(1)


def _other_network(checkpoint: str, model: Any) -> Optional[Check]:
    """Return a failed check that names the first layer in which checkpoint and file differ, None if none."""
    there = need_onnxnn("verify", "onnxnn.checkpoint.checkpoint").load(checkpoint).card.network
    here = there if model.card is None else model.card.network
    for ours, theirs in zip_longest(here, there):
        if ours != theirs:
            text = "the checkpoint is of another network: the file has {}, the checkpoint {}"
            return "equals torch", False, text.format(_layer(ours), _layer(theirs))
    return None


def _layer(entry: Optional[Mapping[str, Any]]) -> str:
    if entry is None:
        return "no more layers"
    options = [f"{name}={value}" for name, value in entry["options"].items()]
    if entry["activation"]:
        options.append("activation={}".format(entry["activation"]))
    return "{}({})".format(entry["name"], ", ".join(options))


def _check_drawing(checkpoint: str, model: Any, feeds: Any, outputs: Any) -> Check:
    """Compare images that the file draws with those that torch draws from the checkpoint."""
    import numpy as np
    from onnxnn_runtime.defaults import TOLERANCE

    network = need_onnxnn("verify").nn(verbose=0)
    network.load(checkpoint)
    baked = model.card.diffusion.sampler
    options: Dict[str, Any] = {"steps": 3}
    if baked is not None:
        options = {"steps": baked.steps, "sampler": baked.name, "guidance": baked.guidance}
    expected = network.sample(2, seed=0, device="cpu", **options)
    found = model.sample(2, seed=0, **options)
    if expected.shape != found.shape:
        return "equals torch", False, f"torch returns {expected.shape}, the file {found.shape}"
    off = float(np.max(np.abs(expected - found)))
    return "equals torch", off <= TOLERANCE, f"largest difference of the images {off:.2g}"


def _check_torch(checkpoint: str, model: Any, feeds: Any, outputs: Any) -> Check:
    """Compare the file's first output with what torch computes from the checkpoint."""
    import numpy as np
    from onnxnn_runtime.defaults import TOLERANCE

    network = need_onnxnn("verify").nn(verbose=0)
    network.load(checkpoint)
    expected = network.inference(tuple(feeds.values()) if len(feeds) > 1 else next(iter(feeds.values())))
    found = next(iter(outputs.values()))
    if expected.shape != found.shape:
        return "equals torch", False, f"torch returns {expected.shape}, the file {found.shape}"
    off = float(np.max(np.abs(expected - found)))
    scale = max(1.0, float(np.max(np.abs(expected))))
    return "equals torch", off <= TOLERANCE * scale, f"largest difference {off:.2g}"
