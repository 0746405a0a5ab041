"""The table of a network's layers, as `summary()` prints it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxnn_runtime.messages import html
from onnxnn_runtime.messages.catalogue import gettext

from onnxnn.graph.shape import Shape

if TYPE_CHECKING:
    from .definition import Definition


@dataclass(frozen=True)
class Row:
    """One layer in the table.

    Args:
        name: Its name in the state dict and the graph, e.g. "conv2d1".
        out_shape: One sample after it.
        parameters: Numbers that it learns, or keeps frozen.
        trainable: Those that it learns.
        multiply_adds: Multiplications with addition for one sample; None where a size is free.
    """

    name: str
    out_shape: Shape
    parameters: int
    trainable: int
    multiply_adds: int | None


def rows(definition: Definition) -> list[Row]:
    """Return one row per layer and activation."""
    net = definition.build()
    found = []
    for placed in definition.placed():
        parameters = list(net.get_submodule(placed.name).parameters())
        found.append(
            Row(
                placed.name,
                placed.out_shape,
                sum(p.numel() for p in parameters),
                sum(p.numel() for p in parameters if p.requires_grad),
                placed.layer.multiply_adds(placed.in_shape),
            )
        )
    return found


def table(definition: Definition, batch: int | None = None) -> str:
    """Return the table as text: layer, output shape such as [120, 10], parameters, multiply-adds, totals.

    Args:
        definition: The network.
        batch: Samples in a batch, the first number of each shape; "?" where it is not known.
    """
    cells = _cells(definition, batch)
    widths = [max(_width(line[i]) for line in cells) for i in range(4)]
    lines = [
        "  ".join(
            _pad(cell, width, right=i > 1) for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    rule = "-" * max(map(_width, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def html_table(definition: Definition, title: str, batch: int | None = None) -> str:
    """Return the same table as HTML.

    Args:
        definition: The network.
        title: The line above it.
        batch: As for `table`.
    """
    headings, *cells = _cells(definition, batch)
    return html.table(title, headings, cells, len(cells))


def _cells(definition: Definition, batch: int | None) -> list[tuple[str, str, str, str]]:
    """Return the headings, the rows and the totals."""
    found = rows(definition)
    shape = definition.input_shape
    cells = [(gettext("layer"), gettext("output shape"), gettext("parameters"), gettext("multiply-adds"))]
    cells.append((gettext("input"), "?" if shape is None else shape.batched(batch), "", ""))
    for row in found:
        cells.append(
            (row.name, row.out_shape.batched(batch), _number(row.parameters), _number(row.multiply_adds))
        )
    parameters = sum(row.parameters for row in found)
    trainable = sum(row.trainable for row in found)
    total = gettext("total")
    if trainable != parameters:
        total = gettext("total ({trainable:,} trainable)", trainable=trainable)
    cells.append((total, "", _number(parameters), _number(definition.multiply_adds())))
    return cells


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _width(text: str) -> int:
    """Columns on a display; a Chinese character (a module's class may have one) takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space
