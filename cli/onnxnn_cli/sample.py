"""`onnxnn sample`: images from a diffusion model."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Tuple, Union

import typer

from .inputs import given, sources
from .options import DEVICE, FORCE, JSON, LOW_MEMORY, MODEL, takes
from .output import print_json, print_text
from .text import gettext, ngettext

if TYPE_CHECKING:
    from onnxnn_runtime import Model

HELP = gettext(
    "Draw images with a diffusion model, as one grid.\n\n"
    "Example: onnxnn sample digits.onnx -n 16 --steps 20 --seed 0 -o grid.png"
)
"""The help text."""


@dataclass(frozen=True)
class Sampling:
    """What is typed after `onnxnn sample`."""

    file: str = MODEL
    num: Optional[int] = typer.Option(
        None, "--num", "-n", metavar="N", min=1, help=gettext("How many images; 16 if not given.")
    )
    steps: Optional[int] = typer.Option(
        None, "--steps", metavar="N", min=1, help=gettext("How many steps; 20, and all for ddpm.")
    )
    sampler: Optional[str] = typer.Option(
        None, "--sampler", metavar="SAMPLER", help=gettext("dpm++ (if not given), ddim or ddpm.")
    )
    seed: Optional[int] = typer.Option(
        None, "--seed", metavar="N", min=0, help=gettext("The same seed draws the same images.")
    )
    eta: float = typer.Option(
        0.0, "--eta", metavar="NUMBER", help=gettext("For ddim: fresh noise in each step, 0 to 1.")
    )
    label: Optional[str] = typer.Option(
        None,
        "--label",
        metavar="LABEL",
        help=gettext("Draw this class: its name or index; none is the empty label."),
    )
    guidance: Optional[float] = typer.Option(
        None, "--guidance", metavar="NUMBER", help=gettext("Above 1 images follow the label more strictly.")
    )
    start: Optional[str] = typer.Option(
        None, "--start", metavar="IMAGE", help=gettext("The image to begin with.")
    )
    strength: Optional[float] = typer.Option(
        None,
        "--strength",
        metavar="NUMBER",
        help=gettext("Of img2img: how much noise the start image gets, above 0 up to 1."),
    )
    mask: Optional[str] = typer.Option(
        None,
        "--mask",
        metavar="IMAGE",
        help=gettext("The inpainting mask: white is drawn, black keeps --start."),
    )
    out: str = typer.Option(
        "samples.png", "--out", "-o", metavar="GRID.png", help=gettext("The file to write.")
    )
    gif: Optional[str] = typer.Option(
        None, "--gif", metavar="STEPS.gif", help=gettext("Also write the denoising steps.")
    )
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    force: bool = FORCE
    as_json: bool = JSON


@takes(Sampling)
def sample(asked: Sampling) -> None:
    """Draw images with a diffusion model, as one grid."""
    import onnxnn_runtime as rt
    from onnxnn_runtime.outputs.grid import write_gif, write_grid

    _check_files(asked)
    model = rt.load(asked.file, device=asked.device, low_memory=asked.low_memory)
    if asked.gif is not None:
        _check_single_steps(model, asked.file)
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    start, mask = given([asked.start, asked.mask])
    drawn = model.sample(
        asked.num,
        asked.steps,
        sampler=asked.sampler,
        seed=seed,
        eta=asked.eta,
        label=_name_or_number(asked.label, model),
        guidance=asked.guidance,
        start=start,
        strength=asked.strength,
        mask=mask,
        return_all_timesteps=asked.gif is not None,
        progress=True,
    )
    images = drawn if asked.gif is None else drawn[:, -1]
    write_grid(images, asked.out, force=True)  # it was checked above
    if asked.gif is not None:
        write_gif(drawn, asked.gif, force=True)
    _print(asked, images.shape, seed)


def _check_files(asked: Sampling) -> None:
    """Refuse files to write that are inputs, of another format, or one and the same.

    Raises:
        InputError: Both would be the same file.
        OutputError: One cannot be written.
    """
    from onnxnn_runtime.errors import InputError
    from onnxnn_runtime.outputs.grid import check_path

    read = sources([asked.file, asked.start, asked.mask])
    check_path(asked.out, read, asked.force, "--force")
    if asked.gif is None:
        return
    check_path(asked.gif, read, asked.force, "--force", animated=True)
    if os.path.realpath(asked.gif) == os.path.realpath(asked.out):
        raise InputError.coded(
            "E-OUTPUT-02",
            "--out and --gif: expected two files, got {path} for both. Choose another for one.",
            path=asked.out,
        )


def _check_single_steps(model: Model, file: str) -> None:
    """Refuse a model whose single steps cannot be seen.

    Raises:
        InputError: The sampling loop is inside the file.
    """
    from onnxnn_runtime.errors import InputError

    spec = model.kind.sampling
    if spec is not None and spec.sampler is not None:
        raise InputError.coded(
            "E-INPUT-08",
            "{path}: --gif needs single steps, but the sampling loop is inside this file. Leave --gif "
            "out, or use a file of the denoiser alone, which `onnxnn export` writes without --sampler.",
            path=file,
        )


def _name_or_number(label: Optional[str], model: Model) -> Union[str, int, None]:
    """Return a label as `Model.sample` takes it: digits that are no class name are a class index."""
    classes = () if model.card is None else model.card.classes
    is_number = label is not None and label.isdecimal() and classes and label not in classes
    return int(str(label)) if is_number else label


def _print(asked: Sampling, shape: Tuple[int, ...], seed: int) -> None:
    if asked.as_json:
        written = {"file": asked.out, "gif": asked.gif, "num": shape[0], "shape": shape[1:], "seed": seed}
        print_json(written)
        return
    text = ngettext(
        "{count} image in {file}, seed {seed}",
        "{count} images in {file}, seed {seed}",
        shape[0],
        file=asked.out,
        seed=seed,
    )
    print_text(text + (gettext("; their steps in {file}", file=asked.gif) if asked.gif else ""))
