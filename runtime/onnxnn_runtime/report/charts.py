"""Drawings of the page as SVG."""

from __future__ import annotations

import math
from typing import Mapping, Sequence

from onnxnn_runtime.messages.catalogue import gettext

from .html import Html, element, joined

_LEFT, _TOP, _SIDE = 48.0, 12.0, 272.0
_GOOD, _BAD, _LINE, _SOFT = "#0b6e75", "#b3471b", "#d8e1e4", "#53656b"


def reliability(bins: Sequence[Mapping[str, object]]) -> Html:
    """Return a reliability diagram: how often the model is right by its score, and how often scores occur.

    Args:
        bins: {"samples", "score", "accuracy"} of bins of equal width, None where a bin is empty.
    """
    width = _SIDE / len(bins)
    most = max((int(str(each["samples"])) for each in bins), default=0) or 1
    parts = [_frame([0, 0.25, 0.5, 0.75, 1], [0, 0.25, 0.5, 0.75, 1], "{:.0%}", "{:.0%}")]
    for place, each in enumerate(bins):
        if each["accuracy"] is None:
            continue
        accuracy, score = float(str(each["accuracy"])), float(str(each["score"]))
        x = _LEFT + place * width
        low, high = sorted((accuracy, score))
        parts.append(_rect(x + 1.5, _TOP + _SIDE * (1 - low), width - 3, _SIDE * low, "#7fbfc0"))
        parts.append(_rect(x + 1.5, _TOP + _SIDE * (1 - high), width - 3, _SIDE * (high - low), "#eebfa8"))
        right = _TOP + _SIDE * (1 - accuracy)
        parts.append(_line(x + 1.5, right, x + width - 1.5, right, _GOOD))
        height = 44 * int(str(each["samples"])) / most
        parts.append(_rect(x + 1.5, _TOP + _SIDE + 94 - height, width - 3, height, "#a9b8bd"))
    parts.append(_line(_LEFT, _TOP + _SIDE, _LEFT + _SIDE, _TOP, _SOFT, stroke_dasharray="5 4"))
    bottom = _TOP + _SIDE
    parts.append(_text(_LEFT + _SIDE / 2, bottom + 34, gettext("score of the model"), "middle"))
    parts.append(
        _text(_LEFT + _SIDE / 2, bottom + 112, gettext("how many samples have such a score"), "middle")
    )
    parts.append(_sideways(gettext("share that is right")))
    return _svg(joined(parts), 340, 410, gettext("Reliability diagram"))


def scatter(points: Sequence[Sequence[float]], residuals: bool) -> Html:
    """Return predicted values over true ones, or what is left between them.

    Args:
        points: (true value, predicted value).
        residuals: Whether to draw predicted minus true.
    """
    xs = [each[0] for each in points]
    ys = [each[1] - each[0] if residuals else each[1] for each in points]
    low, high = _range(xs if residuals else xs + ys)
    bottom, top = _range([*ys, 0.0]) if residuals else (low, high)
    if residuals:
        bottom, top = -max(-bottom, top), max(-bottom, top)

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (x - low) / (high - low), (y - bottom) / (top - bottom)
        return _LEFT + _SIDE * across, _TOP + _SIDE * (1 - up)

    parts = [_frame(_ticks(low, high), _ticks(bottom, top), "{:.4g}", "{:.3g}", (low, high), (bottom, top))]
    start, end = (place(low, 0), place(high, 0)) if residuals else (place(low, low), place(high, high))
    for x, y in zip(xs, ys):
        across, down = place(x, y)
        parts.append(
            element("circle", cx=f"{across:.1f}", cy=f"{down:.1f}", r="3", fill=_GOOD, fill_opacity="0.45")
        )
    parts.append(_line(*start, *end, _BAD, stroke_dasharray="5 4"))
    parts.append(_text(_LEFT + _SIDE / 2, _TOP + _SIDE + 34, gettext("true value"), "middle"))
    parts.append(_sideways(gettext("predicted minus true") if residuals else gettext("predicted value")))
    title = gettext("Residuals") if residuals else gettext("Predicted and true values")
    return _svg(joined(parts), 340, 330, title)


