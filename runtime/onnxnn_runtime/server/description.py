"""The files of the pages, and what they need to know about a model."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.tokens import is_words
from onnxnn_runtime.heatmap import OUTPUT as HEAT_MAPS

__all__ = ["STATIC", "described"]

STATIC = Path(__file__).with_name("static")
"""The folder of the files."""

_CLASSES_SHOWN = 1_000
"""Class names that a page lists; more make no choice that a person can use."""


def described(name: str, kind: ModelKind, state: str) -> dict[str, object]:
    """Return what a page needs to know about a model, as JSON has it.

    Args:
        name: What the page calls the model.
        kind: What the model does.
        state: Whether it is ready.

    Returns:
        name, does (see `ModelKind.does`), state, has_vector, detects_unknown, has_heatmap, classes, input
        (null for a file without a card) and sampling (null for a model that samples no images).
    """
    card = kind.card
    classes = () if card is None else card.classes
    return {
        "name": name,
        "does": kind.does,
        "state": state,
        "has_vector": kind.vector is not None,
        "detects_unknown": card is not None and card.unknown is not None,
        "has_heatmap": HEAT_MAPS in kind.outputs,
        "classes": list(classes[:_CLASSES_SHOWN]),
        "input": None if card is None else _input(card.input),
        "sampling": _sampling(kind),
    }


def _input(spec: InputSpec) -> Mapping[str, object]:
    width = spec.shape[-1] if spec.kind in ("table", "sequence") and len(spec.shape) > 1 else None
    return {
        "kind": spec.kind,
        "features": list(spec.features),
        "width": width if isinstance(width, int) else None,
        "tokens": _tokens(spec),
        "steps": [] if spec.preprocess is None else [list(step) for step in spec.preprocess.steps],
        "columns": [column.to_dict() for column in spec.columns if column.is_used],
    }


def _tokens(spec: InputSpec) -> str | None:
    """Return what a model's tokens are: "characters", "words" or "ids"; None where it takes no tokens."""
    if spec.kind != "tokens":
        return None
    if spec.vocabulary is None:
        return "ids"
    return "words" if is_words(list(spec.vocabulary)[:1], spec.vocabulary) else "characters"


def _sampling(kind: ModelKind) -> Mapping[str, object] | None:
    spec = kind.sampling
    if spec is None:
        return None
    return {
        "shape": list(spec.shape),
        "timesteps": spec.schedule.timesteps,
        "fixed_steps": None if spec.sampler is None else spec.sampler.steps,
    }
