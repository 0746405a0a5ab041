"""The part of the page about samples of other classes."""

from __future__ import annotations

from typing import Mapping

from onnxnn_runtime.messages.catalogue import gettext, ngettext

from .cards import card, cards_of
from .charts import distances
from .html import Html, element, section
from .shown import image_key
from .strangers import familiar_of


def strangers_section(facts: Mapping[str, object], images: Mapping[str, object]) -> Html:
    """Return how well the model notices strangers; nothing where none were given.

    Args:
        facts: The figures and lists of a report.
        images: Small images by the names of samples.
    """
    found = facts.get("unknown")
    if not isinstance(found, Mapping):
        return Html("")
    text = gettext(
        'The model answers "unknown" to {noticed:.1%} of {strangers} of other classes, and wrongly to '
        "{refused:.1%} of the samples that it knows. Of a stranger and a known sample the stranger looks "
        "stranger in {auroc:.1%} of all pairs (AUROC): 100 % would be perfect, 50 % is guessing.",
        noticed=found["strangers_noticed"],
        strangers=ngettext("{count} stranger", "{count} strangers", int(str(found["strangers"]))),
        refused=1 - float(str(found["known_accepted"])),
        auroc=found["auroc"],
    )
    legend = gettext(
        'Green: known samples, orange: strangers. What lies right of the dashed line is "unknown"; distances '
        "are in feature space (Sun et al. 2022)."
    )
    parts = [element("p", text), distances(found), element("p", legend, class_="soft")]
    familiar = familiar_of(facts)
    if familiar:
        parts.append(element("h3", gettext("Strangers that look most familiar")))
        parts.append(cards_of([_stranger(images, found["data"], each) for each in familiar]))
    return section(gettext("Does it notice strangers?"), *parts)


def _stranger(images: Mapping[str, object], data: object, each: Mapping[str, object]) -> Html:
    distance = float(str(each["distance"]))
    said = gettext('"unknown"') if distance > 1 else gettext("taken for known")
    where = gettext("distance {distance:.2f}", distance=distance)
    own = {str(each["name"]): images.get(image_key("strangers", each["name"]))}
    return card(own, data, each, where, said, distance > 1)
