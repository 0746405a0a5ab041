"""`onnxnn demo diffusion`: from handwritten digits to new ones, sampled without torch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, Mapping

from .output import need_onnxnn, note, padded, print_text, progress_on_stderr
from .text import gettext
from .without_torch import run_elsewhere


def run_diffusion(folder: Path, quick: bool) -> Dict[str, Any]:
    """Train on digits, export both forms, sample in another process; return the figures.

    Args:
        folder: Where everything goes.
        quick: Train for a minute instead of eight.
    """
    start = time.perf_counter()
    training = need_onnxnn("demo", "onnxnn.demo.diffusion")
    note(gettext("1/3  writing handwritten digits as images to {folder}", folder=folder))
    training.write_images(folder)
    minutes = gettext("about a minute") if quick else gettext("about eight minutes")
    samples = folder / "drawer_checkpoints" / "samples"
    note(
        gettext(
            "2/3  training a diffusion model for {minutes}; watch {folder}", minutes=minutes, folder=samples
        )
    )
    with progress_on_stderr():
        denoiser, drawer = training.train_drawer(folder, quick=quick)
    note(gettext("3/3  sampling digits in another process, where torch cannot be imported"))
    found = run_elsewhere("onnxnn_cli.demo_draw", folder)
    found["seconds_in_all"] = time.perf_counter() - start
    found["denoiser"], found["drawer"] = str(denoiser), str(drawer)
    found["samples"] = str(samples)
    return found


def report_diffusion(found: Mapping[str, object]) -> None:
    """Print the figures for people."""
    if found["torch_importable"]:
        print_text(gettext("\nThe process that sampled {num} digits could import torch.", num=found["num"]))
    else:
        print_text(
            gettext("\nThe process that sampled {num} digits could not import torch.", num=found["num"])
        )
    print_text(
        gettext(
            "It took {seconds:.1f} s with the denoiser and {in_graph:.1f} s with the whole loop in one "
            "graph; the images differ by {difference:.1e} at most.\n",
            seconds=found["seconds"],
            in_graph=found["seconds_in_graph"],
            difference=found["difference"],
        )
    )
    for title, name in (
        (gettext("new digits"), "image"),
        (gettext("out of noise"), "animation"),
        (gettext("as it learned"), "samples"),
        (gettext("denoiser"), "denoiser"),
        (gettext("whole loop"), "drawer"),
    ):
        print_text(padded(title, 14) + str(found[name]))
    print_text(gettext("\nDone in {seconds:.0f} seconds.", seconds=found["seconds_in_all"]))
