"""Normalisation: of batches while training, and of the data itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from onnx import TensorProto
from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened
from torch import nn
from typing_extensions import Self

from onnxnn.graph.builder import Array, GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import back_in_order, count, places_expected, size_along, wrong_input, wrong_value
from .registry import Layer, layer


@dataclass(frozen=True)
class FeatureNorm(Layer):
    """What normalisations with weights share: the size of the axis that has them, and their cost."""

    size: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            count(self, "size", self.size)

    def causal(self, in_shape: Shape) -> bool:
        return True

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return in_shape.numel


@dataclass(frozen=True)
class BatchNorm(FeatureNorm):
    """What the batch normalisations share.

    y = γ (x - μ) / √(σ² + ε) + β for each channel or feature, with μ and σ² of the batch in training, and
    their running means (momentum 0.1, ε = 1e-5) in inference. In exported files it is folded into the
    convolution or linear layer before it, where nothing else reads that one's output.

    Args:
        size: The channels or features of the input; None takes those.

    Source: Ioffe & Szegedy, "Batch Normalization", 2015.
    """

    layouts: ClassVar[tuple[tuple[str, ...], ...]]

    def assumed_input(self) -> Shape:
        if self.size is None:
            return super().assumed_input()
        axes = self.layouts[0]
        return Shape((self.size, *(None,) * (len(axes) - 1)), axes)

    def resolve(self, in_shape: Shape) -> Self:
        if in_shape.axes not in self.layouts:
            other = {3: "batchnorm2d", 4: "batchnorm3d"}.get(len(in_shape), "batchnorm1d")
            advice = back_in_order(in_shape, *self.layouts) or gettext(
                "Use {layer} here.", layer=shortened(other)
            )
            expected = (
                places_expected(len(self.layouts[0]) - 1)
                if len(self.layouts) == 1
                else gettext("(features,), (channels, length) or (steps, features)")
            )
            raise wrong_input(self, in_shape, expected, advice)
        return replace(self, size=size_along(self, in_shape, self._axis(in_shape), self.size))

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            raise AssertionError
        axis = in_shape.axes.index(self._axis(in_shape)) + 1
        return graph.batch_norm(x, module, axis=axis, rank=len(in_shape) + 1)

    def fixes_input_size(self, in_shape: Shape) -> bool:
        return in_shape[self._axis(in_shape)] is None

    @staticmethod
    def _axis(in_shape: Shape) -> str:
        return "channel" if "channel" in in_shape.axes else "feature"


@layer("batchnorm1d")
@dataclass(frozen=True)
class BatchNorm1d(BatchNorm):
    """Batch normalisation of vectors, signals and sequences; formula and options as in `BatchNorm`.

    Input shape: (feature,), (channel, length) or (time, feature) per sample, float32
    Output shape: the same
    """

    layouts: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("feature",),
        ("channel", "length"),
        ("time", "feature"),
    )

    def reads_signals(self, in_shape: Shape) -> bool | None:
        first, last = in_shape.sizes
        return True if self.size == first != last else None

    def build(self, in_shape: Shape) -> nn.Module:
        kind = SequenceBatchNorm1d if in_shape.axes == ("time", "feature") else nn.BatchNorm1d
        return kind(present(self.size))  # resolved


@layer("batchnorm2d")
@dataclass(frozen=True)
class BatchNorm2d(BatchNorm):
    """Batch normalisation of images; formula and options as in `BatchNorm`.

    Input shape: (channel, height, width) per sample, float32
    Output shape: the same
    """

    layouts: ClassVar[tuple[tuple[str, ...], ...]] = (("channel", "height", "width"),)

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.BatchNorm2d(present(self.size))  # resolved


class SequenceBatchNorm1d(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` over the features of (N, time, feature)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


@layer("normalize")
@dataclass(frozen=True)
class Normalize(Layer):
    """y = (x - mean) / std for each channel or feature: the data's own normalisation.

    It belongs to the data (`Normalize` of `load_img_data`, standardisation of `load_tab_data`) and is the
    network's first operation, so that training, inference and exported files share it. Nothing is learned.

    Args:
        mean: One number per channel or feature, or one for all of them.
        std: Likewise, above 0.
        wide: Whether it takes float64 and subtracts in it, for numbers that float32 cannot hold to a
            millionth of their deviation, such as time stamps. Its output is float32.

    Input shape: any per sample, float32, or float64 where `wide`
    Output shape: the same, float32
    """

    mean: tuple[float, ...] | float
    std: tuple[float, ...] | float
    wide: bool = False

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, self._numbers(name, getattr(self, name)))
        if any(value <= 0 for value in self._std):
            raise wrong_value(self, "std", self.std, gettext("numbers above 0"))

    def resolve(self, in_shape: Shape) -> Normalize:
        count = in_shape[self._axis(in_shape)]
        for name, values in (("mean", self._mean), ("std", self._std)):
            if len(values) not in (1, count) and count is not None:
                raise LayerError.coded(
                    "E-LAYER-03",
                    "{where}: expected {numbers} in {name} for {shape}, or one for all, got {got}.",
                    where=self.call(),
                    numbers=ngettext("{count} number", "{count} numbers", count),
                    name=name,
                    shape=in_shape.describe(),
                    got=len(values),
                )
        return self

    def causal(self, in_shape: Shape) -> bool:
        return True

    def build(self, in_shape: Shape) -> nn.Module:
        dtype = torch.float64 if self.wide else torch.float32
        return NormalizeModule(self._mean, self._std, self._trailing(in_shape), dtype)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, NormalizeModule)
        if self.wide:
            x = graph.node("Cast", x, to=TensorProto.DOUBLE)
        centred = graph.node("Sub", x, graph.weight("mean", module.mean))
        scaled = graph.node("Div", centred, graph.weight("std", module.std))
        return graph.node("Cast", scaled, to=TensorProto.FLOAT) if self.wide else scaled

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return in_shape.numel

    def as_inputs(self, values: Array, in_shape: Shape) -> Array:
        """Return standard normal values with the mean and the deviation that are taken off."""
        module = self.build(in_shape)
        found: Array = values * module.std.numpy() + module.mean.numpy()  # type: ignore[operator]
        return found

    @property
    def float64_deviations(self) -> tuple[float, ...]:
        return self._std if self.wide else ()

    @property
    def _mean(self) -> tuple[float, ...]:
        return instance(self.mean, tuple)

    @property
    def _std(self) -> tuple[float, ...]:
        return instance(self.std, tuple)

    def _numbers(self, name: str, value: object) -> tuple[float, ...]:
        if isinstance(value, np.ndarray | torch.Tensor):
            value = value.tolist()
        values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        good = all(
            isinstance(v, int | float | np.number) and not isinstance(v, bool) and math.isfinite(v)
            for v in values
        )
        if not values or not good:
            raise wrong_value(self, name, value, gettext("a finite number, or one per channel"))
        return tuple(float(v) for v in values)

    @staticmethod
    def _axis(in_shape: Shape) -> str:
        return next((axis for axis in ("channel", "feature") if axis in in_shape.axes), in_shape.axes[-1])

    def _trailing(self, in_shape: Shape) -> int:
        """Return how many axes stand after that of the numbers."""
        return len(in_shape) - 1 - in_shape.axes.index(self._axis(in_shape))


class MeanAndStd(nn.Module):
    """Mean and deviation as buffers of a type, with `trailing` axes of size 1 after them."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], trailing: int, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        shape = (-1,) + (1,) * trailing
        # The layer's options carry the numbers; the state dict need not repeat them.
        self.register_buffer("mean", torch.tensor(mean, dtype=dtype).reshape(shape), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=dtype).reshape(shape), persistent=False)


class NormalizeModule(MeanAndStd):
    """(x - mean) / std as float32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = (x - self.mean) / self.std
        return y.float() if y.dtype == torch.float64 else y
