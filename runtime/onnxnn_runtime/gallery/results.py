"""What a gallery returns."""

from __future__ import annotations

from typing import List, NamedTuple

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.messages.catalogue import gettext, ngettext


@checked_class()
class Match(NamedTuple):
    """One entry that is similar to a query.

    Args:
        name: Its name in the gallery: a path, or the name that it was added with.
        score: The cosine similarity, -1..1, rounded to 6 decimals.
        label: Its label, or None.
    """

    name: str
    score: float
    label: str | None


@checked_class()
class Matches(List[Match]):
    """The matches of one query, the most similar first; equal scores in the order in which they were added.

    Args:
        query: The name of the query: a path, or "input[3]".
        matches: What was found.
    """

    def __init__(self, query: str = "", matches: list[Match] | None = None) -> None:
        super().__init__(matches or ())
        self.query = query

    def _repr_html_(self) -> str:
        from onnxnn_runtime.messages.html import table

        headings = (gettext("name"), gettext("score"), gettext("label"))
        rows = ((each.name, each.score, each.label or "") for each in self)
        title = ngettext(
            "{count} match for {query}", "{count} matches for {query}", len(self), query=self.query
        )
        return table(title, headings, rows, len(self))


@checked_class()
class Classification(NamedTuple):
    """The label of a query by its nearest neighbours.

    Args:
        query: The name of the query: a path, or "input[3]".
        label: The label that most of the neighbours have; of equally frequent ones that with the larger sum
            of similarities.
        score: Its share of the neighbours, 0..1.
        top: Every label of the neighbours with its share, the best first.
        matches: The neighbours.
    """

    query: str
    label: str
    score: float
    top: tuple[tuple[str, float], ...]
    matches: Matches


@checked_class()
class Changes(NamedTuple):
    """What a call changed in a gallery.

    Args:
        added: Entries that are new.
        changed: Entries whose input has changed, with another vector now.
        unchanged: Inputs that were there already, and were not embedded again.
        removed: Entries that are gone.
        skipped: Inputs that were left out, and why.
    """

    added: int
    changed: int
    unchanged: int
    removed: int
    skipped: list[Skipped]
