"""What a report lists one by one, and of which samples a page shows images."""

from __future__ import annotations

from typing import Mapping

WORST = 24
"""Worst mistakes, largest errors, and probably wrong labels."""

LEAST_CERTAIN = 12
"""Least certain samples."""

PAIRS = 12
"""Near-duplicates."""


def image_key(side: str, name: object) -> str:
    """Return under which name the image of a training sample or of a stranger lies.

    Arrays of either side are called "input[3]", and so are those of the test.

    Args:
        side: "train" or "strangers".
        name: The name of the sample.
    """
    return f"{side}: {name}"


def entries(value: object) -> list[Mapping[str, object]]:
    """Return a list of a report; an empty one where there is none."""
    return value if isinstance(value, list) else []


def interval(facts: Mapping[str, object], key: str) -> tuple[float, float]:
    """Return the interval that stands under a key of a report."""
    found = facts[key]
    low, high = found if isinstance(found, list) else (0.0, 0.0)
    return low, high


def pairs_of(facts: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the near-duplicates of training and test that a page shows."""
    found = facts.get("train_duplicates")
    return entries(found.get("pairs"))[:PAIRS] if isinstance(found, Mapping) else []


def shown_names(facts: Mapping[str, object]) -> tuple[set[str], set[str]]:
    """Return the names of the test samples and the training samples whose images a page shows.

    Args:
        facts: The figures and lists of a report.
    """
    lists = (facts.get(key) for key in ("worst", "least_certain", "probably_wrong_labels"))
    names = {str(each["name"]) for found in lists for each in entries(found)[:WORST]}
    pairs = pairs_of(facts)
    return names | {str(each["name"]) for each in pairs}, {str(each["train"]) for each in pairs}
