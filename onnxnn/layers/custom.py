"""A user's own torch module as a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from onnxnn_runtime.errors import LayerError
from torch import nn

from onnxnn.graph import GraphBuilder, Value
from onnxnn.shape import Shape

from ._registry import Layer, layer


class MissingModuleError(LayerError):
    """A network with a custom module is being loaded, and that module was not added first."""


@layer("custom")
@dataclass(frozen=True)
class Custom(Layer):
    """A `torch.nn.Module` passed to `add`. Files hold its weights and its class name, never its code.

    Args:
        class_name: The name of the module's class.
        module: The module itself.

    Input shape: whatever the module takes, batch first
    Output shape: found by running the module on zeros
    """

    class_name: str
    module: nn.Module | None = field(default=None, repr=False)

    @classmethod
    def of(cls, module: Any, options: Mapping[str, Any]) -> Custom:
        """Return the layer for what a user passed to `add`."""
        if not isinstance(module, nn.Module):
            raise LayerError(
                f"add({module!r}): a layer must be a name such as 'linear' or a torch.nn.Module, "
                f"not {type(module).__name__}."
            )
        if options:
            raise LayerError(f"add({type(module).__name__}(...)): a module takes no options, got {options}.")
        return cls(type(module).__name__, module)

    def with_module(self, module: nn.Module | None) -> Custom:
        """Return the layer with the module that a loaded file asks for."""
        if module is None or type(module).__name__ != self.class_name:
            given = "nothing" if module is None else f"a {type(module).__name__}"
            raise MissingModuleError(
                f"this network holds a custom module of class {self.class_name}, and {given} was added. "
                f"A file never carries code: call model.add({self.class_name}(...)) before loading."
            )
        return replace(self, module=module)

    @property
    def title(self) -> str:
        return self.class_name

    def call(self) -> str:
        return f"add({self.class_name}(...))"

    def options(self) -> dict[str, Any]:
        return {"class_name": self.class_name}

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def build(self, in_shape: Shape) -> nn.Module:
        assert self.module is not None
        return self.module

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return x
