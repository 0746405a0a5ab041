"""How far an exported file is from the torch module it came from."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxnn_runtime
import torch
from onnxnn_runtime import ModelCard
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.tokens import token_count
from onnxnn_runtime.errors import ExportError, LayerError
from onnxnn_runtime.heatmap import OUTPUT as HEAT_MAPS
from onnxnn_runtime.messages.shapes import shape_text

from onnxnn.definition.definition import Definition, Net, Placed
from onnxnn.definition.dynamic_axes import fixed_input
from onnxnn.definition.last_layer import last_bounded
from onnxnn.graph.shape import Shape
from onnxnn.inference.heatmaps import class_maps
from onnxnn.layers.reference import reference

if TYPE_CHECKING:
    from onnxnn.kinds.kind import NetworkKind

Array = np.ndarray[Any, Any]

_BATCHES = (1, 3)

ROUNDINGS = 4.0
"""How many times torch's own rounding a file may differ: both sides round, in different orders."""

_MOST_ROUNDING = 0.01
"""The largest relative difference that passes as rounding."""


@dataclass(frozen=True)
class Parity:
    """The largest differences found.

    Args:
        absolute: Largest |file - torch|.
        relative: The same, divided by the largest |torch| of that output; where the network's last activation
            has an upper bound, by the largest value that it can return, which is 1 for probabilities.
        where: Shape of the input at which the relative difference was found.
        rounding: The largest relative difference between torch's own float32 and float64 outputs, measured
            where the file differs by more than the tolerance; otherwise 0. A network can amplify rounding, as
            one does whose batch normalisation saw only a few samples: float32 is not exact in torch either.
    """

    absolute: float = 0.0
    relative: float = 0.0
    where: tuple[int, ...] = ()
    rounding: float = 0.0

    def is_rounding(self) -> bool:
        """Return whether the file is as near to torch as float32 is to float64 in this network."""
        return self.relative <= min(ROUNDINGS * self.rounding, _MOST_ROUNDING)

    def to_dict(self) -> dict[str, float]:
        """Return what the card records."""
        return {"absolute": self.absolute, "relative": self.relative}

    def joined(self, found: Array, expected: Array, where: tuple[int, ...], largest: float = 0.0) -> Parity:
        """Return the larger of this and the difference between two arrays.

        Args:
            found: What the file returns.
            expected: What torch returns.
            where: Shape of the input.
            largest: The largest value that there can be, where that is known; else 0.

        Raises:
            ExportError: Their shapes differ.
        """
        if found.shape != expected.shape:
            raise ExportError.coded(
                "E-EXPORT-03",
                "expected the exported file to return shape {expected} for an input {where}, as torch "
                "does, got {found}. Nothing was written.",
                expected=shape_text(expected.shape),
                where=where,
                found=shape_text(found.shape),
            )
        absolute = float(np.abs(found.astype(np.float64) - expected).max(initial=0.0))
        relative = absolute / max(float(np.abs(expected).max(initial=0.0)), largest, 1e-12)
        return replace(
            self,
            absolute=max(self.absolute, absolute),
            relative=max(self.relative, relative),
            where=where if relative >= self.relative else self.where,
        )


@dataclass(frozen=True)
class Trial:
    """One comparison of a file with torch.

    Args:
        model: The file as the runtime loads it.
        net: The network's module, in evaluation mode.
        card: The file's card.
        shape: One sample as the file takes it.
        batch: Samples at once.
        seed: Of the random samples.
        tolerance: Above this relative difference torch's own rounding is measured, too.
    """

    model: onnxnn_runtime.Model
    net: Net
    card: ModelCard
    shape: Shape
    batch: int
    seed: int
    tolerance: float


def measure(
    kind: NetworkKind,
    model: onnxnn_runtime.Model,
    net: Net,
    card: ModelCard,
    free: Shape,
    tolerance: float,
) -> Parity:
    """Run a file and torch on the same inputs: two batch sizes, and two sizes of every free axis.

    Args:
        kind: What kind of network it is.
        model: The file as the runtime loads it.
        net: Its module, in evaluation mode.
        card: The file's card.
        free: One sample as the network takes it, None for the sizes that are free.
        tolerance: Above this relative difference torch's own rounding is measured, too.

    Raises:
        ExportError: The shapes differ.
    """
    parity = Parity()
    for number, (batch, shape) in enumerate(_cases(kind.definition, card, free)):
        parity = kind.compared(parity, Trial(model, net, card, shape, batch, number, tolerance))
    return parity


def compare_outputs(definition: Definition, trial: Trial, parity: Parity) -> Parity:
    """Return a parity joined with the difference between the outputs of file and torch for random samples."""
    net, head, largest = trial.net, definition.feature_layer(), {"output": _largest(definition, trial.net)}
    inputs, x = random_samples(definition, trial)
    x = x.to(net.device)
    found, expected = trial.model.infer({"input": inputs}), _expected(net, head, x)
    if HEAT_MAPS in found:
        with torch.inference_mode():
            expected[HEAT_MAPS] = present(class_maps(net, definition, x)).cpu().numpy()
    for name in found:
        parity = parity.joined(found[name], expected[name], inputs.shape, largest.get(name, 0.0))
    if parity.relative > trial.tolerance:
        rounding = _rounding(net, head, x, expected, largest)
        parity = replace(parity, rounding=max(parity.rounding, rounding))
    return parity


