"""The parts of the page about a model that returns values."""

from __future__ import annotations

from typing import Mapping

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable

from .cards import shown_name
from .charts import scatter
from .duplicates_section import duplicates_section
from .html import Html, element, image_element, joined, section, table, tile
from .shown import WORST, entries

_MOST = 6
"""Targets that are drawn."""


def value_sections(facts: Mapping[str, object], images: Mapping[str, object]) -> Html:
    """Return what stands below the title.

    Args:
        facts: The figures and lists of a report.
        images: Small images by the names of samples.
    """
    lead = gettext(
        "On average the model is off by {mae:.4g}. R² is {r2:.3f}: 1 is perfect, 0 is no better than always "
        "saying the "
        "mean, below 0 is worse than that.",
        mae=facts["mae"],
        r2=facts["r2"],
    )
    tiles = [
        tile(f"{facts['r2']:.3f}", "R²", gettext("1 is perfect")),
        tile(f"{facts['mae']:.4g}", gettext("mean absolute error"), gettext("in the unit of the values")),
        tile(
            f"{facts['rmse']:.4g}",
            gettext("root mean squared error"),
            gettext("large errors count more"),
        ),
    ]
    targets = entries(facts["targets"])
    parts = [element("p", lead, class_="lead"), element("div", *tiles, class_="tiles")]
    parts += [_target(each, len(targets) > 1) for each in targets[:_MOST]]
    if len(targets) > 1:
        parts.append(_table(targets))
    parts += [_worst(facts, images), duplicates_section(facts, images)]
    return joined(parts)


def _target(target: Mapping[str, object], is_named: bool) -> Html:
    points = target["points"] if isinstance(target["points"], list) else []
    text = gettext(
        "First drawing: points on the dashed line are exact. Second: what is left over should look like "
        "noise."
    )
    if is_named:
        title = gettext("Predictions of {target}", target=printable(str(target["name"]), 60))
    else:
        title = gettext("Predictions")
    charts = element("div", scatter(points, False), scatter(points, True), class_="charts")
    return section(title, element("p", text), charts)


def _table(targets: list[Mapping[str, object]]) -> Html:
    rows = [
        (
            printable(each["name"], 60),
            f"{each['r2']:.3f}",
            f"{each['mae']:.4g}",
            f"{each['rmse']:.4g}",
            f"{each['mean_error']:.4g}",
            f"{each['deviation']:.4g}",
        )
        for each in targets
    ]
    headings = (
        gettext("value"),
        "R²",
        gettext("mean absolute error"),
        gettext("root mean squared error"),
        gettext("mean error"),
        gettext("deviation of the true values"),
    )
    return section(gettext("Each value"), table(headings, rows))


def _worst(facts: Mapping[str, object], images: Mapping[str, object]) -> Html:
    rows = []
    most = max(WORST // max(len(entries(facts["targets"])), 1), 6)
    for each in entries(facts["worst"])[:most]:
        expected, predicted = _mapping(each["expected"]), _mapping(each["predicted"])
        for number, name in enumerate(expected):
            error = predicted[name] - expected[name]
            shown = joined(
                [image_element(images, str(each["name"])), shown_name(each["name"], facts["data"])]
            )
            cells = (f"{expected[name]:.5g}", f"{predicted[name]:.5g}", f"{error:+.4g}")
            rows.append((shown if not number else "", printable(name, 40), *cells))
    headings = (
        gettext("name"),
        gettext("value"),
        gettext("true"),
        gettext("predicted"),
        gettext("predicted minus true"),
    )
    return section(gettext("Largest errors"), table(headings, rows))


def _mapping(value: object) -> Mapping[str, float]:
    return value if isinstance(value, Mapping) else {}
