"""The parts of the page about a model that continues texts."""

from __future__ import annotations

from typing import Mapping

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable

from .cards import shown_name
from .html import Html, element, joined, section, table, tile
from .shown import WORST, entries


def text_sections(facts: Mapping[str, object], images: Mapping[str, object]) -> Html:
    """Return what stands below the title; `images` are not used."""
    lead = gettext(
        "Before each next token the model is as unsure as if it had to guess among {perplexity:.4g} equally "
        "likely ones "
        "(perplexity); without any training it would be {vocabulary}.",
        perplexity=facts["perplexity"],
        vocabulary=facts["vocabulary"],
    )
    tiles = [
        tile(f"{facts['perplexity']:.4g}", gettext("perplexity"), gettext("the smaller, the better")),
        tile(f"{facts['accuracy']:.1%}", gettext("next token right"), gettext("its first guess")),
        tile(f"{facts['tokens']:,}", gettext("predicted tokens")),
    ]
    rows = [
        (
            shown_name(each["name"], facts["data"]),
            printable(str(each["text"]), 160),
            each["tokens"],
            f"{each['perplexity']:.4g}",
        )
        for each in entries(facts["worst"])[:WORST]
    ]
    headings = (gettext("name"), gettext("text"), gettext("predicted tokens"), gettext("perplexity"))
    return joined(
        [
            element("p", lead, class_="lead"),
            element("div", *tiles, class_="tiles"),
            section(gettext("Texts that surprise it most"), table(headings, rows)),
        ]
    )
