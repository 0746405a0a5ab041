"""Why ONNX Runtime does not load or run a graph, in the words of the user."""

from __future__ import annotations

import sys
from typing import Mapping

import numpy as np

from onnxnn_runtime.messages.catalogue import Message, coded, gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import printable, shortened

from .onnxfile import FileFacts
from .providers import first_line, offers_cuda, runtime_version
from .states import Described


def cannot_load(name: str, facts: FileFacts, error: Exception, data: bytes = b"") -> Message:
    """Return why ONNX Runtime does not load a model.

    Args:
        name: What errors call it.
        facts: What `inspect` found in it.
        error: What ONNX Runtime raised.
        data: The file's content.
    """
    from onnxnn_runtime.targets import loads  # here, because only a failure needs it

    from .foreign import foreign_operators

    version = runtime_version()
    opset, ir_version = loads(version)
    if facts.opset.get("", 0) > opset or facts.ir_version > ir_version:
        return _too_new(name, facts, version)
    for domain, operator in foreign_operators(data):
        return coded(
            "E-MODEL-03",
            "{name}: expected operators of ONNX or ONNX Runtime, got {operator} of the domain {domain}, "
            "which is a custom operator. Make the model without it, of standard operators.",
            name=name,
            operator=shortened(operator),
            domain=shortened(domain),
        )
    return coded(
        "E-MODEL-03",
        "{name}: {installed} cannot load it ({reason}). Install a newer onnxruntime, or get the file again.",
        name=name,
        installed="ONNX Runtime {}.{}".format(*version),
        reason=printable(first_line(error), 400),
    )


def _too_new(name: str, facts: FileFacts, version: tuple[int, int]) -> Message:
    """Return the message for a file of a newer opset or IR than the installed ONNX Runtime loads."""
    from onnxnn_runtime import targets

    opset, ir_version = targets.loads(version)
    found_opset, found_ir = facts.opset.get("", 0), facts.ir_version
    installed = "ONNX Runtime {}.{}".format(*version)
    line = f"onnxnn export CKPT -o FILE.onnx --target {targets.for_version(version)}"
    problem = gettext(
        "{name}: expected up to opset {opset} and IR {ir}, which {installed} loads, got opset {found_opset} "
        "and IR {found_ir}",
        name=name,
        opset=opset,
        ir=ir_version,
        installed=installed,
        found_opset=found_opset,
        found_ir=found_ir,
    )
    first = targets.first_that_loads(found_opset, found_ir)
    if first is None:
        return coded(
            "E-MODEL-03",
            "{problem}, which no ONNX Runtime up to {newest} loads. Export it again: {line}",
            problem=problem,
            newest=targets.RELEASES[-1].name,
            line=line,
        )
    newest = targets.newest_for(sys.version_info[:2], targets.this_computer())
    if newest is not None and newest.version < first.version:
        return coded(
            "E-MODEL-03",
            "{problem}, for which ONNX Runtime {first} is needed; here it ends at {newest}. Export it again: "
            "{line}",
            problem=problem,
            first=first.name,
            newest=newest.name,
            line=line,
        )
    return coded(
        "E-MODEL-03",
        "{problem}, for which ONNX Runtime {first} is needed. Install it (pip install -U "
        '"{package}>={first}"), or export the file again: {line}',
        problem=problem,
        first=first.name,
        package="onnxruntime-gpu" if offers_cuda() else "onnxruntime",
        line=line,
    )


def cannot_run(
    name: str, inputs: Described, feeds: Mapping[str, np.ndarray], error: Exception, engine: str
) -> Message:
    """Return why an engine does not run a graph.

    Args:
        name: What errors call the model.
        inputs: What the graph takes.
        feeds: What it was given.
        error: What the engine raised.
        engine: Its name, as `Session.engine` has it.
    """
    problem = _disagreement(name, inputs, feeds)
    if problem is not None:
        return problem
    shapes = ", ".join(f"{printable(each, 40)} {shape_text(value.shape)}" for each, value in feeds.items())
    if engine == "OpenVINO":
        from .openvino_session import reason_of  # here, because few ask

        return coded(
            "E-MODEL-03",
            "{name}: OpenVINO cannot run it on {inputs} ({reason}). Open it with device='cpu', or give "
            "inputs of the shapes that it was made for.",
            name=name,
            inputs=shapes[:300],
            reason=reason_of(error),
        )
    return coded(
        "E-MODEL-03",
        "{name}: cannot run on {inputs} ({reason}). Give inputs of the shapes that it was made for.",
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
