"""`onnxnn export`: a checkpoint becomes an ONNX file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import typer

from .options import FORCE, JSON, MAX_DROP, TARGET, takes
from .output import need_onnxnn, note, print_json, print_text
from .quantize import print_loss
from .text import gettext

HELP = gettext(
    "Turn a checkpoint into an ONNX file and compare the two.\n\n"
    "Needs the training package, and no training data. With --triton a model repository of Triton Inference "
    "Server is written, too, or of an ONNX file that is there.\n\n"
    "Example: onnxnn export ckpt/basenn.pth -o pets.onnx"
)
"""The help text."""


@dataclass(frozen=True)
class Exporting:
    """What is typed after `onnxnn export`."""

    checkpoint: str = typer.Argument(..., metavar="CKPT", help=gettext("A checkpoint, e.g. ckpt/basenn.pth."))
    out: Optional[str] = typer.Option(
        None, "--out", "-o", metavar="FILE", help=gettext("The .onnx file to write.")
    )
    triton: Optional[str] = typer.Option(
        None,
        "--triton",
        metavar="FOLDER",
        help=gettext("A model repository of Triton to write into; CKPT may be an .onnx file then."),
    )
    target: Optional[str] = TARGET
    opset: Optional[int] = typer.Option(
        None,
        "--opset",
        metavar="N",
        help=gettext("Version of the ONNX operators; the target's if not given."),
    )
    ir: Optional[int] = typer.Option(
        None, "--ir", metavar="N", help=gettext("Version of the ONNX file format; the target's if not given.")
    )
    preprocess: str = typer.Option(
        "runtime",
        "--preprocess",
        metavar="PREPROCESS",
        help=gettext("Where images are prepared: runtime, or graph to put it into the file."),
    )
    sampler: Optional[str] = typer.Option(
        None,
        "--sampler",
        metavar="SAMPLER",
        help=gettext("For a diffusion model: dpm++ or ddim puts the sampling loop into the file."),
    )
    steps: Optional[int] = typer.Option(
        None,
        "--steps",
        metavar="N",
        help=gettext("How many denoising steps that loop takes; 20 if not given."),
    )
    guidance: Optional[float] = typer.Option(
        None,
        "--guidance",
        metavar="NUMBER",
        help=gettext("How far its images follow their label, in networks with classes."),
    )
    fixed_shapes: bool = typer.Option(
        False,
        "--fixed-shapes",
        help=gettext("Set the batch to 1 and sizes as in training, for engines such as tract and OpenCV."),
    )
    sizes: Optional[str] = typer.Option(
        None,
        "--sizes",
        metavar="SIZES",
        help=gettext("--fixed-shapes with other sizes, such as batch=4,height=96,width=96."),
    )
    precision: str = typer.Option(
        "fp32",
        "--precision",
        metavar="PRECISION",
        help=gettext("fp32; int8 for processors or fp16 for GPUs and the browser, if it stays as accurate."),
    )
    unknown: bool = typer.Option(
        False,
        "--unknown",
        help=gettext(
            "Let the file detect inputs that are like none of its training data, which --calibration gives."
        ),
    )
    heatmap: bool = typer.Option(
        False,
        "--heatmap",
        help=gettext("Let the file return where it looks, if one linear layer follows global means."),
    )
    calibration: Optional[str] = typer.Option(
        None,
        "--calibration",
        metavar="DATA",
        help=gettext("Samples for --precision or --unknown: a folder of images, a .csv, .npy or .npz file."),
    )
    max_drop: Optional[float] = MAX_DROP
    force: bool = FORCE
    as_json: bool = JSON


def _sizes(text: str) -> Dict[str, int]:
    """Return the size of each axis that is written as NAME=SIZE."""
    entry = r"\s*(\w+)\s*=\s*([0-9]{1,9})\s*"
    if not re.fullmatch(f"{entry}(,{entry})*", text):
        raise typer.BadParameter(
            gettext("expected sizes by name with commas between them, such as height=96,width=96."),
            param_hint="'--sizes'",
        )
    found: List[Tuple[str, str]] = re.findall(entry, text)
    sizes = {name: int(size) for name, size in found}
    if len(sizes) < len(found):
        raise typer.BadParameter(
            gettext("expected each axis once, such as height=96,width=96."), param_hint="'--sizes'"
        )
    return sizes


@takes(Exporting)
def export(asked: Exporting) -> None:
    """Turn a checkpoint into an ONNX file and compare the two."""
    if asked.triton is not None and asked.checkpoint.lower().endswith(".onnx"):
        _write_triton_alone(asked)
        return
    if asked.out is None:
        raise typer.BadParameter(gettext("expected -o FILE, the .onnx file to write."))
    from onnxnn_runtime.card.words import described_unknown, parity_text, unknown_text
    from onnxnn_runtime.outputs.output_files import check_output

    network = need_onnxnn("export").nn(verbose=0)
    network.load(asked.checkpoint)
    check_output(asked.out, "ONNX", (asked.checkpoint, asked.calibration), asked.force, "--force")
    report = network.export(
        asked.out,
        opset_version=asked.opset,
        ir_version=asked.ir,
        preprocess=asked.preprocess,
        sampler=asked.sampler,
        steps=asked.steps,
        guidance=asked.guidance,
        target=asked.target,
        fixed_shapes=asked.fixed_shapes if asked.sizes is None else _sizes(asked.sizes),
        precision=asked.precision,
        unknown=asked.unknown,
        heatmap=asked.heatmap,
        calibration=asked.calibration,
        max_drop=asked.max_drop,
        force=asked.force,
    )
    triton = None if asked.triton is None else _write_triton(str(report.path), asked)
    if asked.as_json:
        facts: Dict[str, object] = {
            "file": str(report.path),
            "size": report.size,
            "parity": dict(report.parity),
        }
        facts.update({} if triton is None else {"triton": triton})
        facts.update({} if report.unknown is None else {"unknown": described_unknown(report.unknown)})
        small = report.quantization
        print_json(facts if small is None else {**facts, "quantization": small.to_dict()})
        return
    print_text(
        gettext(
            "{path}: {size:.2f} MB, largest difference from torch: {difference}",
            path=report.path,
            size=report.size / 1e6,
            difference=parity_text(report.parity, 2),
        )
    )
    if report.quantization is not None:
        small = report.quantization
        print_loss(small.facts, small.seconds, small.float_seconds)
    if report.unknown is not None:
        print_text(gettext("unknown inputs: {facts}", facts=unknown_text(report.unknown)))
    if triton is not None:
        print_text(gettext("{path}: a model for Triton", path=triton))
    note(gettext("exported and compared in {seconds:.1f} s", seconds=report.seconds))


def _write_triton_alone(asked: Exporting) -> None:
    """Write a model repository from an ONNX file that is there."""
    if asked.out is not None:
        raise typer.BadParameter(
            gettext("{path} is an ONNX file already: give --triton without -o.", path=asked.checkpoint)
        )
    triton = _write_triton(asked.checkpoint, asked)
    if asked.as_json:
        print_json({"triton": triton})
    else:
        print_text(gettext("{path}: a model for Triton", path=triton))


def _write_triton(path: str, asked: Exporting) -> str:
    from onnxnn_runtime.triton import write_triton

    return str(write_triton(path, asked.triton or "", force=asked.force))