def _largest(definition: Definition, net: Net) -> float:
    """Return the largest value that the network can return, 0 where there is no such bound.

    Beside it small differences are rounding: a probability of 1e-6 may be wrong by 1e-7.
    """
    if definition.custom_ending():
        return 1.0
    bounded = last_bounded(definition)
    if bounded is None or not math.isfinite(bounded[1].bounds[1]):
        return 0.0
    ends = [abs(bound) for bound in bounded[1].bounds]
    scale = net.scale
    if scale is None:
        return max(ends)
    return float((scale.std.abs() * max(ends) + scale.mean.abs()).max())


def probe_shapes(definition: Definition, free: Shape | None) -> list[Shape]:
    """Return shapes of one sample to try: as in training, and another where sizes are free."""
    free = present(free)
    shape = fixed_input(definition)
    if shape is None:
        raise ExportError.coded(
            "E-EXPORT-02",
            "no size from 1 to 256 goes through this network. Load data before exporting.",
        )
    other = _another(definition, shape, free)
    return [shape] if other == shape else [shape, other]


def _another(definition: Definition, shape: Shape, free: Shape) -> Shape:
    """Return a shape that differs along every free axis, oddly, so that a size wrong by rounding shows."""
    axes = [axis for axis, size in zip(free.axes, free.sizes, strict=True) if size is None]
    steps = {axis: 13 if axis == "height" else 6 for axis in axes}
    known = {axis: shape[axis] or 0 for axis in axes}
    # A large image is followed by a smaller one: torch takes most of the time of an export.
    smaller = {
        axis: size // 2 + steps[axis] if size >= 64 else size + steps[axis] for axis, size in known.items()
    }
    larger = {axis: size + steps[axis] for axis, size in known.items()}
    half = {axis: max(1, size // 2) for axis, size in known.items()}  # where nothing larger may come in
    for sizes in (smaller, larger, half):
        try:
            definition.shape_after(shape.with_sizes(**sizes))
        except LayerError:
            continue
        return shape.with_sizes(**sizes)
    return shape


def _expected(net: Net, head: Placed | None, x: torch.Tensor) -> dict[str, Array]:
    """Return what torch returns for each graph output: the output, and the input of the head."""
    seen: list[torch.Tensor] = []
    if head is None:
        return {"output": reference(net, x).cpu().numpy()}
    module = net.get_submodule(head.name)
    classifier = getattr(module, "classifier", module)  # `mobilenet` holds its own
    hook = classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        y = reference(net, x)
    finally:
        hook.remove()
    return {"output": y.cpu().numpy(), "embedding": seen[-1][: len(x)].flatten(1).cpu().numpy()}


def _rounding(
    net: Net, head: Placed | None, x: torch.Tensor, expected: dict[str, Array], largest: dict[str, float]
) -> float:
    """Return how far torch's float32 outputs are from its float64 ones, relative to the largest output."""
    if not x.is_floating_point() or x.dtype == torch.float64:
        return 0.0
    try:
        exact = _expected(copy.deepcopy(net).double(), head, x.double())
    except (
        RuntimeError,
        TypeError,
    ):  # a custom module that computes in float32 alone
        return 0.0
    difference = Parity()
    for name, values in expected.items():
        difference = difference.joined(values, exact[name], tuple(x.shape), largest.get(name, 0.0))
    return difference.relative


def _cases(definition: Definition, card: ModelCard, free: Shape) -> list[tuple[int, Shape]]:
    states, fixed = card.input.states, None not in free.sizes
    shapes = [free] if fixed else probe_shapes(definition, free)
    if states and isinstance(states[0].shape[1], int):  # of a fixed batch, which they are handed on for
        return [(states[0].shape[1], free)] * 2
    if card.input.in_graph:
        return [(1, _image(card, 61, 47)), (2, _image(card, 30, 75))]
    return [(_BATCHES[0], shapes[0]), (_BATCHES[1], shapes[-1])]


def _image(card: ModelCard, height: int, width: int) -> Shape:
    """Return the shape of an image before preprocessing, of a given size where the file leaves it free."""
    rows, columns = card.input.shape[1:3]
    return Shape.image(
        3, rows if isinstance(rows, int) else height, columns if isinstance(columns, int) else width
    )


def random_samples(definition: Definition, trial: Trial) -> tuple[Array, torch.Tensor]:
    """Return the same random samples for the file and for torch."""
    card = trial.card
    generator = np.random.default_rng(trial.seed)
    sizes = (trial.batch, *(size or 1 for size in trial.shape.sizes))
    if card.input.in_graph:
        images = generator.integers(0, 256, (*sizes[:1], *sizes[2:], 3), dtype=np.uint8)
        # The graph takes RGB always.
        preprocess = replace(present(card.input.preprocess), channel_order="rgb")
        return images, torch.from_numpy(np.stack([preprocess(image) for image in images]))
    if card.input.kind == "tokens":
        known = token_count(card.input) or 2
        tokens = generator.integers(0, known, sizes)
        return tokens, torch.from_numpy(tokens)
    if card.input.kind == "image":
        values = generator.random(sizes, dtype=np.float32)
    else:
        values = generator.standard_normal(sizes, dtype=np.float32)
        first = definition.placed()[0]
        values = first.layer.as_inputs(values, first.in_shape).astype(card.input.dtype)
    return values, torch.from_numpy(values)
