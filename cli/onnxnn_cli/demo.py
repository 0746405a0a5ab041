"""`onnxnn demo`: every step on real handwritten digits, from `add()` to a prediction without torch."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Dict, Mapping

import typer

from .demo_diffusion import report_diffusion, run_diffusion
from .options import JSON
from .output import need_onnxnn, note, padded, print_json, print_table, print_text, progress_on_stderr
from .text import gettext
from .without_torch import run_elsewhere

HELP = gettext(
    "Train, export and run an encoder of real digits, or a diffusion model that draws new ones.\n\n"
    "The exported file is then used in a process without torch. Needs the training package.\n\n"
    "Example: onnxnn demo --quick"
)
"""The help text."""


def demo(
    what: str = typer.Argument(
        "encoder", metavar="WHAT", help=gettext("What to train: encoder or diffusion."), show_default=True
    ),
    out: str = typer.Option("demo", "--out", "-o", metavar="FOLDER", help=gettext("Where the files go.")),
    quick: bool = typer.Option(
        False, "--quick", help=gettext("Train for a shorter time, with a worse network.")
    ),
    as_json: bool = JSON,
) -> None:
    """Train, export and run an encoder of real digits, or a diffusion model that draws new ones."""
    from onnxnn_runtime.files.access import as_path, check_folder

    folder = Path(os.path.realpath(str(as_path(out, "--out"))))
    check_folder(folder / "encoder.onnx")
    if what == "encoder":
        found, report = run_encoder(folder, quick), report_encoder
    elif what == "diffusion":
        found, report = run_diffusion(folder, quick), report_diffusion
    else:
        raise typer.BadParameter(gettext("{what!r}: expected encoder or diffusion.", what=what))
    if as_json:
        print_json(found)
    else:
        report(found)


def run_encoder(folder: Path, quick: bool) -> Dict[str, Any]:
    """Train an encoder of digits, export it, use it in another process; return the figures."""
    start = time.perf_counter()
    training = need_onnxnn("demo", "onnxnn.demo.images")
    note(gettext("1/3  writing handwritten digits as images to {folder}", folder=folder))
    training.write_images(folder)
    note(gettext("2/3  training an encoder with add(), then exporting it"))
    with progress_on_stderr():
        model = training.train_encoder(folder, quick=quick)
    note(gettext("3/3  using the exported file in another process, where torch cannot be imported"))
    found = run_elsewhere("onnxnn_cli.demo_compare", folder)
    found["seconds"] = time.perf_counter() - start
    found["model"] = str(model)
    return found


def report_encoder(found: Mapping[str, object]) -> None:
    """Print the figures for people."""
    folder = Path(str(found["model"])).parent
    print_text(gettext("\nHow often is the most similar training digit the same digit?\n"))
    rows = [
        (title, *(text.format(found[name]) for text in ("{0[num]}", "{0[encoder]:.4f}", "{0[pixels]:.4f}")))
        for title, name in (
            (gettext("held-out digits as they are"), "held_out"),
            (gettext("shifted and turned a little"), "moved"),
        )
    ]
    print_table([("", gettext("digits"), gettext("encoder"), gettext("raw pixels")), *rows])
    print_text("\n" + _where_computed(found))
    print_text()
    for title, text in (
        (gettext("model"), found["model"]),
        (gettext("image"), found["image"]),
        (gettext("digits"), f"{folder}{os.sep}train, held_out, moved"),
    ):
        print_text(padded(title, 9) + str(text))
    print_text(gettext("\nDone in {seconds:.0f} seconds.", seconds=found["seconds"]))


def _where_computed(found: Mapping[str, object]) -> str:
    rate, dimension = found["vectors_per_second"], found["dimension"]
    if found["torch_importable"]:
        return gettext(
            "The process that computed this could import torch. It embedded {rate:.0f} images a second into "
            "{dimension} numbers each.",
            rate=rate,
            dimension=dimension,
        )
    return gettext(
        "The process that computed this could not import torch. It embedded {rate:.0f} images a second into "
        "{dimension} numbers each.",
        rate=rate,
        dimension=dimension,
    )
