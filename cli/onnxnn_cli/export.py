"""`onnxnn export`: a checkpoint becomes an ONNX file."""

from __future__ import annotations

from typing import Optional

import typer

from .options import FORCE, JSON
from .output import need_onnxnn, note, print_json, print_text


def export(
    checkpoint: str = typer.Argument(..., metavar="CKPT", help="A checkpoint, e.g. ckpt/basenn.pth."),
    out: str = typer.Option(..., "--out", "-o", metavar="FILE", help="The .onnx file to write."),
    opset: int = typer.Option(13, "--opset", help="Version of the ONNX operators."),
    ir: int = typer.Option(7, "--ir", help="Version of the ONNX file format."),
    preprocess: str = typer.Option(
        "runtime",
        "--preprocess",
        help="Where images are prepared: runtime, or graph to put it into the file.",
    ),
    sampler: Optional[str] = typer.Option(
        None,
        "--sampler",
        help="For a diffusion model: dpm++ or ddim puts the sampling loop into the file.",
    ),
    steps: Optional[int] = typer.Option(
        None, "--steps", help="How many denoising steps that loop takes; 20 if not given."
    ),
    guidance: Optional[float] = typer.Option(
        None, "--guidance", help="How far its images follow their label, in networks with classes."
    ),
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Turn a checkpoint into an ONNX file and compare the two.

    Needs the training package, and no training data.

    Example: onnxnn export ckpt/basenn.pth -o pets.onnx
    """
    from onnxnn_runtime.outputs.output_files import check_output

    network = need_onnxnn("export").nn(verbose=0)
    network.load(checkpoint)
    check_output(out, "ONNX", (checkpoint,), force, "--force")
    report = network.export(
        out,
        opset_version=opset,
        ir_version=ir,
        preprocess=preprocess,
        sampler=sampler,
        steps=steps,
        guidance=guidance,
        force=force,
    )
    if as_json:
        print_json({"file": str(report.path), "size": report.size, "parity": dict(report.parity)})
        return
    off = ", ".join(f"{key} {value:.2g}" for key, value in report.parity.items())
    print_text(f"{report.path}: {report.size / 1e6:.2f} MB, largest difference from torch: {off}")
    note(f"exported and compared in {report.seconds:.1f} s")
