"""A custom torch module as a layer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from torch import nn
from torch.overrides import TorchFunctionMode

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from . import _custom_export
from .registry import TRANSIENT, Layer, layer

_AXES_BY_RANK = {
    1: ("feature",),
    2: ("channel", "length"),
    3: ("channel", "height", "width"),
    4: ("channel", "depth", "height", "width"),
}

Given = tuple[tuple[int, ...], torch.dtype]
"""Sizes of one sample of an output, and what kind of numbers."""

_tried: weakref.WeakKeyDictionary[nn.Module, dict[Shape, Given]] = weakref.WeakKeyDictionary()
"""The output of a module for shapes that were tried before."""

_endings: weakref.WeakKeyDictionary[nn.Module, str] = weakref.WeakKeyDictionary()
"""How modules end that were tried before."""


class MissingModuleError(LayerError):
    """A network with a custom module is being loaded, and that module was not added first."""


@layer("custom")
@dataclass(frozen=True)
class Custom(Layer):
    """A `torch.nn.Module` passed to `add`. Files hold its weights and its class name, never its code.

    Args:
        class_name: The name of the module's class.
        module: The module itself.
        example: The shape of one sample that it was added for.

    Input shape: whatever the module takes, batch first, float32; int64 for tokens
    Output shape: found by running the module on zeros in evaluation mode, at batch 2; float, or int64 where
        tokens become tokens
    """

    named: ClassVar[bool] = False
    is_custom: ClassVar[bool] = True
    reads_tokens: ClassVar[bool] = True

    class_name: str
    module: nn.Module | None = field(default=None, repr=False, metadata=TRANSIENT)
    example: Shape | None = field(default=None, repr=False, compare=False, metadata=TRANSIENT)

    @classmethod
    def of(cls, module: object, options: Mapping[str, object]) -> Custom:
        """Return the layer for what a user passed to `add`."""
        if not isinstance(module, nn.Module):
            raise LayerError.coded(
                "E-CALL-03",
                "add({got}): expected a layer's name such as 'linear' or a torch.nn.Module, got {kind}.",
                got=shortened(module),
                kind=type(module).__name__,
            )
        if options:
            raise LayerError.coded(
                "E-LAYER-07",
                "add({name}(...)): a module has no options, got {options}."
                " Give them to the module itself when you make it.",
                name=type(module).__name__,
                options=shortened(dict(options)),
            )
        return cls(type(module).__name__, module)

    def with_module(self, module: nn.Module | None) -> Custom:
        """Return the layer with the module that a loaded file asks for."""
        if module is None:
            raise MissingModuleError.coded(
                "E-LAYER-07",
                "this network holds a custom module of class {name}, and none was added. A file never "
                "carries code: call model.add({name}(...)) before loading.",
                name=self.class_name,
            )
        if type(module).__name__ != self.class_name:
            raise MissingModuleError.coded(
                "E-LAYER-07",
                "this network holds a custom module of class {name}, and a {got} was added. A file never "
                "carries code: call model.add({name}(...)) before loading.",
                name=self.class_name,
                got=type(module).__name__,
            )
        return replace(self, module=module)

    @property
    def title(self) -> str:
        return self.class_name

    def call(self) -> str:
        return f"add({self.class_name}(...))"

    def resolve(self, in_shape: Shape) -> Custom:
        return self if None in in_shape.sizes else replace(self, example=in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        (smaller, dtype), (larger, _) = (self._try(shape) for shape in self._probes(in_shape))
        same = len(smaller) == len(in_shape) and (in_shape.axes != ("token",) or dtype == torch.int64)
        axes = in_shape.axes if same else _AXES_BY_RANK.get(len(smaller), ())
        if len(smaller) == 2 and ("time" in in_shape.axes or "token" in in_shape.axes):
            axes = ("time", "feature")
        if not axes or len(larger) != len(smaller):
            raise LayerError.coded(
                "E-LAYER-07",
                "{where}: expected an output with 1 to 4 axes after the batch, got {count}.",
                where=self.call(),
                count=len(smaller),
            )
        sizes = tuple(a if a == b else None for a, b in zip(smaller, larger, strict=True))
        return Shape(sizes, axes)

    def build(self, in_shape: Shape) -> nn.Module:
        return present(self.module)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return _custom_export.emit(graph, x, module, self._probes(in_shape), in_shape, self.call())

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return None

    def ending(self, in_shape: Shape) -> str:
        """Return "softmax" or "sigmoid" where the module returns probabilities, else "".

        It is a softmax where all numbers are at least 0 and sum to 1 along the last axis, a sigmoid where
        the output is that of a sigmoid inside the module.
        """
        module = present(self.module)
        if module not in _endings:
            x = _custom_export.sample(self._probes(in_shape)[0], 2)
            with _Sigmoids() as sigmoids:
                y = self._forward(module, x)
            _endings[module] = "softmax" if _are_probabilities(y) else "sigmoid" if sigmoids.gave(y) else ""
        return _endings[module]

    def _probes(self, in_shape: Shape) -> tuple[Shape, Shape]:
        """Return two shapes without free sizes, different along the free axes."""
        free = [axis for axis, size in zip(in_shape.axes, in_shape.sizes, strict=True) if size is None]
        if free and self.example is None:
            raise LayerError.coded(
                "E-LAYER-10",
                "{where}: expected a fixed input size, got {shape}. Load the data before adding a "
                "module, so that it can be tried.",
                where=self.call(),
                shape=in_shape.describe(),
            )
        known = {axis: self.example[axis] or 1 for axis in free} if self.example else {}
        more = {axis: size + max(1, size // 2) for axis, size in known.items()}
        return in_shape.with_sizes(**known), in_shape.with_sizes(**more)

    def _try(self, in_shape: Shape) -> Given:
        module = present(self.module)
        known = _tried.setdefault(module, {})
        if in_shape not in known:
            known[in_shape] = self._run(module, in_shape)
        return known[in_shape]

    def _run(self, module: nn.Module, in_shape: Shape) -> Given:
        dtype = torch.int64 if in_shape.axes == ("token",) else torch.float32
        zeros = torch.zeros(2, *(size or 1 for size in in_shape.sizes), dtype=dtype)
        try:
            y = self._forward(module, zeros)
        except Exception as error:  # whatever custom code raises
            raise LayerError.coded(
                "E-LAYER-07",
                "{where}: it fails for {shape} ({kind} for zeros of shape {sizes}: {error}). Mend its "
                "forward, or the layers before it.",
                where=self.call(),
                shape=in_shape.describe(),
                sizes=shape_text(zeros.shape),
                kind=type(error).__name__,
                error=error,
            ) from error
        if not isinstance(y, torch.Tensor) or y.ndim < 2 or y.shape[0] != 2:
            raise LayerError.coded(
                "E-LAYER-07",
                "{where}: expected forward to return one tensor, batch first: (2, ...) for a batch of 2, "
                "got {got}.",
                where=self.call(),
                got=shape_text(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__,
            )
        tokens = in_shape.axes == ("token",) and y.ndim == 2 and y.dtype == torch.int64
        if not (tokens or y.is_floating_point()):
            raise LayerError.coded(
                "E-LAYER-07",
                "{where}: expected forward to return float32, got {got}. Return y.float(), for example.",
                where=self.call(),
                got=str(y.dtype).removeprefix("torch."),
            )
        return tuple(y.shape[1:]), y.dtype

    def _forward(self, module: nn.Module, x: torch.Tensor) -> Any:
        """Run the module in evaluation mode and without gradients; it comes back in the mode it was in."""
        training, first = module.training, next(module.parameters(), torch.empty(0))
        try:
            with torch.no_grad():
                return module.eval()(x.to(first.device))
        finally:
            module.train(training)


class _Sigmoids(TorchFunctionMode):
    """Remembers the outputs of sigmoids while modules run."""

    def __init__(self) -> None:
        super().__init__()
        self._found: list[torch.Tensor] = []

    def gave(self, y: torch.Tensor) -> bool:
        """Return whether these are the numbers that a sigmoid returned."""
        return any(torch.equal(y.flatten(), found.flatten()) for found in self._found)

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> Any:
        y = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") == "sigmoid" and isinstance(y, torch.Tensor):
            self._found.append(y.detach().clone())
        return y


def _are_probabilities(y: torch.Tensor) -> bool:
    return y.shape[-1] > 1 and bool((y >= 0).all()) and bool(((y.sum(-1) - 1).abs() < 1e-4).all())
