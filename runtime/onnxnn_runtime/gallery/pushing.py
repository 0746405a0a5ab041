"""Writing a gallery into an engine: what is new, what has changed, and what is gone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Iterator, Sequence

import numpy as np

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import printable

from .address import parsed
from .engine import Engine, Part, Row, facts_text
from .engine_store import connected
from .entries import View
from .exact import unit
from .manifest import About
from .results import Changes

_NUMBERS = 1 << 19
"""Numbers of the vectors that are written at once."""

_SHOWN = 12
"""Digits of a SHA-256 that messages show."""


def push(view: View, about: About, to: str, where: str) -> Changes:
    """Make a table of an engine hold just the entries of a view.

    Args:
        view: The entries.
        about: What their vectors are.
        to: The address of the table.
        where: What messages call the gallery.

    Raises:
        ImportError: The package of the engine is not installed.
        InputError: The address is wrong, the engine cannot be reached, or its table is of another model or of
            something else; or a name cannot be written as UTF-8.
    """
    address = parsed(to)
    if not about.dimension:
        raise InputError.coded(
            "E-GALLERY-06",
            "{path}: expected entries to push, got an empty gallery whose dimension is not known. Add inputs "
            "first.",
            path=where,
        )
    _check_names(view)
    engine = connected(address, create=True)
    try:
        _check_about(engine, about, where)
        return _written(engine, view, about.dimension)
    finally:
        engine.close()


def _check_names(view: View) -> None:
    for row in view.rows.tolist():
        for text in (view.names[row], view.labels[row] or ""):
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise InputError.coded(
                    "E-GALLERY-04",
                    "{name}: expected a name and label in Unicode, as engines keep them, got other bytes. "
                    "Rename the file, and build the gallery again.",
                    name=printable(view.names[row]),
                ) from error


def _check_about(engine: Engine, about: About, where: str) -> None:
    """Make the table where there is none; refuse one of other vectors."""
    text = engine.facts()
    if text is None:
        engine.create(about.dimension, facts_text(replace(about, dtype="float32")))
        return
    found = engine.read_about(text)
    if (found.sha256, found.preprocess, found.dimension) != (about.sha256, about.preprocess, about.dimension):
        raise InputError.coded(
            "E-GALLERY-02",
            "{path}: expected vectors of {model} (SHA-256 {sha256}..., dimension {dimension}), as {to} "
            "holds, got those of {other} ({got}..., dimension {size}). Push to another name: {to}#NAME.",
            path=where,
            to=engine.where.partition("#")[0],
            model=printable(found.model) or "-",
            sha256=found.sha256[:_SHOWN],
            dimension=found.dimension,
            other=printable(about.model) or "-",
            got=about.sha256[:_SHOWN],
            size=about.dimension,
        )


def _written(engine: Engine, view: View, dimension: int) -> Changes:
    known = {row.name: row for row in engine.rows()}
    rows = view.rows.tolist()
    new: list[tuple[int, Row]] = []
    other: list[tuple[int, Row]] = []
    changed, last = 0, -1
    for place in rows:
        name, label = view.names[place], view.labels[place]
        digest = hashlib.blake2b(_vector(view, [place]).tobytes(), digest_size=8).hexdigest()
        before = known.pop(name, None)
        last = before.position if before is not None and before.position > last else last + 1
        row = Row(name, label, last, digest)
        if before is None:
            new.append((place, row))
        elif row != before:
            other.append((place, row))
            changed += before[1::2] != row[1::2]
    if known:
        engine.remove(list(known.values()))
    size = max(1, _NUMBERS // dimension)
    if other:
        engine.put(_parts(view, other, size), are_new=False)
    if new:
        engine.put(_parts(view, new, size), are_new=True)
    return Changes(len(new), changed, len(rows) - len(new) - changed, len(known), [])


def _parts(view: View, rows: Sequence[tuple[int, Row]], size: int) -> Iterator[Part]:
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        yield Part([row for _, row in block], _vector(view, [place for place, _ in block]))


def _vector(view: View, places: list[int]) -> np.ndarray:
    """Return vectors as engines keep them: float32 of length 1, which those of float16 nearly have."""
    vectors = view.vectors[places]
    return np.asarray(vectors if vectors.dtype == np.float32 else unit(vectors), "<f4")
