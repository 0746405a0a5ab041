"""Which model the vectors of a gallery are of: others are refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from onnxnn_runtime.embedding import vector_output
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.opening import require_card

from .manifest import About

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

_SHOWN = 12
"""Digits of a SHA-256 that messages show."""


def about_model(model: Model, dtype: str) -> About:
    """Return what the vectors of a model are.

    Raises:
        CardError: It has no card, or no output that is a vector.
    """
    card = require_card(model.card, model.name, "Gallery")
    shape = model.outputs[vector_output(card, model.outputs, model.name)][1]
    size = shape[-1] if shape else 0
    path = model.name if os.path.lexists(model.name) else ""
    preprocess = card.input.preprocess
    prepared = (
        "" if preprocess is None else json.dumps(replace(preprocess, draft=False).to_dict(), sort_keys=True)
    )
    return About(
        size if isinstance(size, int) else 0,
        dtype,
        os.path.basename(model.name),
        os.path.abspath(path) if path else "",
        model.fingerprint,
        prepared,
    )


def check_model(about: About, model: Model, where: str) -> None:
    """Refuse a model whose vectors are not those of a gallery.

    Args:
        about: The gallery's vectors.
        model: The model.
        where: What messages call the gallery.

    Raises:
        CardError: The model has no card, or no output that is a vector.
        InputError: It computes other vectors.
    """
    found = about_model(model, about.dtype)
    if not about.sha256:
        if about.dimension and found.dimension and about.dimension != found.dimension:
            raise InputError.coded(
                "E-GALLERY-02",
                "{path}: expected a model of vectors of dimension {dimension}, got {other}, whose is {got}."
                " Give the model that built the gallery, or build it again.",
                path=where,
                dimension=about.dimension,
                other=printable(found.model),
                got=found.dimension,
            )
        return
    if found.sha256 != about.sha256:
        raise InputError.coded(
            "E-GALLERY-02",
            "{path}: expected the model whose vectors it holds, {model} (SHA-256 {sha256}...), got {other} "
            "({got}...). Open it with that model, or build another gallery.",
            path=where,
            model=printable(about.model),
            sha256=about.sha256[:_SHOWN],
            other=printable(found.model),
            got=found.sha256[:_SHOWN],
        )
    if found.preprocess != about.preprocess:
        raise InputError.coded(
            "E-GALLERY-02",
            "{path}: expected images prepared as its vectors of {model} were, but this card of the model "
            "prepares them in another way. Open it with the file's own card, or build another gallery.",
            path=where,
            model=printable(about.model),
        )
