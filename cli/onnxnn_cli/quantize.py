"""`onnxnn quantize`: a model file becomes a smaller and faster one, if it stays as accurate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import typer

from .options import FORCE, JSON, MAX_DROP, MODEL, TARGET, takes
from .output import need_onnxnn, note, print_json, print_text
from .text import gettext

if TYPE_CHECKING:
    from onnxnn_runtime.card.quantization import QuantizationSpec

HELP = gettext(
    "Write a model file that computes in 8-bit integers or 16-bit floats, if it stays as accurate.\n\n"
    "Some samples calibrate, the others measure both files; subfolders of images or a column of a table are "
    "their labels. Nothing is written where the loss is larger than --max-drop. Needs the training "
    "package.\n\n"
    "Example: onnxnn quantize pets.onnx --data pets/train -o pets-int8.onnx --max-drop 20"
)
"""The help text."""


@dataclass(frozen=True)
class Quantizing:
    """What is typed after `onnxnn quantize`."""

    file: str = MODEL
    out: str = typer.Option(..., "--out", "-o", metavar="FILE", help=gettext("The .onnx file to write."))
    data: Optional[str] = typer.Option(
        None,
        "--data",
        metavar="DATA",
        help=gettext("Samples: a folder of images, a .csv, .npy or .npz file; --fp16 does without."),
    )
    fp16: bool = typer.Option(
        False, "--fp16", help=gettext("Compute in 16-bit floating point, for GPUs and the browser.")
    )
    held_out: Optional[str] = typer.Option(
        None,
        "--held-out",
        metavar="DATA",
        help=gettext("Samples that measure; some of --data if not given."),
    )
    target: Optional[str] = TARGET
    max_drop: Optional[float] = MAX_DROP
    num_calibration: int = typer.Option(
        128, "--num-calibration", metavar="N", help=gettext("The most samples that calibrate.")
    )
    method: str = typer.Option(
        "mse",
        "--method",
        metavar="METHOD",
        help=gettext("How ranges follow: mse, minmax, entropy or percentile."),
    )
    auto: bool = typer.Option(
        False,
        "--auto",
        help=gettext("Leave layers in float that lose most, until the loss is small enough."),
    )
    force: bool = FORCE
    as_json: bool = JSON


@takes(Quantizing)
def quantize(asked: Quantizing) -> None:
    """Write a model file that computes in smaller numbers, if it stays as accurate."""
    if asked.data is None and not asked.fp16:
        raise typer.BadParameter(
            gettext("expected --data DATA, samples that calibrate; --fp16 does without.")
        )
    from onnxnn_runtime.outputs.output_files import check_output

    quantizer = need_onnxnn("quantize", "onnxnn.quantization.quantizer")
    check_output(asked.out, "ONNX", (asked.file, asked.data, asked.held_out), asked.force, "--force")
    report = quantizer.quantize(
        asked.file,
        asked.data,
        asked.out,
        precision="fp16" if asked.fp16 else "int8",
        target=asked.target,
        held_out=asked.held_out,
        method=asked.method,
        num_calibration=asked.num_calibration,
        max_drop=asked.max_drop,
        auto=asked.auto,
        force=asked.force,
    )
    if asked.as_json:
        print_json(report.to_dict())
        return
    print_text(
        gettext(
            "{path}: {size:.2f} MB instead of {before:.2f} MB",
            path=report.path,
            size=report.size / 1e6,
            before=report.float_size / 1e6,
        )
    )
    print_loss(report.facts, report.seconds, report.float_seconds)


def print_loss(facts: QuantizationSpec, seconds: float, float_seconds: float) -> None:
    """Print what a file in smaller numbers lost, and how fast it is here.

    Args:
        facts: What its card says.
        seconds: How long one sample takes in it.
        float_seconds: The same in the float file.
    """
    from onnxnn_runtime.card.words import figures_text, samples_text

    for title, figures in ((gettext("float"), facts.before), (facts.precision, facts.after)):
        print_text(gettext("{title}: {figures}", title=title, figures=figures_text(figures)))
    print_text(
        gettext(
            "{lost} on {samples}; {quantized:.2f} ms for one on one core here, float {float:.2f} ms",
            lost=lost_text(facts),
            samples=samples_text(facts),
            quantized=1000 * seconds,
            float=1000 * float_seconds,
        )
    )
    if seconds > float_seconds and facts.precision == "fp16":
        note(
            gettext(
                "FP16 is slower on this processor, which computes it in float32. Use it on GPUs and pages."
            )
        )
    elif seconds > float_seconds:
        note(gettext("INT8 is slower on this machine: keep the float file here, unless the size counts."))
    if facts.float_layers:
        note(gettext("in float: {layers}", layers=", ".join(facts.float_layers)))


def lost_text(facts: QuantizationSpec) -> str:
    """Return what a quantised file lost: "0.21 points lost", or "perplexity grew by 0.21 %"."""
    if facts.grows:
        return gettext("{measure} grew by {drop:.2f} %", measure=facts.measure, drop=facts.drop)
    return gettext("{drop:.2f} points lost", drop=facts.drop)
