"""The files of the ledger: layers and kinds of networks, with inputs and what torch returns for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from support.layer_examples import EXAMPLES
from support.onnx_check import emit, random_input, shake

from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.layers import registry

from .kinds import KINDS

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


def store(path: Path, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
    """Write inputs and expected outputs as the engines read them."""
    parts = {f"in:{name}": array for name, array in feeds.items()}
    parts.update({f"out:{name}": array for name, array in outputs.items()})
    np.savez(path, **parts)  # type: ignore[arg-type]


def _layer_case(kind: str, options: dict[str, Any], shape: Shape) -> Any:
    """Return what writes a file of one layer, and returns its inputs and what torch returns."""

    def case(path: Path) -> tuple[dict[str, Array], dict[str, Array]]:
        torch.manual_seed(0)
        definition = Definition(shape).with_layer(1, kind, options=options)
        net = definition.build()
        shake(net)
        path.write_bytes(emit(definition, net).SerializeToString())
        x = random_input(shape, 3)
        with torch.no_grad():
            return {"input": x.numpy()}, {"output": net.eval()(x).numpy()}

    return case
