"""The curves of a history as SVG, which pages hold as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from onnxnn_runtime.messages.catalogue import gettext

__all__ = ["curves"]

WIDTH, HEIGHT = 440, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 26
_MOST_POINTS = 400
_COLORS = ("#31688e", "#d1495b")  # of training and of validation

Point = tuple[float, float]


def curves(history: Sequence[Mapping[str, float]]) -> str:
    """Return a figure for each column of a history, training and validation in one.

    Args:
        history: A dict for each epoch, as `train` returns it.
    """
    if not history:
        return ""
    names = [name for name in history[0] if not name.startswith("val_") and name not in ("epoch", "lr")]
    return "".join(f"<figure>{_curve(name, history)}</figure>" for name in names)


def _curve(name: str, history: Sequence[Mapping[str, float]]) -> str:
    lines = [_points(history, column) for column in (name, f"val_{name}")]
    values = [value for line in lines for _, value in line] or [0.0]
    low, high = min(values), max(values)
    last = max([epoch for line in lines for epoch, _ in line], default=1.0)
    caption = f"<figcaption>{escape(name)} {_legend(history[-1], name)}</figcaption>"
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = [f'<rect x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}" class="box"/>']
    for value, y in ((high, _TOP + 4), (low, bottom)):
        parts.append(f'<text x="{_LEFT - 6}" y="{y}" text-anchor="end">{value:.3g}</text>')
    parts.append(f'<text x="{_LEFT}" y="{HEIGHT - 8}">1</text>')
    parts.append(f'<text x="{right}" y="{HEIGHT - 8}" text-anchor="end">{last:g}</text>')
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(gettext("epoch"))}</text>'
    )
    for line, color in zip(lines, _COLORS, strict=True):
        places = [
            (
                _LEFT + (epoch - 1) / max(last - 1, 1) * (right - _LEFT),
                bottom - (value - low) / ((high - low) or 1.0) * (bottom - _TOP),
            )
            for epoch, value in line
        ]
        parts.append(_line(places, color))
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>{caption}'


def _legend(row: Mapping[str, float], name: str) -> str:
    """Return the last figures, each in the colour of its line."""
    texts = ((name, gettext("training")), (f"val_{name}", gettext("validation")))
    return " ".join(
        f'<span style="color:{color}">{escape(text)} {row[column]:.4g}</span>'
        for (column, text), color in zip(texts, _COLORS, strict=True)
        if column in row
    )


def _line(places: Sequence[Point], color: str) -> str:
    if len(places) == 1:
        return f'<circle cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="3" fill="{color}"/>'
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>'


def _points(history: Sequence[Mapping[str, float]], column: str) -> list[Point]:
    """Return (epoch, value) of a column, of a long history some; the last one is among them."""
    found = [(float(row["epoch"]), float(row[column])) for row in history if column in row]
    found = [point for point in found if math.isfinite(point[1])]
    step = -(-len(found) // _MOST_POINTS)
    return found[::-1][::step][::-1] if step > 1 else found
