"""`onnxnn report`: what a model gets right and wrong, as a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, List, Mapping, Optional, Sequence

import typer

from .options import BATCH_SIZE, CHANNEL_ORDER, DEVICE, FORCE, JSON, LOW_MEMORY, MODEL, SKIP, takes
from .output import note, print_json, print_table, print_text
from .skipping import advising_to_skip, check_left
from .text import gettext

if TYPE_CHECKING:
    from onnxnn_runtime import ModelReport

HELP = gettext(
    "Say what a model gets right and wrong on samples whose labels are known, as a page for the browser.\n\n"
    "Accuracy, precision and recall of each class, the confusion matrix, calibration, the worst mistakes as "
    "images, labels that are probably wrong, and images that the model has seen in training; for values the "
    "errors, for texts the perplexity.\n\n"
    "Example: onnxnn report pets.onnx pets/train -o report.html"
)
"""The help text."""


@dataclass(frozen=True)
class Reporting:
    """What is typed after `onnxnn report`."""

    file: str = MODEL
    data: str = typer.Argument(
        ...,
        metavar="DATA",
        help=gettext(
            "A folder with a subfolder for each class, a .csv with its label column, a .npz with data and "
            "label, or a .txt with a text in each line."
        ),
    )
    out: Optional[str] = typer.Option(
        None,
        "--out",
        "-o",
        metavar="FILE",
        help=gettext("The file to write: .html, .json, or .png for the confusion matrix."),
    )
    matrix: Optional[str] = typer.Option(
        None, "--matrix", metavar="MATRIX.png", help=gettext("Also draw the confusion matrix into this file.")
    )
    train: Optional[str] = typer.Option(
        None,
        "--train",
        metavar="DATA",
        help=gettext("What the model was trained on, to find samples that stand on both sides."),
    )
    strangers: Optional[str] = typer.Option(
        None,
        "--strangers",
        metavar="DATA",
        help=gettext("Samples of other classes, which a file with --unknown should notice."),
    )
    lang: Optional[str] = typer.Option(
        None, "--lang", metavar="LANG", help=gettext("The language of the page: en or zh.")
    )
    batch_size: Optional[int] = BATCH_SIZE
    channel_order: Optional[str] = CHANNEL_ORDER
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    skip_errors: bool = SKIP
    force: bool = FORCE
    as_json: bool = JSON


@takes(Reporting)
def report(asked: Reporting) -> None:
    """Say what a model gets right and wrong on samples whose labels are known."""
    import onnxnn_runtime as rt
    from onnxnn_runtime.messages.progress import ProgressLine
    from onnxnn_runtime.report.result import check_language, check_saved

    check_language(asked.lang)
    sources: List[object] = [asked.file, asked.data, asked.train, asked.strangers]
    for path in (asked.out, asked.matrix):
        if path is not None:
            check_saved(path, sources, asked.force, "--force")
    model = rt.load(asked.file, device=asked.device, low_memory=asked.low_memory)
    with ProgressLine(_progress) as progress, advising_to_skip(asked.skip_errors, [asked.data]):
        found = model.report(
            asked.data,
            train=asked.train,
            strangers=asked.strangers,
            lang=asked.lang,
            errors="skip" if asked.skip_errors else "raise",
            batch_size=asked.batch_size,
            channel_order=asked.channel_order,
            progress=progress,
        )
    left_out = found["left_out"]
    if isinstance(left_out, list):
        check_left(int(str(found["samples"])), [(each["name"], each["reason"]) for each in left_out])
    for path in (asked.out, asked.matrix):
        if path is not None:
            note(gettext("wrote {path}", path=found.save(path, force=asked.force)))
    if asked.as_json:
        print_json(found.to_dict())
    else:
        _print(found)


def _progress(done: int, total: Optional[int]) -> str:
    if total is None:
        return gettext("predicted {done}", done=done)
    return gettext("predicted {done} of {total}", done=done, total=total)


def _print(found: ModelReport) -> None:
    print_text(str(found))
    classes = found.get("classes")
    if isinstance(classes, list):
        heading = [gettext("class"), gettext("precision"), gettext("recall"), "F1", gettext("samples")]
        print_text()
        print_table([heading, *map(_row, classes)])


def _row(each: Mapping[str, object]) -> Sequence[str]:
    shares = [f"{float(str(each[key])):.3f}" for key in ("precision", "recall", "f1")]
    return [str(each["name"]), *shares, str(each["support"])]
