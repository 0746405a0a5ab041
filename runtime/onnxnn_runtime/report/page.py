"""A report as one HTML page that loads nothing: it opens from a USB stick, on a phone, and prints."""

from __future__ import annotations

import os
from typing import Callable, Mapping

from onnxnn_runtime.messages.catalogue import ENGLISH, gettext, language, ngettext
from onnxnn_runtime.messages.shorten import printable

from .cards import counted_samples
from .class_sections import class_sections
from .html import Html, document, element, joined, section, table
from .step_sections import step_sections
from .style import PAGE, SCOPE, STYLE
from .text_sections import text_sections
from .value_sections import value_sections

Facts = Mapping[str, object]

_FEW = 30
"""Below so many samples a note says that the figures are uncertain."""

_LISTED = 20
"""Inputs that were left out which are named."""


def page(facts: Facts, images: Mapping[str, object]) -> str:
    """Return the whole document.

    Args:
        facts: The figures and lists of a report.
        images: Small images by the names of samples.
    """
    tag = "en" if language() == ENGLISH else "zh-CN"
    return document(tag, _title(facts), PAGE, _body(facts, images, "main"))


def fragment(facts: Facts, images: Mapping[str, object]) -> str:
    """Return what a notebook shows: the same without a document around it."""
    return joined([element("style", Html(STYLE.replace("\n", ""))), _body(facts, images, "div")])


def _body(facts: Facts, images: Mapping[str, object], name: str) -> Html:
    sections: Callable[[Facts, Mapping[str, object]], Html] = class_sections
    if facts["does"] == "regress":
        sections = value_sections
    elif facts["does"] == "generate":
        sections = text_sections
    elif facts.get("steps"):
        sections = step_sections
    return element(
        name,
        element("h1", _title(facts)),
        element("p", _about(facts), class_="soft"),
        _notes(facts),
        sections(facts, images),
        _left_out(facts),
        class_=SCOPE[1:],
    )


def _title(facts: Facts) -> str:
    return gettext("Report on {model}", model=printable(os.path.basename(str(facts["model"])), 80))


def _about(facts: Facts) -> str:
    samples = counted_samples(facts)
    data = facts["data"]
    if data is None:
        return gettext("What the model says about {samples}, compared with their labels.", samples=samples)
    return gettext(
        "What the model says about {samples} from {data}, compared with their labels.",
        samples=samples,
        data=printable(str(data), 120),
    )


def _notes(facts: Facts) -> Html:
    """Return what a reader has to know before the figures."""
    notes = []
    count = int(str(facts["samples"]))
    if count < _FEW:
        notes.append(
            ngettext(
                "{count} sample is very few: with others the figures may be quite different.",
                "{count} samples are very few: with others the figures may be quite different.",
                count,
            )
        )
    unknown = facts.get("unknown_labels")
    if isinstance(unknown, Mapping) and unknown:
        named = ", ".join(f"{printable(name, 40)} ({number})" for name, number in list(unknown.items())[:10])
        notes.append(
            gettext("The model does not know these labels; their samples are left out: {names}.", names=named)
        )
    classes = facts.get("classes")
    if isinstance(classes, list):
        none = [printable(each["name"], 40) for each in classes if not each["support"]]
        one = [printable(each["name"], 40) for each in classes if each["support"] == 1]
        if none:
            names = ", ".join(none[:10]) + (" …" if len(none) > 10 else "")
            notes.append(
                gettext("Without a sample, so that nothing is known about them: {names}.", names=names)
            )
        if one:
            names = ", ".join(one[:10]) + (" …" if len(one) > 10 else "")
            notes.append(gettext("With a single sample, whose figures are 0 or 100 %: {names}.", names=names))
    left_out = facts.get("left_out")
    if isinstance(left_out, list) and left_out:
        notes.append(
            ngettext(
                "{count} file was left out; it is named at the end.",
                "{count} files were left out; they are named at the end.",
                len(left_out),
            )
        )
    if not notes:
        return Html("")
    return element("div", element("ul", *(element("li", each) for each in notes)), class_="notes")


def _left_out(facts: Facts) -> Html:
    left_out = facts.get("left_out")
    if not isinstance(left_out, list) or not left_out:
        return Html("")
    rows = [(printable(each["name"], 120), printable(each["reason"], 160)) for each in left_out[:_LISTED]]
    more = len(left_out) - len(rows)
    rest = ngettext("and {count} more", "and {count} more", more) if more else ""
    return section(
        gettext("Left out"),
        table((gettext("name"), gettext("reason")), rows),
        element("p", rest, class_="soft"),
    )
