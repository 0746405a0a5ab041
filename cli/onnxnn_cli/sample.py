"""`onnxnn sample`: images from a diffusion model."""

from __future__ import annotations

import os
import random
from typing import Any, Optional

import typer

from .inputs import given, sources
from .options import DEVICE, FORCE, JSON, MODEL
from .output import print_json, print_text
from .text import coded, gettext, ngettext

HELP = gettext(
    "Draw images with a diffusion model, as one grid.\n\n"
    "Example: onnxnn sample digits.onnx -n 16 --steps 20 --seed 0 -o grid.png"
)
"""The help text."""


def sample(
    file: str = MODEL,
    num: Optional[int] = typer.Option(
        None, "--num", "-n", min=1, help=gettext("How many images; 16 if not given.")
    ),
    steps: Optional[int] = typer.Option(
        None, "--steps", min=1, help=gettext("How many steps; 20, and all for ddpm.")
    ),
    sampler: Optional[str] = typer.Option(
        None, "--sampler", help=gettext("dpm++ (if not given), ddim or ddpm.")
    ),
    seed: Optional[int] = typer.Option(
        None, "--seed", min=0, help=gettext("The same seed draws the same images.")
    ),
    eta: float = typer.Option(0.0, "--eta", help=gettext("For ddim: fresh noise in each step, 0 to 1.")),
    label: Optional[str] = typer.Option(
        None, "--label", help=gettext("Draw this class: its name or index; none is the empty label.")
    ),
    guidance: Optional[float] = typer.Option(
        None, "--guidance", help=gettext("Above 1 images follow the label more strictly.")
    ),
    start: Optional[str] = typer.Option(
        None, "--start", metavar="IMAGE", help=gettext("The image to begin with.")
    ),
    strength: Optional[float] = typer.Option(
        None, "--strength", help=gettext("Of img2img: how much noise the start image gets, above 0 up to 1.")
    ),
    mask: Optional[str] = typer.Option(
        None,
        "--mask",
        metavar="IMAGE",
        help=gettext("The inpainting mask: white is drawn, black keeps --start."),
    ),
    out: str = typer.Option(
        "samples.png", "--out", "-o", metavar="GRID.png", help=gettext("The file to write.")
    ),
    gif: Optional[str] = typer.Option(
        None, "--gif", metavar="STEPS.gif", help=gettext("Also write the denoising steps.")
    ),
    device: str = DEVICE,
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Draw images with a diffusion model, as one grid."""
    import onnxnn_runtime as rt
    from onnxnn_runtime.outputs.grid import check_path, write_gif, write_grid

    read = sources([file, start, mask])
    check_path(out, read, force, "--force")
    if gif is not None:
        check_path(gif, read, force, "--force", animated=True)
        if os.path.realpath(gif) == os.path.realpath(out):
            raise rt.InputError(
                coded(
                    "E-OUTPUT-02",
                    "--out and --gif: expected two files, got {path} for both. Choose another for one.",
                    path=out,
                )
            )
    model = rt.load(file, device=device)
    draws = None if model.card is None else model.card.diffusion
    if gif is not None and draws is not None and draws.sampler is not None:
        raise rt.InputError(
            coded(
                "E-INPUT-08",
                "{path}: --gif needs single steps, but the sampling loop is inside this file. Leave --gif "
                "out, or use a file of the denoiser alone, which `onnxnn export` writes without --sampler.",
                path=file,
            )
        )
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
    begin, where = given([start, mask])
    drawn = model.sample(
        num,
        steps,
        sampler=sampler,
        seed=seed,
        eta=eta,
        label=_name_or_number(label, model),
        guidance=guidance,
        start=begin,
        strength=strength,
        mask=where,
        return_all_timesteps=gif is not None,
        progress=True,
    )
    images = drawn if gif is None else drawn[:, -1]
    write_grid(images, out, force=True)  # it was checked above
    if gif is not None:
        write_gif(drawn, gif, force=True)
    if as_json:
        print_json({"file": out, "gif": gif, "num": len(images), "shape": images.shape[1:], "seed": seed})
    else:
        text = ngettext(
            "{count} image in {file}, seed {seed}",
            "{count} images in {file}, seed {seed}",
            len(images),
            file=out,
            seed=seed,
        )
        print_text(text + (gettext("; their steps in {file}", file=gif) if gif else ""))


def _name_or_number(label: Optional[str], model: Any) -> Any:
    """Return a label as `Model.sample` takes it: digits that are no class name are a class index."""
    spec = None if model.card is None else model.card.diffusion
    classes = () if spec is None else spec.classes
    is_number = label is not None and label.isdecimal() and classes and label not in classes
    return int(str(label)) if is_number else label
