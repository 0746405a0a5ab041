"""Gaps of a table filled in, as a network's first operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from onnx import TensorProto
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from torch import nn
from typing_extensions import Self

from onnxnn.graph.builder import Array, GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import wrong_input, wrong_value
from .norm import Normalize, NormalizeModule
from .registry import layer

_A_GAP = 5
"""Every so many numbers of an input that is made up are missing."""


@layer("impute")
@dataclass(frozen=True)
class Impute(Normalize):
    """A number for each gap (NaN) of a row, then y = (x - mean) / std, then where gaps were.

    It belongs to a table with gaps that `load_tab_data` loads, and is the network's first operation, so that
    training, inference and exported files fill gaps in the same way. Nothing is learned. It is scikit-learn's
    SimpleImputer(add_indicator=True) with StandardScaler after it.

    Args:
        mean: One number per column, or one for all of them.
        std: Likewise, above 0.
        fill: Likewise: what stands for a gap, such as the column's median.
        indicators: The columns, from 0, of which the output says where they had gaps: 1 there, 0 elsewhere.
        wide: Whether it takes float64 and subtracts in it, see `normalize`.

    Input shape: (columns,), float32, or float64 where `wide`
    Output shape: (columns + indicators,), float32
    """

    fill: tuple[float, ...] | float = 0.0
    indicators: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "fill", self._numbers("fill", self.fill))
        columns = tuple(self.indicators) if isinstance(self.indicators, Sequence) else (self.indicators,)
        if not all(type(column) is int and column >= 0 for column in columns):
            raise wrong_value(self, "indicators", columns, gettext("columns, integers from 0"))
        object.__setattr__(self, "indicators", columns)

    def resolve(self, in_shape: Shape) -> Self:
        if in_shape.axes != ("feature",):
            advice = gettext(
                "Put it in front of a network for tables, which load_tab_data does where needed."
            )
            raise wrong_input(self, in_shape, gettext("rows of a table (columns,)"), advice)
        super().resolve(in_shape)
        fill, count = instance(self.fill, tuple), in_shape.sizes[0]
        if count is not None and (len(fill) not in (1, count) or max(self.indicators, default=0) >= count):
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected {numbers} in fill, or one for all, and indicators below that, got {got}.",
                where=self.call(),
                numbers=ngettext("{count} number", "{count} numbers", count),
                got=len(fill),
            )
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.vector((in_shape.sizes[0] or 0) + len(self.indicators))

    def build(self, in_shape: Shape) -> nn.Module:
        dtype = torch.float64 if self.wide else torch.float32
        return ImputeModule(self._mean, self._std, dtype, instance(self.fill, tuple), self.indicators)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        scaled = super().emit(graph, x, module, in_shape)
        gaps = graph.node("IsNaN", scaled)
        filled = graph.node("Where", gaps, graph.weight("fill", instance(module, ImputeModule).fill), scaled)
        if not self.indicators:
            return filled
        marked = graph.node("Gather", gaps, graph.constant(self.indicators), axis=1)
        return graph.node("Concat", filled, graph.node("Cast", marked, to=TensorProto.FLOAT), axis=1)

    def as_inputs(self, values: Array, in_shape: Shape) -> Array:
        """Return values with the mean and the deviation that are taken off, and gaps among them."""
        found = super().as_inputs(values, in_shape)
        found.reshape(-1)[::_A_GAP] = np.nan
        return found


class ImputeModule(NormalizeModule):
    """(x - mean) / std as float32, with numbers for NaN and, after them, where some columns had NaN."""

    fill: torch.Tensor

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        dtype: torch.dtype,
        fill: Sequence[float],
        indicators: Sequence[int],
    ) -> None:
        super().__init__(mean, std, 0, dtype)
        filled = super().forward(torch.tensor(fill, dtype=dtype))
        self.register_buffer("fill", filled, persistent=False)
        self._indicators = list(indicators)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        gaps = y.isnan()
        filled = torch.where(gaps, self.fill, y)
        return torch.cat([filled, gaps[:, self._indicators].float()], 1) if self._indicators else filled
