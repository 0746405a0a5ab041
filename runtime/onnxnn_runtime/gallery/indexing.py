"""Building the index of a gallery's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from .entries import View
from .hnsw import IndexOptions, built_graph, measured, write_index
from .index_facts import IndexFacts
from .manifest import Manifest


def indexed(
    folder: Path, manifest: Manifest, view: View, options: IndexOptions, report: Callable[[int, int], object]
) -> IndexFacts:
    """Build the index of a view, measure it and write its file; return what the manifest is to say of it.

    Raises:
        ImportError: usearch is not installed.
        OSError: The file cannot be written.
    """
    graph = built_graph(view.vectors, view.rows, options, report)
    width, recall, queries = measured(graph, view.vectors, view.removed, options.recall)
    facts = IndexFacts(
        number=manifest.next_number,
        vectors=manifest.vectors,
        rows=len(view.vectors),
        recall=recall,
        queries=queries,
        connectivity=options.connectivity,
        expansion_add=options.expansion_add,
        expansion_search=width,
        size=0,
        file_crc=0,
        vectors_crc=0,
    )
    return write_index(folder, facts, view.vectors, graph)
