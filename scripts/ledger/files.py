"""The files of the ledger: layers and kinds of networks, with inputs and what torch returns for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxnn_runtime.errors import ExportError
from support.layer_examples import EXAMPLES
from support.onnx_check import emit, random_input, shake

from onnxnn.definition.definition import Definition
from onnxnn.definition.dynamic_axes import fixed_input
from onnxnn.export.fixed_shapes import with_sizes
from onnxnn.graph.shape import Shape
from onnxnn.layers import registry

from .kinds import KINDS
from .runtimes import FIXED

Array = np.ndarray[Any, Any]

IN_KINDS = {
    "custom": "a module of one's own",
    "denormalize": "values of a table",
    "diffusion_model": "denoiser",
    "exponential": "counts of a table",
    "transformer": "from sequence to sequence",
}
"""The layers that no network of one layer can show -> the kind of network that has them."""

KIND_OF = {
    "DiffusionNetwork": "denoiser",
    "LanguageModel": "language model",
    "NetworkKind": "classes of a table",
    "SequenceToSequence": "from sequence to sequence",
}
"""Class of onnxnn.kinds -> a kind of network that it makes."""


def rows() -> tuple[list[str], list[str]]:
    """Return the names of the ledger's rows: layers, and kinds of networks."""
    return sorted(kind for kind in registry if kind not in IN_KINDS), list(KINDS)


def write_files(folder: Path, wanted: Collection[str] | None = None) -> dict[str, str]:
    """Write NAME.onnx and NAME.npz for each row.

    Args:
        folder: Where to; it is made.
        wanted: The rows; None takes all.

    Returns:
        NAME -> the row that it belongs to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    layers, kinds = rows()
    for row in layers + kinds:
        if wanted is not None and row not in wanted:
            continue
        if row in KINDS:
            cases = [KINDS[row]]
        else:
            cases = [_layer_case(row, options, shape) for options, shape in EXAMPLES[row]]
        for case in cases:
            name = f"{len(names):03d}"
            feeds, outputs = case(folder / f"{name}.onnx")
            store(folder / f"{name}.npz", feeds, outputs)
            names[name] = row
    return names


def write_fixed_files(folder: Path, rows: Mapping[str, str]) -> dict[str, str]:
    """Write NAME.onnx and NAME.npz again, as `export(fixed_shapes=...)` writes them: for one sample.

    Files that cannot have fixed shapes are left out.

    Args:
        folder: Where `write_files` wrote; the files stand in its folder FIXED.
        rows: What it returned.

    Returns:
        NAME -> the row that it belongs to.
    """
    (folder / FIXED).mkdir(exist_ok=True)
    count = dict.fromkeys(rows.values(), 0)
    names = {}
    for name, row in rows.items():
        path = folder / FIXED / f"{name}.onnx"
        number, count[row] = count[row], count[row] + 1
        sizes = _free_sizes(folder / name)
        try:
            if row in KINDS:
                is_text = row == "language model"  # which takes one token at a time
                feeds, outputs = KINDS[row](path, fixed_shapes=True if is_text or not sizes else sizes)
            else:
                feeds, outputs = _layer_case(row, *EXAMPLES[row][number])(path, is_fixed=True)
        except ExportError:
            continue
        declared = onnx.load(path).graph
        store(path.with_suffix(".npz"), _cut(feeds, declared.input), _cut(outputs, declared.output))
        names[name] = row
    return names


def _free_sizes(path: Path) -> dict[str, int]:
    """Return the sizes of the inputs of a file by the names of their axes, without the batch."""
    graph = onnx.load(path.with_suffix(".onnx")).graph
    with np.load(path.with_suffix(".npz")) as arrays:
        return {
            dim.dim_param: size
            for value in graph.input
            if f"in:{value.name}" in arrays.files
            for dim, size in zip(
                value.type.tensor_type.shape.dim, arrays[f"in:{value.name}"].shape, strict=True
            )
            if dim.dim_param not in ("", "batch")
        }


def _cut(arrays: Mapping[str, Array], declared: Iterable[onnx.ValueInfoProto]) -> dict[str, Array]:
    """Return the first sample of each array: as much of each axis as a file declares."""
    sizes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in declared}
    return {name: array[tuple(map(slice, sizes[name]))] for name, array in arrays.items()}


def store(path: Path, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
    """Write inputs and expected outputs as the engines read them."""
    parts = {f"in:{name}": array for name, array in feeds.items()}
    parts.update({f"out:{name}": array for name, array in outputs.items()})
    np.savez(path, **parts)  # type: ignore[arg-type]


def _layer_case(kind: str, options: dict[str, Any], shape: Shape) -> Any:
    """Return what writes a file of one layer, and returns its inputs and what torch returns."""

    def case(path: Path, is_fixed: bool = False) -> tuple[dict[str, Array], dict[str, Array]]:
        torch.manual_seed(0)
        definition = Definition(shape).with_layer(1, kind, options=options)
        net = definition.build()
        shake(net)
        model = emit(definition, net, fixed_input(definition) if is_fixed else None)
        if is_fixed:
            model = with_sizes(model, {"batch": 1})
        path.write_bytes(model.SerializeToString())
        x = random_input(shape, 3)
        with torch.no_grad():
            return {"input": x.numpy()}, {"output": net.eval()(x).numpy()}

    return case
