"""Which opset has an operator, and the refusal of one that the graph's opset has not."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

import onnx.defs
from onnxnn_runtime.errors import ExportError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.targets import first_that_loads, for_version, targets_that_load


def check_operator(op: str, attributes: Collection[str], opset: int, where: str) -> None:
    """Refuse an operator that an opset does not have, or not with these attributes.

    Args:
        op: An operator of the standard domain; what no opset has, onnx's own checker refuses later.
        attributes: The names of those that are given.
        opset: The graph's.
        where: The layer, for the message.

    Raises:
        ExportError: It names the layer, the opset that has the operator, and the targets that take it.
    """
    names = frozenset(attributes)
    if _has(op, names, opset):
        return
    newest = onnx.defs.onnx_opset_version()
    needed = next((each for each in range(opset + 1, newest + 1) if _has(op, names, each)), None)
    if needed is None:
        return
    raise ExportError.coded(
        "E-EXPORT-02",
        "{where}: expected opset {needed} or newer, which has the operator {op} as this layer writes it, got "
        "{opset}. {advice}",
        where=where,
        needed=needed,
        op=op,
        opset=opset,
        advice=targets_for(needed),
    )


def targets_for(opset: int) -> str:
    """Return the sentence that says for which targets files of an opset can be exported."""
    first = first_that_loads(opset, 0)
    names = targets_that_load(opset, 0) + ([] if first is None else [for_version(first.version)])
    return gettext(
        "Export it with opset_version={opset}, or for a target that takes it: {targets}.",
        opset=opset,
        targets=", ".join(names),
    )


@cache
def _has(op: str, attributes: frozenset[str], opset: int) -> bool:
    try:
        schema = onnx.defs.get_schema(op, opset, "")
    except onnx.defs.SchemaError:
        return False
    return not schema.deprecated and attributes <= schema.attributes.keys()
