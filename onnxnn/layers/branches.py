"""Parallel paths that are joined again: residual connections, modules like Inception's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import Message, gettext
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape, total

from ._checks import spatial_axes, unknown_value, wrong_value
from ._sequential import Path
from .masks import call
from .registry import Layer, layer

MERGES = ("concat", "add")

_SIZES_TO_TRY = range(48, 112)
"""Sizes in a row for free axes: more than any stride in use, so that every remainder occurs."""


@layer("branches", "parallel")
@dataclass(frozen=True)
class Branches(Layer):
    """Passes its input to every branch and joins their outputs.

    A residual connection around two convolutions:

        model.add("branches", merge="add", paths=[
            [
                ("conv2d", {"size": 64, "kernel_size": 3, "padding": 1, "activation": "relu"}),
                ("conv2d", {"size": 64, "kernel_size": 3, "padding": 1}),
            ],
            [],
        ])

    Args:
        paths: Two or more branches, each a list of (layer, options) as `add` takes them, "activation" among
            the options; a layer's name alone is enough where no option is needed. An empty list is the
            bypass. Branches may hold branches.
        merge: "concat" puts the branches' channels (or features) one after the other; "add" sums values of
            one shape.

    Input shape: any per sample, float32
    Output shape: for "concat" the branches' channels together, for "add" the branches' one shape
    """

    paths: tuple[Path, ...]
    merge: str = "concat"

    def __post_init__(self) -> None:
        if str(self.merge).lower() not in MERGES:
            raise unknown_value(self, "merge", self.merge, MERGES)
        object.__setattr__(self, "merge", self.merge.lower())
        if not isinstance(self.paths, tuple) or len(self.paths) < 2:
            expected = gettext(
                "two or more branches, each a list of (layer, options), an empty list for the bypass"
            )
            raise wrong_value(self, "paths", self.paths, expected)
        object.__setattr__(self, "paths", self._each(lambda p: p if isinstance(p, Path) else Path.read(p)))

    def reads_signals(self, in_shape: Shape) -> bool | None:
        said = [path.reads_signals(in_shape) for path in self.paths]
        return True if True in said else False if False in said else None

    def with_classes(self, number: int) -> Branches:
        return replace(self, paths=tuple(path.with_classes(number) for path in self.paths))

    def remarks(self) -> list[str]:
        return [said for path in self.paths for step in path.steps for said in step.layer.remarks()]

    def resolve(self, in_shape: Shape) -> Branches:
        return replace(self, paths=self._each(lambda path: path.resolve(in_shape)))

    def out_shape(self, in_shape: Shape) -> Shape:
        shapes = [path.out_shape(in_shape) for path in self.paths]
        joined = _joined_axis(shapes[0]) if self.merge == "concat" else None
        if any(not _match(shape, shapes[0], joined) for shape in shapes[1:]):
            raise self._cannot_merge(shapes)
        merged = replace(shapes[0], masked=any(shape.masked for shape in shapes))
        if joined is None:
            return merged
        return merged.with_sizes(**{joined: total(shape[joined] for shape in shapes)})

    def build(self, in_shape: Shape) -> nn.Module:
        paths = []
        for path in self.paths:
            modules = nn.Sequential()
            for name, inner, shape in path.placed(in_shape):
                modules.add_module(name, inner.build(shape))
            paths.append(modules)
        axis = self._axis(in_shape) if self.merge == "concat" else None
        return BranchesModule(paths, axis, takes_mask=in_shape.masked)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        graph.share(x)  # a batch normalisation in one branch must not be folded into what all of them read
        values = []
        for number, path in enumerate(self.paths):
            y = x
            for name, inner, shape in path.placed(in_shape):
                with graph.scope(f"{number}"), graph.scope(name):
                    y = inner.emit(graph, y, module.get_submodule(f"{number}.{name}"), shape)
            values.append(y)
        if self.merge == "concat":
            return graph.node("Concat", *values, axis=self._axis(in_shape))
        return functools.reduce(lambda added, value: graph.node("Add", added, value), values)

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return total(inner.multiply_adds(shape) for _, inner, shape in self._placed(in_shape))

    def fixes_input_size(self, in_shape: Shape) -> bool:
        if any(inner.fixes_input_size(shape) for _, inner, shape in self._placed(in_shape)):
            return True
        free = [axis for axis, size in zip(in_shape.axes, in_shape.sizes, strict=True) if size is None]
        # Branches that agree at one size may round differently at another.
        return bool(free) and not all(self._takes(in_shape, free, size) for size in _SIZES_TO_TRY)

    def call(self) -> str:
        return f"add('branches', merge={shortened(self.merge)})"

    def options(self) -> dict[str, Any]:
        paths = {"paths": [path.to_data() for path in self.paths]}
        return paths if self.merge == "concat" else {**paths, "merge": self.merge}

    def _each(self, do: Callable[[Path], Path]) -> tuple[Path, ...]:
        """Do something with every branch; an error names the branch."""
        found = []
        for number, path in enumerate(self.paths, 1):
            try:
                found.append(do(path))
            except LayerError as error:
                text = gettext(
                    "{where}, branch {number}: {error}", where=self.call(), number=number, error=error
                )
                raise LayerError(Message(text, error.code)) from error
        return tuple(found)

    def _placed(self, in_shape: Shape) -> list[tuple[str, Layer, Shape]]:
        return [placed for path in self.paths for placed in path.placed(in_shape)]

    def _takes(self, in_shape: Shape, axes: Sequence[str], size: int) -> bool:
        try:
            self.out_shape(in_shape.with_sizes(**dict.fromkeys(axes, size)))
        except LayerError:
            return False
        return True

    def _axis(self, in_shape: Shape) -> int:
        """Return the number of the joined axis, the batch counted."""
        shape = self.paths[0].out_shape(in_shape)
        return shape.axes.index(_joined_axis(shape)) + 1

    def _cannot_merge(self, shapes: Sequence[Shape]) -> LayerError:
        given = gettext(", ").join(
            gettext("branch {number}: {shape}", number=number, shape=shape.came_from("").describe())
            for number, shape in enumerate(shapes, 1)
        )
        places = {tuple(shape[axis] for axis in spatial_axes(shape)) for shape in shapes}
        if self.merge != "add" or (len(places) > 1 and len({shape.axes for shape in shapes}) == 1):
            advice = gettext(
                "For kernels of odd size padding=kernel_size // 2 with stride=1 keeps height and width."
            )
        elif "channel" in shapes[0].axes:
            advice = gettext(
                "Put a conv2d with kernel_size=1 and the other branch's channels and stride into a branch."
            )
        else:
            advice = gettext("Put a linear layer with the other branch's number of features into a branch.")
        if self.merge == "add":
            return LayerError.coded(
                "E-LAYER-03",
                "{where}: expected outputs of equal shapes to add, got {shapes}. {advice}",
                where=self.call(),
                shapes=given,
                advice=advice,
            )
        return LayerError.coded(
            "E-LAYER-03",
            "{where}: expected outputs that differ only in channels (or features), got {shapes}. {advice}",
            where=self.call(),
            shapes=given,
            advice=advice,
        )


def _joined_axis(shape: Shape) -> str:
    return "channel" if "channel" in shape.axes else shape.axes[-1]


def _match(shape: Shape, first: Shape, joined: str | None) -> bool:
    if shape.axes != first.axes:
        return False
    return all(axis == joined or shape[axis] == first[axis] for axis in shape.axes)


class BranchesModule(nn.ModuleList):
    """Every branch on the same x (and mask), then joined along an axis, or summed where the axis is None."""

    def __init__(self, paths: Sequence[nn.Sequential], axis: int | None, takes_mask: bool = False) -> None:
        super().__init__(paths)
        self.axis, self.takes_mask = axis, takes_mask

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        values = [_run(path, x, mask) for path in self]
        if self.axis is not None:
            return torch.cat(values, self.axis)
        added: torch.Tensor = functools.reduce(torch.add, values)
        return added


def _run(path: nn.Module, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    for module in path.children():
        x = call(module, x, mask)
    return x
