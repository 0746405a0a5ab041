"""`onnxnn gallery index` and `push`: galleries of millions of vectors, and engines to move them to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict

import typer

from .embed import progress_words
from .gallery_output import GALLERY, index_data, index_line, print_changes
from .options import JSON
from .output import print_json, print_text
from .text import gettext

if TYPE_CHECKING:
    pass


def index(
    gallery: str = GALLERY,
    recall: float = typer.Option(
        0.98,
        "--recall",
        metavar="NUMBER",
        help=gettext("The share of the nearest neighbours that is wanted, up to 1."),
    ),
    connectivity: int = typer.Option(
        16,
        "--connectivity",
        metavar="N",
        help=gettext("Neighbours of each node; more take more space and find more."),
    ),
    expansion: int = typer.Option(
        128,
        "--expansion",
        metavar="N",
        help=gettext("Candidates when a node is added; more take time and find more."),
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
    gallery: str = GALLERY,
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
    print_changes(len(opened), to, opened.push(to), as_json)


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
