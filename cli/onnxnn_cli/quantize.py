"""`onnxnn quantize`: a model file becomes a smaller and faster one, if it stays as accurate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import typer

from .options import FORCE, JSON, MODEL, takes
from .output import need_onnxnn, note, print_json, print_text
from .text import gettext, ngettext

if TYPE_CHECKING:
    from onnxnn_runtime.card.quantization import QuantizationSpec

HELP = gettext(
    "Write a model file that computes in 8-bit integers, if it stays as accurate.\n\n"
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
    data: str = typer.Option(
        ..., "--data", metavar="DATA", help=gettext("Samples: a folder of images, a .csv, .npy or .npz file.")
    )
    out: str = typer.Option(..., "--out", "-o", metavar="FILE", help=gettext("The .onnx file to write."))
    held_out: Optional[str] = typer.Option(
        None,
        "--held-out",
        metavar="DATA",
        help=gettext("Samples that measure; some of --data if not given."),
    )
    target: str = typer.Option(
        "any",
        "--target",
        metavar="TARGET",
        help=gettext("Where the file runs, such as any, server, unihiker, rpi or jetson."),
    )
    max_drop: Optional[float] = typer.Option(
        None,
        "--max-drop",
        metavar="POINTS",
        help=gettext(
            "How many points of 100 may be lost; 0.5 if not given, of same neighbours 3. Perplexity may grow "
            "by so many percent, 1 if not given, the Fréchet distance of images by 10."
        ),
    )
    calibration: int = typer.Option(
        128, "--calibration", metavar="N", help=gettext("The most samples that calibrate.")
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
    """Write a model file that computes in 8-bit integers, if it stays as accurate."""
    quantizer = need_onnxnn("quantize", "onnxnn.quantization.quantizer")
    report = quantizer.quantize(
        asked.file,
        asked.data,
        asked.out,
        target=asked.target,
        held_out=asked.held_out,
        method=asked.method,
        calibration=asked.calibration,
        max_drop=asked.max_drop,
        auto=asked.auto,
        force=asked.force,
    )
    if asked.as_json:
        print_json(report.to_dict())
        return
    facts: QuantizationSpec = report.facts
    print_text(
        gettext(
            "{path}: {size:.2f} MB instead of {before:.2f} MB",
            path=report.path,
            size=report.size / 1e6,
            before=report.float_size / 1e6,
        )
    )
    for title, figures in ((gettext("float"), facts.before), (facts.precision, facts.after)):
        print_text(gettext("{title}: {figures}", title=title, figures=quantizer.figures_text(figures)))
    print_text(
        gettext(
            "{lost} on {samples}; {quantized:.2f} ms for one on one core here, float {float:.2f} ms",
            lost=lost_text(facts),
            samples=ngettext("{count} held-out sample", "{count} held-out samples", facts.samples),
            quantized=1000 * report.seconds,
            float=1000 * report.float_seconds,
        )
    )
    if report.speedup < 1:
        note(gettext("INT8 is slower on this machine: keep the float file here, unless the size counts."))
    if facts.float_layers:
        note(gettext("in float: {layers}", layers=", ".join(facts.float_layers)))


def lost_text(facts: QuantizationSpec) -> str:
    """Return what a quantised file lost: "0.21 points lost", or "perplexity grew by 0.21 %"."""
    if facts.grows:
        return gettext("{measure} grew by {drop:.2f} %", measure=facts.measure, drop=facts.drop)
    return gettext("{drop:.2f} points lost", drop=facts.drop)
