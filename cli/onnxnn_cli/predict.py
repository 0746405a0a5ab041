"""`onnxnn predict`: labels and scores, or values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, List, Optional

import typer

from .inputs import given
from .options import BATCH_SIZE, CHANNEL_ORDER, DEVICE, INPUTS, JSON, LOW_MEMORY, MODEL, SKIP, takes
from .output import note, print_json, print_table
from .skipping import advising_to_skip, check_left
from .text import gettext

if TYPE_CHECKING:
    from onnxnn_runtime import Prediction

HELP = gettext(
    "Print the class and score of each input, the class of each of its steps, or its values.\n\n"
    "Example: onnxnn predict pets.onnx cat.jpg --top 2"
)
"""The help text."""


@dataclass(frozen=True)
class Predicting:
    """What is typed after `onnxnn predict`."""

    file: str = MODEL
    inputs: List[str] = INPUTS
    top: int = typer.Option(
        1, "--top", "-k", metavar="N", min=1, help=gettext("How many classes to name for each input.")
    )
    unknown: bool = typer.Option(
        False,
        "--unknown",
        help=gettext(
            "Answer unknown for inputs that are like none of the training; for files exported with --unknown."
        ),
    )
    heatmap: Optional[str] = typer.Option(
        None,
        "--heatmap",
        metavar="FILE",
        help=gettext("Also draw where the model looks in one image into a .png; exported with --heatmap."),
    )
    batch_size: Optional[int] = BATCH_SIZE
    channel_order: Optional[str] = CHANNEL_ORDER
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    skip_errors: bool = SKIP
    as_json: bool = JSON


@takes(Predicting)
def predict(asked: Predicting) -> None:
    """Print the class and score of each input, the class of each of its steps, or its values."""
    import onnxnn_runtime as rt
    from onnxnn_runtime.messages.progress import ProgressLine

    model = rt.load(asked.file, device=asked.device, low_memory=asked.low_memory)
    with ProgressLine(_progress) as progress, advising_to_skip(asked.skip_errors, asked.inputs):
        found = model.predict(
            given(asked.inputs),
            asked.top,
            unknown=asked.unknown,
            errors="skip" if asked.skip_errors else "raise",
            batch_size=asked.batch_size,
            progress=progress,
            channel_order=asked.channel_order,
        )
    check_left(len(found), found.skipped)
    if asked.heatmap is not None:
        drawn = model.heatmap(given(asked.inputs), channel_order=asked.channel_order)
        note(
            gettext(
                "{path}: where the model looks for {label}", path=drawn.save(asked.heatmap), label=drawn.label
            )
        )
    if asked.as_json:
        print_json([_as_data(prediction) for prediction in found])
    else:
        print_table([_heading(found[0]), *map(_row, found)])


def _progress(done: int, total: Optional[int]) -> str:
    if total is None:
        return gettext("predicted {done}", done=done)
    return gettext("predicted {done} of {total}", done=done, total=total)


def _heading(prediction: Prediction) -> List[str]:
    name = gettext("name")
    if prediction.values:
        return [name, *prediction.values]
    if isinstance(prediction.label, list):
        return [name, gettext("class of each step")]
    score = gettext("score") if prediction.score_kind == "probability" else prediction.score_kind
    answer = [] if prediction.distance is None else [gettext("answer"), gettext("distance")]
    return [name, *answer, *[gettext("class"), score] * len(prediction.top)]


def _as_data(prediction: Prediction) -> Dict[str, object]:
    if prediction.values:
        return {"name": prediction.name, "values": dict(prediction.values)}
    data: Dict[str, object] = {"name": prediction.name, "label": prediction.label, "score": prediction.score}
    if prediction.score_kind != "probability":
        data["score_kind"] = prediction.score_kind
    if prediction.distance is not None:
        data["distance"] = prediction.distance
    if prediction.top:
        data["top"] = [{"label": label, "score": score} for label, score in prediction.top]
    return data


def _row(prediction: Prediction) -> List[str]:
    if prediction.values:
        return [prediction.name, *(f"{value:.6g}" for value in prediction.values.values())]
    if isinstance(prediction.label, list):
        return [prediction.name, " ".join(prediction.label)]
    cells = [prediction.name]
    if prediction.distance is not None:
        known = prediction.distance <= 1
        cells += [str(prediction.label) if known else gettext("unknown"), f"{prediction.distance:.2f}"]
    for label, score in prediction.top:
        cells += [label, f"{score:.4f}"]
    return cells
