"""`write_page`: a model as one HTML file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from onnxnn_runtime.api.calls import checked
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.diffusion.sampler import make_plan
from onnxnn_runtime.errors import CardError, InputError
from onnxnn_runtime.files.access import PathLike, as_path, regular_file, write_atomically
from onnxnn_runtime.loading import load
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.opening import require_card
from onnxnn_runtime.outputs.output_files import check_output, check_suffix
from onnxnn_runtime.server.description import described

from .bundle import holdable, page
from .ort import files_of_ort
from .similar import gallery_files

LARGEST = 200 * 2**20
"""Bytes of the largest model: a page holds it three times while it opens."""

_MOST_IMAGES = 16
"""Images that are drawn at once."""


@checked
def write_page(
    model: PathLike,
    path: PathLike,
    *,
    gallery: PathLike | None = None,
    ort: PathLike | None = None,
    force: bool = False,
) -> Path:
    """Write a model as one HTML file that runs it in the browser: no server, no network.

        write_page("pets.onnx", "pets.html")

    The page classifies an image of the camera or a file, predicts values, compares two images, continues a
    text or draws images, whatever the model does. It holds onnxruntime-web's WASM build.

    Args:
        model: The `.onnx` file. One that takes images has preprocessing in its graph. A diffusion model draws
            in one run where its file holds the sampling loop, else step by step.
        path: The file to write: .html.
        gallery: A folder of images among which the page finds similar ones; it holds their thumbnails and
            feature vectors.
        ort: The folder of onnxruntime-web; None takes the user's cache folder, and npm where it is missing.
        force: Whether to replace a file of another format.

    Returns:
        The path written.

    Raises:
        CardError: The model has no card, or cannot run in a page; the message says what to export.
        InputError: It is no model file, is too large for a browser, or onnxruntime-web is not to be had.
        OutputError: The page cannot be written.
    """
    source = regular_file(as_path(model, "model", InputError), "ONNX file", InputError)
    check_suffix(path, (".html",), error=InputError)
    check_output(path, "HTML", [model], force)
    size = os.path.getsize(source)
    if size > LARGEST:
        raise InputError.coded(
            "E-INPUT-10",
            "{name}: expected at most {most} MB for a page in a browser, got {size}. Use a smaller network, "
            "or onnxnn serve.",
            name=printable(str(model)),
            most=LARGEST // 2**20,
            size=size // 2**20,
        )
    opened = load(str(source), device="cpu")
    if opened.facts.external:
        raise InputError.coded(
            "E-MODEL-03",
            "{name}: a page holds one file, but its weights are in {other}, too. Save the model with all "
            "weights inside.",
            name=printable(str(model)),
            other=printable(opened.facts.external[0]),
        )
    name, kind = holdable(source.stem), opened.kind
    card = require_card(opened.card, opened.name, "write_page")
    _check_runs(opened.name, card, kind)
    files = {**files_of_ort(ort), "model": source.read_bytes()}
    if gallery is not None:
        files.update(gallery_files(opened, gallery))
    facts = {
        "models": [_described(name, kind)],
        "gallery": None if gallery is None else name,
        "max_items": _MOST_IMAGES,
        "local": _local(card, kind),
    }
    text = page(facts, files)
    return write_atomically(path, lambda file: file.write(text.encode("utf-8")))


def _check_runs(name: str, card: ModelCard, kind: ModelKind) -> None:
    """Refuse what the page has no form for."""
    advice = None
    if kind.does in ("translate", "infer"):
        advice = gettext("Use onnxnn serve")
    elif kind.does != "sample" and card.input.kind == "image" and not card.input.in_graph:
        advice = gettext(
            "Export it with preprocessing in the graph: "
            "onnxnn export CHECKPOINT -o NEW.onnx --preprocess graph"
        )
    elif kind.does == "embed" and card.input.kind != "image":
        advice = gettext("Use onnxnn serve")
    elif card.input.columns:
        advice = gettext("Its table has columns of texts, dates or gaps: use onnxnn serve")
    if advice is not None:
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: expected a model that a page can run alone. {advice}.",
            name=name,
            advice=advice,
        )


def _described(name: str, kind: ModelKind) -> dict[str, object]:
    """Return what the page's forms know of the model; the number of steps is that of its plan."""
    found = described(name, kind, "ready")
    plan = _plan(kind)
    sampling = found["sampling"]
    if plan and isinstance(sampling, dict):
        found["sampling"] = {**sampling, "fixed_steps": len(plan)}
    return found


def _plan(kind: ModelKind) -> list[list[float]]:
    """Return t, p, q, a, b and c of each step, see `diffusion.sampler`; [] where the graph has the loop."""
    if kind.sampling is None or kind.sampling.sampler is not None:
        return []
    plan = make_plan(kind.sampling.schedule)
    columns = [plan.timesteps[:, np.newaxis], plan.to_clean, plan.update[:, :3]]
    rows: list[list[float]] = np.concatenate(columns, axis=1).tolist()
    return rows


def _local(card: ModelCard, kind: ModelKind) -> dict[str, object]:
    """Return what the page's script runs the graph by."""
    spec, output = card.input, card.output
    states = {state.name for state in spec.states}
    return {
        "input": next(each for each in kind.inputs if each not in states),
        "output": next(iter(kind.outputs)),
        "vector": kind.vector,
        "dtype": "int64" if spec.kind == "tokens" else spec.dtype,
        "shape": list(spec.shape),
        "num_tokens": spec.num_tokens,
        "vocabulary": spec.vocabulary,
        "states": [{"name": each.name, "next": each.next, "shape": list(each.shape)} for each in spec.states],
        "kind": output.kind,
        "scores": output.scores,
        "classes": list(card.classes),
        "targets": list(output.targets),
        "unknown": _references(card),
        "image": None if kind.sampling is None else list(kind.sampling.shape),
        "plan": _plan(kind),
    }


def _references(card: ModelCard) -> dict[str, object] | None:
    """Return the reference vectors by which the model detects unknown inputs; None where it has none."""
    spec = card.unknown
    if spec is None:
        return None
    return {"k": spec.k, "threshold": spec.threshold, "size": spec.size, "references": spec.references}
