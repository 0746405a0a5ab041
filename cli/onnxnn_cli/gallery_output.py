"""What the commands of galleries print, and the argument that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence

import typer

from .output import print_json, print_table, print_text
from .text import gettext, ngettext

if TYPE_CHECKING:
    from onnxnn_runtime import Changes, IndexFacts, Matches

GALLERY: Any = typer.Argument(..., metavar="GALLERY", help=gettext("The folder of the gallery."))


def print_changes(entries: int, path: str, changes: Changes, as_json: bool) -> None:
    """Print what a command changed.

    Args:
        entries: How many there are now.
        path: The gallery.
        changes: What was added, changed and removed.
        as_json: Whether as JSON.
    """
    added, changed, unchanged, removed, skipped = changes
    if as_json:
        counts = {"added": added, "changed": changed, "unchanged": unchanged, "removed": removed}
        print_json({"gallery": path, "entries": entries, **counts, "skipped": len(skipped)})
        return
    print_text(
        gettext(
            "{entries} in {gallery}: {added} added, {changed} changed, {unchanged} unchanged, "
            "{removed} removed",
            entries=ngettext("{count} entry", "{count} entries", entries),
            gallery=path,
            added=added,
            changed=changed,
            unchanged=unchanged,
            removed=removed,
        )
    )


def print_matches(found: Sequence[Matches], as_json: bool) -> None:
    """Print what was found for each query, as tables or as JSON."""
    if as_json:
        print_json(
            [
                {"query": each.query, "matches": [dict(zip(match._fields, match)) for match in each]}
                for each in found
            ]
        )
        return
    for number, matches in enumerate(found):
        print_text(("\n" if number else "") + matches.query)
        heading = gettext("score"), gettext("label"), gettext("name")
        print_table([heading, *((f"{each.score:.4f}", each.label or "", each.name) for each in matches)])


def index_line(facts: IndexFacts) -> str:
    """Return what is known of an index, in one line."""
    return gettext(
        "index of {rows}: recall {recall:.4f} of the 10 nearest, measured on {queries}; "
        "{candidates} candidates a search",
        rows=ngettext("{count} row", "{count} rows", facts.rows),
        recall=facts.recall,
        queries=ngettext("{count} entry", "{count} entries", facts.queries),
        candidates=facts.expansion_search,
    )


def index_data(facts: Optional[IndexFacts]) -> Optional[Dict[str, object]]:
    """Return what is known of an index for JSON."""
    if facts is None:
        return None
    names = ("rows", "recall", "queries", "connectivity", "expansion_add", "expansion_search", "size")
    return {name: getattr(facts, name) for name in names}
