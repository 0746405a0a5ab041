"""`onnxnn gallery index` and `push`: galleries of millions of vectors, and engines to move them to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Optional

import typer

from .embed import progress_words
from .options import JSON
from .output import print_json, print_text
from .text import gettext, ngettext

if TYPE_CHECKING:
    from onnxnn_runtime import IndexFacts

FOLDER: Any = typer.Argument(..., metavar="GALLERY", help=gettext("The folder of the gallery."))


def index(
    gallery: str = FOLDER,
    recall: float = typer.Option(
        0.98, "--recall", help=gettext("The share of the nearest neighbours that is wanted, up to 1.")
    ),
    connectivity: int = typer.Option(
        16, "--connectivity", help=gettext("Neighbours of each node; more take more space and find more.")
    ),
    expansion: int = typer.Option(
        128, "--expansion", help=gettext("Candidates when a node is added; more take time and find more.")
    ),
    as_json: bool = JSON,
) -> None:
    """Build the index of a gallery, and print its recall against exact search."""
    import onnxnn_runtime as rt
    from onnxnn_runtime.messages.progress import ProgressLine

    opened = rt.Gallery.open(gallery)
    with ProgressLine(progress_words) as progress:
        facts = opened.build_index(
            recall=recall, connectivity=connectivity, expansion_add=expansion, progress=progress
        )
    if as_json:
        print_json({"gallery": gallery, "entries": len(opened), "index": index_data(facts)})
    else:
        print_text(index_line(facts))


def push(
    gallery: str = FOLDER,
    to: str = typer.Option(
        ...,
        "--to",
        metavar="ADDRESS",
        help=gettext("lancedb://PATH, qdrant://HOST[:PORT], qdrant+http://HOST or qdrant+file://PATH."),
    ),
    as_json: bool = JSON,
) -> None:
    """Make an engine hold just the entries of a gallery."""
    import onnxnn_runtime as rt

    opened = rt.Gallery.open(gallery)
    added, changed, unchanged, removed, _ = opened.push(to)
    if as_json:
        counts = {"added": added, "changed": changed, "unchanged": unchanged, "removed": removed}
        print_json({"gallery": to, "entries": len(opened), **counts})
        return
    print_text(
        gettext(
            "{entries} in {gallery}: {added} added, {changed} changed, {unchanged} unchanged, "
            "{removed} removed",
            entries=ngettext("{count} entry", "{count} entries", len(opened)),
            gallery=to,
            added=added,
            changed=changed,
            unchanged=unchanged,
            removed=removed,
        )
    )


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


COMMANDS: Dict[str, Callable[..., None]] = {"index": index, "push": push}

HELPS: Dict[str, str] = {
    "index": gettext(
        "Build an index for millions of vectors, and print its recall against exact search.\n\n"
        "Example: onnxnn gallery index photos.gallery"
    ),
    "push": gettext(
        "Write a gallery into LanceDB or Qdrant; a later call writes what has changed.\n\n"
        "The key of a server is read from the environment, QDRANT_API_KEY.\n\n"
        "Example: onnxnn gallery push photos.gallery --to lancedb://photos.lance"
    ),
}
"""Command -> its help text."""