def distances(facts: Mapping[str, object]) -> Html:
    """Return how far known samples and strangers are from the training samples, and the threshold.

    Args:
        facts: "edges" of bins, and the samples in each of them: "known_distances" and "stranger_distances".
    """
    edges = _numbers(facts["edges"])
    end = edges[-1]
    parts = [_frame(_ticks(0, end), [], "{:.3g}", "", (0.0, end))]
    for key, color, shift in (("known_distances", "#7fbfc0", 0.0), ("stranger_distances", "#e2946f", 0.5)):
        counts = _numbers(facts[key])
        most = max(counts) or 1
        for low, high, count in zip(edges, edges[1:], counts):
            width = _SIDE * (high - low) / end / 2
            height = 0.95 * _SIDE * count / most
            x = _LEFT + _SIDE * low / end + 2 * shift * width
            parts.append(_rect(x + 0.5, _TOP + _SIDE - height, width - 1, height, color))
    threshold = _LEFT + _SIDE / end
    parts.append(_line(threshold, _TOP, threshold, _TOP + _SIDE, _SOFT, stroke_dasharray="5 4"))
    place = _LEFT + _SIDE / 2
    parts.append(_text(place, _TOP + _SIDE + 34, gettext("distance to training, in thresholds"), "middle"))
    parts.append(_sideways(gettext("how many samples")))
    return _svg(joined(parts), 340, 330, gettext("Distances of known samples and strangers"))


def over_steps(shares: Sequence[float]) -> Html:
    """Return the share of right answers at each step of a sequence."""
    width = _SIDE / len(shares)
    parts = [_frame([], [0, 0.25, 0.5, 0.75, 1], "", "{:.0%}")]
    gap = min(1.5, width / 8)
    for step, value in enumerate(shares):
        x = _LEFT + step * width + gap
        parts.append(_rect(x, _TOP + _SIDE * (1 - value), width - 2 * gap, _SIDE * value, "#7fbfc0"))
    for step in sorted({0, len(shares) // 2, len(shares) - 1}):
        parts.append(_text(_LEFT + (step + 0.5) * width, _TOP + _SIDE + 16, str(step + 1), "middle"))
    parts.append(_text(_LEFT + _SIDE / 2, _TOP + _SIDE + 34, gettext("step"), "middle"))
    parts.append(_sideways(gettext("share that is right")))
    return _svg(joined(parts), 340, 330, gettext("Accuracy of each step"))


def _frame(
    across: Sequence[float],
    up: Sequence[float],
    across_form: str,
    up_form: str,
    x: tuple[float, float] = (0.0, 1.0),
    y: tuple[float, float] = (0.0, 1.0),
) -> Html:
    parts = []
    for value in across:
        place = _LEFT + _SIDE * (value - x[0]) / (x[1] - x[0])
        parts.append(_line(place, _TOP, place, _TOP + _SIDE, "#eef2f3"))
        parts.append(_text(place, _TOP + _SIDE + 16, across_form.format(value), "middle"))
    for value in up:
        place = _TOP + _SIDE * (1 - (value - y[0]) / (y[1] - y[0]))
        parts.append(_line(_LEFT, place, _LEFT + _SIDE, place, "#eef2f3"))
        parts.append(_text(_LEFT - 6, place + 4, up_form.format(value), "end"))
    parts.append(_line(_LEFT, _TOP + _SIDE, _LEFT + _SIDE, _TOP + _SIDE, _LINE))
    return joined(parts)


def _numbers(values: object) -> list[float]:
    return values if isinstance(values, list) else []


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Return about four round values between two."""
    wanted = (high - low) / 4
    step = 10.0 ** math.floor(math.log10(wanted))
    step *= next((each for each in (5, 2) if each * step <= wanted), 1)
    first = int(low // step) + 1
    found = [step * number for number in range(first, first + 12)]
    return [0.0 if abs(value) < step / 2 else value for value in found if value <= high]


def _svg(content: Html, width: int, height: int, title: str) -> Html:
    shown = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria_label": title}
    return element("svg", content, **shown)


def _rect(x: float, y: float, width: float, height: float, fill: str, **more: object) -> Html:
    size = {
        "x": f"{x:.1f}",
        "y": f"{y:.1f}",
        "width": f"{max(width, 0):.1f}",
        "height": f"{max(height, 0):.1f}",
    }
    return element("rect", **size, fill=fill, **more)


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, **more: object) -> Html:
    ends = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    return element("line", **ends, stroke=stroke, stroke_width="1.5", **more)


def _text(x: float, y: float, content: str, anchor: str) -> Html:
    return element("text", content, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _sideways(content: str) -> Html:
    y = _TOP + _SIDE / 2
    return element(
        "text", content, x="0", y="0", text_anchor="middle", transform=f"translate(11 {y:.0f}) rotate(-90)"
    )
