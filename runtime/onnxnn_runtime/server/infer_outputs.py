"""From the outputs of a graph to the response of an inference request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping, Sequence

import numpy as np
from starlette.responses import Response

from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import name_hint
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import printable, shortened

from .content import as_json
from .errors import BadRequest
from .infer_request import HEADER, InferRequest, Wanted
from .tensors import DATATYPES, as_bytes, as_values, datatype_of

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

    from .lanes import Outputs

__all__ = ["infer_response", "joined", "outputs_of"]


def outputs_of(asked: InferRequest, model: Model) -> list[Wanted]:
    """Return the outputs that a request is for, all of the graph's tensors where it names none.

    Raises:
        BadRequest: An output is unknown, or no tensor.
    """
    known = [name for name, (dtype, _) in model.outputs.items() if dtype in DATATYPES]
    wanted = asked.outputs or [Wanted(name) for name in known]
    for each in wanted:
        if each.name not in known:
            raise BadRequest.coded(
                "E-INPUT-03",
                "{name}: no output of this name{hint} Outputs: {known}.",
                name=shortened(each.name),
                hint=name_hint(each.name, known),
                known=", ".join(printable(name, 40) for name in known),
            )
    return [
        Wanted(each.name, asked.binary if each.binary is None else each.binary, each.classes)
        for each in wanted
    ]


def joined(found: Sequence[Outputs], wanted: Sequence[Wanted]) -> Outputs:
    """Return the outputs of several images as those of one batch.

    Raises:
        BadRequest: They have different shapes, as those of images of different sizes may.
    """
    together = {}
    for name in [each.name for each in wanted]:
        parts = [outputs[name][:1] if np.ndim(outputs[name]) else outputs[name] for outputs in found]
        if len({part.shape for part in parts}) > 1:
            raise BadRequest.coded(
                "E-INPUT-03",
                "{name}: the images give outputs of different shapes. Send images of one size, or one in "
                "each request.",
                name=printable(name, 80),
            )
        together[name] = np.concatenate(parts) if parts[0].ndim else np.stack(parts)
    return together


def infer_response(
    header: Mapping[str, object], wanted: Sequence[Wanted], outputs: Outputs, card: ModelCard | None
) -> Response:
    """Return the response of a request.

    Args:
        header: What the JSON holds besides the outputs.
        wanted: The outputs that are returned, and how.
        outputs: What the graph returned.
        card: Names the classes.

    Raises:
        BadRequest: Classes are asked of an output that has no scores.
    """
    entries: list[dict[str, object]] = []
    binaries: list[bytes] = []
    for each in wanted:
        array = outputs[each.name]
        if each.classes:
            array = _best(each, array, _labels(each.name, array, outputs, card))
        entry: dict[str, object] = {
            "name": each.name,
            "datatype": datatype_of(array),
            "shape": list(array.shape),
        }
        if each.binary:
            binaries.append(as_bytes(array))
            entry["parameters"] = {"binary_data_size": len(binaries[-1])}
        else:
            entry["data"] = as_values(array)
        entries.append(entry)
    found = as_json({**header, "outputs": entries})
    if not binaries:
        return found
    text = bytes(found.body)
    return Response(
        b"".join([text, *binaries]), headers={HEADER: str(len(text))}, media_type="application/octet-stream"
    )


def _labels(name: str, array: np.ndarray, outputs: Outputs, card: ModelCard | None) -> tuple[str, ...]:
    """Return the names of the classes that an output scores; () where it has no names."""
    if card is None or card.output.kind != "classes" or name != next(iter(outputs)):
        return ()
    return card.output.classes if array.shape[1:] == (len(card.output.classes),) else ()


def _best(wanted: Wanted, array: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Return the best classes of each sample as texts "score:index:label", as Triton does.

    Raises:
        BadRequest: The output has no scores.
    """
    if array.ndim < 1 or array.dtype.kind not in "fiu":
        raise BadRequest.coded(
            "E-INPUT-08",
            "{name}: expected an output with scores for classification, got {datatype} {shape}.",
            name=printable(wanted.name, 80),
            datatype=datatype_of(array),
            shape=shape_text(array.shape),
        )
    scores = array.reshape(len(array), -1)
    order = np.argsort(-scores.astype(np.float64), axis=1, kind="stable")[:, : wanted.classes]
    found = np.empty(order.shape, object)
    for row, indices in enumerate(order):
        for column, index in enumerate(indices):
            label = f":{labels[index]}" if labels else ""
            found[row, column] = f"{scores[row, index]!s}:{index}{label}"
    return found
