"""`onnxnn sample`: images from a diffusion model."""

from __future__ import annotations

import os
import random
from typing import Any, Optional

import typer

from .inputs import given, sources
from .options import DEVICE, FORCE, JSON, MODEL
from .output import print_json, print_text


def sample(
    file: str = MODEL,
    num: Optional[int] = typer.Option(None, "--num", "-n", min=1, help="How many images; 16 if not given."),
    steps: Optional[int] = typer.Option(None, "--steps", min=1, help="How many steps; 20, and all for ddpm."),
    sampler: Optional[str] = typer.Option(None, "--sampler", help="dpm++ (if not given), ddim or ddpm."),
    seed: Optional[int] = typer.Option(None, "--seed", min=0, help="The same seed draws the same images."),
    eta: float = typer.Option(0.0, "--eta", help="For ddim: fresh noise in each step, 0 to 1."),
    label: Optional[str] = typer.Option(
        None, "--label", help="Draw this class: its name or index; none is the empty label."
    ),
    guidance: Optional[float] = typer.Option(
        None, "--guidance", help="Above 1 images follow the label more strictly."
    ),
    start: Optional[str] = typer.Option(None, "--start", metavar="IMAGE", help="The image to begin with."),
    strength: Optional[float] = typer.Option(
        None, "--strength", help="Of img2img: how much noise the start image gets, above 0 up to 1."
    ),
    mask: Optional[str] = typer.Option(
        None,
        "--mask",
        metavar="IMAGE",
        help="The inpainting mask: white is drawn, black keeps --start.",
    ),
    out: str = typer.Option("samples.png", "--out", "-o", metavar="GRID.png", help="The file to write."),
    gif: Optional[str] = typer.Option(
        None, "--gif", metavar="STEPS.gif", help="Also write the denoising steps."
    ),
    device: str = DEVICE,
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Draw images with a diffusion model, as one grid.

    Example: onnxnn sample digits.onnx -n 16 --steps 20 --seed 0 -o grid.png
    """
    import onnxnn_runtime as rt
    from onnxnn_runtime.outputs.grid import check_path, write_gif, write_grid

    read = sources([file, start, mask])
    check_path(out, read, force, "--force")
    if gif is not None:
        check_path(gif, read, force, "--force", animated=True)
        if os.path.realpath(gif) == os.path.realpath(out):
            raise rt.InputError(f"--out and --gif: {out}: both name the same file; choose another for one.")
    model = rt.load(file, device=device)
    draws = None if model.card is None else model.card.diffusion
    if gif is not None and draws is not None and draws.sampler is not None:
        raise rt.InputError(
            f"{file}: --gif needs the single steps, and the loop is inside this file. Leave --gif out, or "
            "take the file of the denoiser alone, which `onnxnn export` writes without --sampler."
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
        print_text(f"{len(images)} images in {out}, seed {seed}" + (f"; their steps in {gif}" if gif else ""))


def _name_or_number(label: Optional[str], model: Any) -> Any:
    """Return a label as `Model.sample` takes it: digits that are no class's name are its number."""
    spec = None if model.card is None else model.card.diffusion
    classes = () if spec is None else spec.classes
    is_number = label is not None and label.isdecimal() and classes and label not in classes
    return int(str(label)) if is_number else label
