"""The ledger as a table of a page: the largest difference of each row in each runtime."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

LIMIT = 1e-4
"""The largest relative difference that passes."""

RED = "🔴"

KNOWN = {
    # GlobalMaxPool of anything but images takes the largest over other axes.
    ("onnx.reference", "branches"),
    ("onnx.reference", "global_maxpool"),
    # LRN counts channels by the number of samples.
    ("onnx.reference", "lrn"),
    # RNN has no activation Relu.
    ("onnx.reference", "rnn"),
    # RNN takes tanh for Relu.
    ("tract, fixed", "rnn"),
    # There is no Loop.
    ("tract, fixed", "sampling loop, DPM-Solver++"),
    ("tract, fixed", "sampling loop, DDIM"),
    ("OpenCV, fixed", "sampling loop, DPM-Solver++"),
    ("OpenCV, fixed", "sampling loop, DDIM"),
    # An average with padding has other zeros.
    ("OpenCV, fixed", "avgpool"),
    ("OpenCV, fixed", "avgpool1d"),
    # Volumes have no pooling over everything.
    ("OpenCV, fixed", "global_avgpool"),
    ("OpenCV, fixed", "global_maxpool"),
    # There is no IsNaN.
    ("OpenCV, fixed", "impute"),
    # There is no RNN, and no GRU without a first state.
    ("OpenCV, fixed", "rnn"),
    ("OpenCV, fixed", "gru"),
    ("OpenCV, fixed", "classes of sequences"),
    # There is no Or, with which padding is masked.
    ("OpenCV, fixed", "classes of texts"),
    # Feature maps of one pixel come out wrong.
    ("OpenCV, fixed", "mobilenet_backbone"),
    ("OpenCV, fixed", "efficientnet_lite0"),
}
"""Faults of a runtime itself, (runtime, row): red on the page and explained there; the ledger passes."""

BEGIN, END = "<!-- ledger: begin -->", "<!-- ledger: end -->"


def worst(result: Mapping[str, Any], rows: Mapping[str, str]) -> dict[str, float | str]:
    """Return for each row the largest difference of its files, or what went wrong with one of them.

    Args:
        result: What an engine says: {"files": {NAME: difference or text}}.
        rows: NAME -> row.

    A file that the engine says nothing of is an error.
    """
    cells: dict[str, float | str] = {}
    for name, row in rows.items():
        found, before = result["files"].get(name, "was not run"), cells.get(row, 0.0)
        if isinstance(before, str):
            continue
        cells[row] = found if isinstance(found, str) else max(before, found)
    return cells


def is_red(cell: float | str) -> bool:
    """Return whether a cell is above the limit, or is no number."""
    return isinstance(cell, str) or not cell <= LIMIT


def text(cell: float | str | None) -> str:
    """Return a cell as it is printed; None is a row of which there is no such file."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return f"{RED} fails"
    if not is_red(cell):
        return "0" if cell == 0 else f"{cell:.0e}"
    return f"{RED} {cell:.0e}" if math.isfinite(cell) else f"{RED} wrong"


def markdown(title: str, rows: Sequence[str], columns: Mapping[str, Mapping[str, float | str]]) -> str:
    """Return a table.

    Args:
        title: Of the first column.
        rows: Their names, in order.
        columns: Runtime -> row -> cell.
    """
    lines = [[title, *columns], ["-"] * (1 + len(columns))]
    lines += [[f"`{row}`" if " " not in row else row, *(text(cells.get(row)) for cells in columns.values())]
              for row in rows]  # fmt: skip
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def complaints(columns: Mapping[str, Mapping[str, float | str]]) -> list[str]:
    """Return a line for each red cell that is not known, and for each known one that is not red."""
    lines = []
    for runtime, cells in columns.items():
        for row, cell in cells.items():
            known = (runtime, row) in KNOWN
            if known and not is_red(cell):
                lines.append(f"{row} in {runtime}: is right now. Take it out of KNOWN in table.py.")
            elif is_red(cell) and not known:
                what = cell if isinstance(cell, str) else f"differs by {cell:.2g}, more than {LIMIT:g}"
                lines.append(f"{row} in {runtime}: {what}")
    return lines


def replaced(page: str, tables: str) -> str:
    """Return a page with other tables between its marks.

    Raises:
        ValueError: The page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"
