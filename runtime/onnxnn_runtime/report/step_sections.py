"""The parts of the page about a model that classifies the steps of sequences."""

from __future__ import annotations

from typing import Mapping, Sequence

from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import printable

from .cards import shown_name
from .charts import over_steps
from .class_sections import classes_section, matrix_section
from .html import Html, element, joined, section, table, tile
from .shown import WORST, entries, interval

_STEPS = 40
"""Steps of a sequence that are listed."""


def step_sections(facts: Mapping[str, object], images: Mapping[str, object]) -> Html:
    """Return what stands below the title; `images` are not used."""
    low, high = interval(facts, "sequences_right_interval")
    lead = gettext(
        "The model gets {right} of {steps} right. In {whole} of {sequences} every step is right.",
        right=facts["right"],
        steps=ngettext("{count} step", "{count} steps", int(str(facts["samples"]))),
        whole=facts["sequences_right"],
        sequences=ngettext("{count} sequence", "{count} sequences", int(str(facts["sequences"]))),
    )
    whole = int(str(facts["sequences_right"])) / int(str(facts["sequences"]))
    tiles = [
        tile(f"{facts['accuracy']:.1%}", gettext("accuracy of the steps")),
        tile(
            f"{whole:.1%}",
            gettext("sequences without a mistake"),
            gettext("{low:.1%} to {high:.1%} with 95 % confidence", low=low, high=high),
        ),
    ]
    shares = [float(each) for each in _list(facts["step_accuracy"])]
    steps = section(gettext("Accuracy of each step"), element("div", over_steps(shares), class_="charts"))
    return joined(
        [
            element("p", lead, class_="lead"),
            element("div", *tiles, class_="tiles"),
            steps,
            matrix_section(facts),
            classes_section(facts),
            _worst(facts),
        ]
    )


def _worst(facts: Mapping[str, object]) -> Html:
    found = entries(facts["worst"])[:WORST]
    if not found:
        return Html("")
    rows = [
        (
            shown_name(each["name"], facts["data"]),
            f"{each['accuracy']:.1%}",
            _steps(_list(each["label"])),
            _steps(_list(each["predicted"])),
        )
        for each in found
    ]
    headings = (gettext("name"), gettext("accuracy"), gettext("true"), gettext("predicted"))
    return section(gettext("Worst sequences"), table(headings, rows))


def _steps(labels: Sequence[object]) -> str:
    shown = " ".join(printable(str(each), 20) for each in labels[:_STEPS])
    return shown + (" …" if len(labels) > _STEPS else "")


def _list(value: object) -> list[str]:
    return value if isinstance(value, list) else []
