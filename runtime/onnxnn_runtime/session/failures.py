"""Why ONNX Runtime does not load or run a graph, in the words of the user."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from onnxnn_runtime.messages.catalogue import Message, coded
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import printable, shortened

from .onnxfile import FileFacts
from .providers import first_line, loads, runtime_version
from .states import Described


def cannot_load(name: str, facts: FileFacts, error: Exception) -> Message:
    """Return why ONNX Runtime does not load a model.

    Args:
        name: What errors call it.
        facts: What `inspect` found in it.
        error: What ONNX Runtime raised.
    """
    version = runtime_version()
    opset, ir_version = loads(version)
    wanted = facts.opset.get("", 0)
    installed = "ONNX Runtime {}.{}".format(*version)
    if wanted > opset or facts.ir_version > ir_version:
        fitting = min(wanted, opset), min(facts.ir_version, ir_version)
        return coded(
            "E-MODEL-03",
            "{name}: expected up to opset {opset} and IR {ir}, which {installed} loads, got opset "
            "{found_opset} and IR {found_ir}. Export it with {options}, or install a newer onnxruntime.",
            name=name,
            opset=opset,
            ir=ir_version,
            installed=installed,
            found_opset=wanted,
            found_ir=facts.ir_version,
            options="opset_version={}, ir_version={}".format(*fitting),
        )
    return coded(
        "E-MODEL-03",
        "{name}: {installed} cannot load it ({reason}).",
        name=name,
        installed=installed,
        reason=printable(first_line(error), 400),
    )


def cannot_run(name: str, inputs: Described, feeds: Mapping[str, np.ndarray], error: Exception) -> Message:
    """Return why ONNX Runtime does not run a graph.

    Args:
        name: What errors call the model.
        inputs: What the graph takes.
        feeds: What it was given.
        error: What ONNX Runtime raised.
    """
    problem = _disagreement(name, inputs, feeds)
    if problem is not None:
        return problem
    shapes = ", ".join(f"{printable(each, 40)} {shape_text(value.shape)}" for each, value in feeds.items())
    return coded(
        "E-MODEL-03",
        "{name}: cannot run on {inputs} ({reason}).",
        name=name,
        inputs=shapes[:300],
        reason=printable(first_line(error), 400),
    )


def _disagreement(name: str, inputs: Described, feeds: Mapping[str, np.ndarray]) -> Message | None:
    """Return what is wrong where inputs disagree in an axis that they share, such as the batch."""
    sizes: dict[str, tuple[str, int]] = {}
    for each, value in feeds.items():
        for axis, size in zip(inputs.get(each, ("", ()))[1], value.shape):
            if isinstance(axis, str) and axis and sizes.setdefault(axis, (each, size))[1] != size:
                first, other = sizes[axis]
                return coded(
                    "E-INPUT-03",
                    "{name}: expected the same size along {axis}, got {other} in {first} and {size} "
                    "in {second}.",
                    name=name,
                    axis=shortened(axis),
                    other=other,
                    first=first,
                    size=size,
                    second=each,
                )
    return None
