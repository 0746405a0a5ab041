"""Single samples on the page: their image, what they are and what the model says."""

from __future__ import annotations

import os
from typing import Mapping, Sequence

from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import printable

from .html import Html, element, image_element


def counted_samples(facts: Mapping[str, object]) -> str:
    """Return "302 samples"."""
    return ngettext("{count} sample", "{count} samples", int(str(facts["samples"])))


def card(
    images: Mapping[str, object],
    data: object,
    each: Mapping[str, object],
    label: str,
    said: str,
    is_right: bool = False,
) -> Html:
    """Return a sample with two lines below its image.

    Args:
        images: Small images by the names of samples.
        data: The folder that was given.
        each: The sample's entry in a list of the report.
        label: What it is.
        said: What the model says.
        is_right: Whether that is right, which colours it.
    """
    image = image_element(images, str(each["name"]))
    return element(
        "figure",
        element("div", image, class_="frame") if image else "",
        element(
            "figcaption",
            element("div", label),
            element("div", said, class_="right" if is_right else "wrong"),
            element("div", shown_name(each["name"], data), class_="file"),
        ),
    )


def cards_of(cards: Sequence[Html]) -> Html:
    """Return several of them beside each other."""
    return element("div", *cards, class_="photos")


def shown_name(name: object, data: object) -> str:
    """Return the name of a sample as a page shows it: within the folder that was given."""
    text = str(name)
    if data is not None and os.path.isdir(str(data)) and text.startswith(str(data)):
        text = text[len(str(data)) :].lstrip(os.sep) or text
    return printable(text, 80)
