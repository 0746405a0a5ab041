"""How far an exported file is from the torch module it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxnn_runtime
import torch
from onnxnn_runtime import ModelCard
from onnxnn_runtime.errors import ExportError, LayerError

from .definition import Definition, Net
from .layers.norm import Normalize
from .layers.reference import reference
from .shape import Shape

__all__ = ["Parity", "measure", "probe_shapes"]

Array = np.ndarray[Any, Any]

_BATCHES = (1, 3)
_GUESSES = (32, 64, 128, 224)
"""Sizes to try where neither data nor a layer says one."""


@dataclass(frozen=True)
class Parity:
    """The largest differences found.

    Args:
        absolute: Largest |file - torch|.
        relative: The same, divided by the largest |torch| of that output.
        where: Shape of the input at which the relative difference was found.
    """

    absolute: float = 0.0
    relative: float = 0.0
    where: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, float]:
        """Return what the card records."""
        return {"absolute": self.absolute, "relative": self.relative}

    def joined(self, found: Array, expected: Array, where: tuple[int, ...]) -> Parity:
        """Return the larger of this and the difference between two arrays.

        Raises:
            ExportError: Their shapes differ.
        """
        if found.shape != expected.shape:
            raise ExportError(
                f"the exported file gives shape {found.shape} for an input of {where}, torch gives "
                f"{expected.shape}. Nothing was written."
            )
        absolute = float(np.abs(found.astype(np.float64) - expected).max(initial=0.0))
        relative = absolute / max(float(np.abs(expected).max(initial=0.0)), 1e-12)
        return Parity(
            max(self.absolute, absolute),
            max(self.relative, relative),
            where if relative >= self.relative else self.where,
        )


def measure(data: bytes, definition: Definition, net: Net, card: ModelCard, free: Shape) -> Parity:
    """Run a file and torch on the same inputs: two batch sizes, and two sizes of every free axis.

    Args:
        data: The whole ONNX file.
        definition: The network as data.
        net: Its module, in evaluation mode.
        card: The file's card.
        free: One sample as the network takes it, None for the sizes that are free.

    Raises:
        InputError: ONNX Runtime cannot load the file.
        ExportError: The shapes differ.
    """
    model = onnxnn_runtime.load(data, device="cpu")
    head = definition.feature_layer()
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    parity = Parity()
    for number, (batch, shape) in enumerate(_cases(definition, card, free)):
        inputs, x = _sample(definition, card, shape, batch, seed=number)
        x = x.to(device)
        found = model.infer({"input": inputs})
        expected = reference(net, x).cpu().numpy()
        parity = parity.joined(found["output"], expected, inputs.shape)
        if head is not None and "embedding" in found:
            vectors = reference(lambda batch: net.feature(batch, head.name), x).cpu().numpy()
            parity = parity.joined(found["embedding"], vectors, inputs.shape)
    return parity


def probe_shapes(definition: Definition, free: Shape | None) -> list[Shape]:
    """Return shapes of one sample to try: as in training, and another where sizes are free."""
    assert free is not None
    known = definition.input_shape
    assert known is not None
    fits: Shape | None = None
    for guess in _GUESSES:
        filled = {a: guess if s is None else s for a, s in zip(known.axes, known.sizes, strict=True)}
        shape = known.with_sizes(**filled)
        try:
            definition.shape_behind(shape)
        except LayerError:
            continue
        fits = shape
        break
    if fits is None:
        raise ExportError(
            f"no picture size among {_GUESSES} goes through this network; load data before exporting."
        )
    # Odd differences, so that a size that is wrong by rounding shows.
    steps = {
        axis: 13 if axis == "height" else 6
        for axis, size in zip(free.axes, free, strict=True)
        if size is None
    }
    other = fits.with_sizes(**{axis: (fits[axis] or 0) + step for axis, step in steps.items()})
    return [fits] if other == fits else [fits, other]


def _cases(definition: Definition, card: ModelCard, free: Shape) -> list[tuple[int, Shape]]:
    shapes = probe_shapes(definition, free)
    if card.input.in_graph:
        return [(1, _picture(card, 61, 47)), (2, _picture(card, 30, 75))]
    cases = [(batch, shapes[0]) for batch in _BATCHES]
    return cases + [(_BATCHES[0] + 1, shape) for shape in shapes[1:]]


def _picture(card: ModelCard, height: int, width: int) -> Shape:
    """Return the shape of a picture before preprocessing, of a given size where the file leaves it free."""
    rows, columns = card.input.shape[1:3]
    return Shape.image(
        3, rows if isinstance(rows, int) else height, columns if isinstance(columns, int) else width
    )


def _sample(
    definition: Definition, card: ModelCard, shape: Shape, batch: int, seed: int
) -> tuple[Array, torch.Tensor]:
    """Return the same random input for the file and for torch."""
    generator = np.random.default_rng(seed)
    sizes = (batch, *(size or 1 for size in shape.sizes))
    if card.input.in_graph:
        assert card.input.preprocess is not None
        pictures = generator.integers(0, 256, (batch, *sizes[2:], 3), dtype=np.uint8)
        return pictures, torch.from_numpy(np.stack([card.input.preprocess(p) for p in pictures]))
    if card.input.kind == "tokens":
        tokens = generator.integers(0, max(2, len(card.input.vocabulary or ())), sizes)
        return tokens, torch.from_numpy(tokens)
    if card.input.kind == "image":
        values = generator.random(sizes, dtype=np.float32)
    else:
        values = generator.standard_normal(sizes, dtype=np.float32)
        first = definition.placed()[0]
        if isinstance(first.layer, Normalize):  # as the data lies, not far outside of it
            module = first.layer.build(first.in_shape)
            values = (values * module.std.numpy() + module.mean.numpy()).astype(np.float32)  # type: ignore[operator]
    return values, torch.from_numpy(values)
