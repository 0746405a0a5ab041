"""What a graph takes and returns: names, types and shapes, as its session says them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Sequence

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import printable

from .states import Described

if TYPE_CHECKING:
    from .session import Session

_UNREADABLE = [f"tensor({each})" for each in ("bfloat16", "float8e4m3fn", "float8e5m2", "int4", "uint4")]
"""Types of outputs that ONNX Runtime's Python package cannot return."""


def described(session: Session, name: str) -> tuple[Described, Described, Described]:
    """Return a graph's inputs, its outputs, and the inputs that have a default.

    Args:
        session: Holds the graph.
        name: What errors call the model.

    Raises:
        InputError: A name is no text.
    """
    try:
        return session.described()
    except UnicodeDecodeError as error:
        raise InputError.coded(
            "E-MODEL-01",
            "{name}: expected names of UTF-8 text in its graph, got other bytes. Export it again.",
            name=name,
        ) from error


def fixed_batch(arrays: Sequence[str], inputs: Described) -> int | None:
    """Return how many samples a graph takes at once; None where it takes any number.

    Args:
        arrays: The names of its inputs without states.
        inputs: All of its inputs.
    """
    shape = inputs[arrays[0]][1] if arrays else ()
    return shape[0] if shape and isinstance(shape[0], int) and shape[0] > 0 else None


def check_readable(name: str, outputs: Described, wanted: Iterable[str]) -> None:
    """Refuse outputs whose type NumPy does not have.

    Args:
        name: What errors call the model.
        outputs: All of the graph's outputs.
        wanted: The names of those that are to be returned.

    Raises:
        InputError: One of them has such a type.
    """
    for output in wanted:
        if output in outputs and outputs[output][0] in _UNREADABLE:
            raise InputError.coded(
                "E-MODEL-03",
                "{name}: its output {output} is {type}, which NumPy does not have. Add a Cast to "
                "float32 after it.",
                name=name,
                output=repr(printable(output, 80)),
                type=outputs[output][0],
            )
