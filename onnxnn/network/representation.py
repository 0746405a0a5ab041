"""How a network is shown, in a line and in a notebook; nothing is built or drawn for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.html import table

if TYPE_CHECKING:
    from .core import NetworkCore


def as_line(network: NetworkCore) -> str:
    """Return "Network cls: 2 layers, (4) -> (3), 120 samples, 20 epochs"."""
    definition = network._definition
    placed = definition.placed()
    layers = sum(1 for entry in definition.entries if entry.index)
    parts = [ngettext("{count} layer", "{count} layers", layers)]
    if placed:
        parts.append(f"{_sizes(placed[0].in_shape.sizes)} -> {_sizes(placed[-1].out_shape.sizes)}")
    if network._data is not None:
        parts.append(ngettext("{count} sample", "{count} samples", network._data.train.num_samples))
    if network.history:
        parts.append(ngettext("{count} epoch", "{count} epochs", len(network.history)))
    return f"{type(network).__name__} {network.task}: {', '.join(parts)}"


def as_html(network: NetworkCore) -> str:
    """Return the layers as a table."""
    placed = network._definition.placed()
    rows = [(each.name, _sizes(each.in_shape.sizes), _sizes(each.out_shape.sizes)) for each in placed]
    headings = (gettext("layer"), gettext("input"), gettext("output"))
    return table(as_line(network), headings, rows, len(rows))


def as_table(results: Mapping[int, Mapping[str, object]]) -> str:
    """Return what `print_result` says as a table.

    Args:
        results: For each input names and values.
    """
    names = list(dict.fromkeys(name for found in results.values() for name in found))
    rows = ([number, *(found.get(name, "") for name in names)] for number, found in results.items())
    title = ngettext("{count} result", "{count} results", len(results))
    return table(title, (gettext("input"), *names), rows, len(results))


def _sizes(sizes: tuple[int | None, ...]) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in sizes)})"
