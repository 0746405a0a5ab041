"""The layers of a network as plain data, as a card holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.layers import make
from onnxnn.layers.activation import activation_of
from onnxnn.layers.custom import Custom, MissingModuleError

from .entries import Entry, Placed

if TYPE_CHECKING:
    from onnxnn_runtime.card.card import LayerEntry


def to_data(entries: Iterable[Entry], placed: Sequence[Placed]) -> tuple[LayerEntry, ...]:
    """Return layers as plain data, with the sizes that they have in their places."""
    resolved = {id(p.entry): p.layer for p in reversed(placed)}
    return tuple(
        {
            "name": entry.name,
            "layer": entry.layer.kind,
            "options": resolved[id(entry)].options(),
            "activation": None if entry.activation is None else entry.activation.kind,
        }
        for entry in entries
    )


def from_data(data: Iterable[LayerEntry], modules: Iterable[nn.Module]) -> Iterator[Entry]:
    """Yield the layers of what `to_data` returned.

    Args:
        data: The entries.
        modules: The custom modules of the network in order; no file holds their code.

    Raises:
        CardError: An entry is not what this version writes.
        LayerError: A custom module is missing or is of another class.
    """
    waiting = list(modules)
    for entry in data:
        try:
            layer = make(entry["layer"], entry["options"], stored=True)
            if isinstance(layer, Custom):
                layer = layer.with_module(waiting.pop(0) if waiting else None)
            activation = None if entry["activation"] is None else activation_of(entry["activation"])
            index = int(str(entry["name"]).removeprefix(layer.title))
        except MissingModuleError:
            raise
        except ValueError as error:
            raise CardError.coded(
                "E-CARD-02",
                "card: layer {layer} cannot be read: {error}",
                layer=shortened(entry.get("name")),
                error=error,
            ) from error
        yield Entry(index, layer, activation)
