"""`onnxnn demo diffusion`: from handwritten digits to new ones, drawn without torch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict

from .output import need_onnxnn, note, print_text, progress_on_stderr
from .without_torch import run_elsewhere


def run_diffusion(folder: Path, quick: bool) -> Dict[str, Any]:
    """Train on digits, export both forms, draw in another process; return the figures.

    Args:
        folder: Where everything goes.
        quick: Train for a minute instead of eight.
    """
    start = time.perf_counter()
    training = need_onnxnn("demo", "onnxnn.demo.diffusion")
    note(f"1/3  writing handwritten digits as images to {folder}")
    training.write_pictures(folder)
    minutes = "about a minute" if quick else "about eight minutes"
    samples = folder / "drawer_checkpoints" / "samples"
    note(f"2/3  training a diffusion model for {minutes}; watch {samples}")
    with progress_on_stderr():
        denoiser, drawer = training.train_drawer(folder, quick=quick)
    note("3/3  drawing digits in another process, where torch cannot be imported")
    found = run_elsewhere("onnxnn_cli.demo_draw", folder)
    found["seconds_in_all"] = time.perf_counter() - start
    found["denoiser"], found["drawer"] = str(denoiser), str(drawer)
    found["samples"] = str(samples)
    return found


def report_diffusion(found: Dict[str, Any]) -> None:
    """Print the figures for people."""
    importable = "could" if found["torch_importable"] else "could not"
    print_text(
        f"\nThe process that drew {found['num']} digits {importable} import torch. It took "
        f"{found['seconds']:.1f} s with the denoiser\nand {found['seconds_in_graph']:.1f} s with the whole "
        f"loop in one graph; the images differ by {found['difference']:.1e} at most.\n"
    )
    for title, name in (
        ("new digits", "picture"),
        ("out of noise", "animation"),
        ("as it learned", "samples"),
        ("denoiser", "denoiser"),
        ("whole loop", "drawer"),
    ):
        print_text(f"{title:<14}{found[name]}")
    print_text(f"\nDone in {found['seconds_in_all']:.0f} seconds.")
