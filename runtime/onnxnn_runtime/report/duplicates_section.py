"""The part of the page about samples that stand in training, too."""

from __future__ import annotations

from typing import Mapping

from onnxnn_runtime.messages.catalogue import gettext, ngettext

from .cards import shown_name
from .html import Html, element, image_element, section
from .shown import image_key, pairs_of


def duplicates_section(facts: Mapping[str, object], images: Mapping[str, object]) -> Html:
    """Return which samples stand in training, too; nothing where no training samples were given.

    Args:
        facts: The figures and lists of a report.
        images: Small images by the names of samples.
    """
    found = facts.get("train_duplicates")
    if not isinstance(found, Mapping):
        return Html("")
    title = gettext("Seen in training?")
    if not found["pairs"]:
        text = gettext(
            "None of these samples stands nearly the same among the {count} for training.",
            count=found["train_samples"],
        )
        return section(title, element("p", text))
    text = ngettext(
        "{count} sample stands nearly the same among those for training, so that the figures above look "
        "better than "
        "they are. Take it out on one side. Left: test, right: training.",
        "{count} samples stand nearly the same among those for training, so that the figures above look "
        "better than "
        "they are. Take them out on one side. Left: test, right: training.",
        int(str(found["found"])),
    )
    cards = [_pair(images, facts, each, found["train"]) for each in pairs_of(facts)]
    return section(title, element("p", text), element("div", *cards, class_="photos pairs"))


def _pair(
    images: Mapping[str, object], facts: Mapping[str, object], each: Mapping[str, object], train: object
) -> Html:
    there = {str(each["train"]): images.get(image_key("train", each["train"]))}
    both = [image_element(images, str(each["name"])), image_element(there, str(each["train"]))]
    frames = [element("div", image, class_="frame") if image else Html("") for image in both]
    names = [shown_name(each["name"], facts["data"]), shown_name(each["train"], train)]
    captions = [element("div", name, class_="file") for name in names]
    pair = element("div", *frames, class_="pair") if any(both) else Html("")
    return element("figure", pair, element("figcaption", element("div", *captions, class_="pair")))
