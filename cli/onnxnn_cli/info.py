"""`onnxnn info`: what a model file or checkpoint says about itself."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

import typer

from .options import JSON
from .output import need_onnxnn, padded, print_json, print_text
from .text import gettext, ngettext, runtime_module

if TYPE_CHECKING:
    from onnxnn_runtime.card.card import InputSpec, ModelCard, OutputSpec
    from onnxnn_runtime.card.diffusion import DiffusionSpec
    from onnxnn_runtime.card.quantization import QuantizationSpec

HELP = gettext("Print what a model takes and returns, and how it was made.\n\nExample: onnxnn info pets.onnx")
"""The help text."""


def info(
    file: str = typer.Argument(..., metavar="FILE", help=gettext("An .onnx file, or a checkpoint.")),
    device: Optional[str] = typer.Option(
        None,
        "--device",
        metavar="DEVICE",
        help=gettext("Open an .onnx file there, such as cuda, and say how many operators run on it."),
    ),
    as_json: bool = JSON,
) -> None:
    """Print what a model takes and returns, and how it was made."""
    from onnxnn_runtime.files.paths import expanded

    file = expanded(file)
    if _is_checkpoint(file):
        if device is not None:
            raise typer.BadParameter(
                gettext("expected an .onnx file, got a checkpoint. Export it first."), param_hint="'--device'"
            )
        facts, card = _checkpoint(file)
    else:
        facts, card = _model(file, device)
    if as_json:
        print_json({**facts, "card": None if card is None else _card_data(card)})
        return
    rows = [(gettext("card"), gettext("none: only arrays can be run, by infer()"))]
    if card is not None:
        rows = _card_rows(card)
    runs_on = facts.get("runs_on")
    texts = {name: _plain(value) for name, value in facts.items()}
    if isinstance(runs_on, dict):
        texts["runs_on"] = _runs_on_text(**runs_on)
    if "devices" in facts:
        texts["devices"] = ", ".join(facts["devices"])
    if "operators" in facts:
        texts["operators"] = _operators_text(facts["device"], facts["operators"])
    for name, text in [*rows, *((_title(name), value) for name, value in texts.items())]:
        print_text(padded(name, 12) + text)


def _card_data(card: ModelCard) -> Dict[str, Any]:
    """Return a card for programs, without the numbers of its reference vectors."""
    data: Dict[str, Any] = json.loads(card.to_json())
    data.get("unknown", {}).pop("references", None)
    return data


def _title(name: str) -> str:
    """Return what people read for a key of the facts."""
    return {
        "file": gettext("file"),
        "size": gettext("size"),
        "opset": gettext("opset"),
        "ir_version": gettext("ir_version"),
        "producer": gettext("producer"),
        "inputs": gettext("inputs"),
        "outputs": gettext("outputs"),
        "runs_on": gettext("runs on"),
        "devices": gettext("devices"),
        "device": gettext("device"),
        "operators": gettext("operators"),
    }[name]


def _is_checkpoint(file: str) -> bool:
    from onnxnn_runtime.files.filekind import TORCH, kind_of_file

    return os.path.isfile(file) and os.access(file, os.R_OK) and kind_of_file(file) == TORCH


def _checkpoint(file: str) -> Tuple[Dict[str, Any], Optional[ModelCard]]:
    checkpoint = need_onnxnn("info", "onnxnn.checkpoint.checkpoint").load(file)
    return {"file": file, "size": os.path.getsize(file)}, checkpoint.card


def _model(file: str, device: Optional[str]) -> Tuple[Dict[str, Any], Optional[ModelCard]]:
    import onnxnn_runtime as rt
    from onnxnn_runtime.session.devices import offered_here

    model = rt.load(file, device=device or "cpu")
    facts: Dict[str, Any] = {
        "file": file,
        "size": os.path.getsize(file),
        "opset": model.facts.opset.get("", 0),
        "ir_version": model.facts.ir_version,
        "producer": model.facts.producer,
        "inputs": {name: [dtype, list(shape)] for name, (dtype, shape) in model.inputs.items()},
        "outputs": {name: [dtype, list(shape)] for name, (dtype, shape) in model.outputs.items()},
        "runs_on": _runs_on(model.facts.opset.get("", 0), model.facts.ir_version),
        "devices": offered_here(),
    }
    if device is not None:
        facts.update(device=model.device, operators=model.operators)
    return facts, model.card


def _operators_text(device: str, operators: Dict[str, int]) -> str:
    from onnxnn_runtime.session.devices import is_processor, operators_text

    if operators:
        return str(operators_text(device, operators))
    if device.startswith("openvino") or is_processor(device):
        return gettext("all run on {device}", device=device)
    return gettext("this ONNX Runtime does not say where they run: 1.24 and newer do")


def _runs_on(opset: int, ir_version: int) -> Dict[str, Any]:
    """Return which ONNX Runtimes and targets load a file, for a program."""
    from onnxnn_runtime.targets import first_that_loads, targets_that_load

    first = first_that_loads(opset, ir_version)
    return {
        "onnxruntime": None if first is None else first.name,
        "python": None if first is None else "{}.{}".format(*first.first_python),
        "targets": targets_that_load(opset, ir_version),
    }


def _runs_on_text(onnxruntime: Optional[str], python: Optional[str], targets: Sequence[str]) -> str:
    """Return the same for people."""
    if onnxruntime is None:
        return gettext("an ONNX Runtime that is newer than `onnxnn targets` lists")
    text = gettext("ONNX Runtime {version} or newer", version=onnxruntime)
    return text + (gettext("; targets: {names}", names=", ".join(targets)) if targets else "")


def _card_rows(card: ModelCard) -> List[Tuple[str, str]]:
    from onnxnn_runtime.card.kind import ModelKind
    from onnxnn_runtime.card.words import parity_text, unknown_text

    rows = [
        (gettext("task"), card.task),
        (gettext("takes"), _takes(card.input)),
        (gettext("returns"), _returns(card.output)),
    ]
    if card.output.embedding:
        rows.append(
            (gettext("embedding"), ngettext("{count} number", "{count} numbers", card.output.embedding))
        )
    sampling = ModelKind(card).sampling
    if sampling is not None:
        rows.append((gettext("diffusion"), _diffusion(sampling)))
    rows.append((gettext("layers"), ", ".join(str(entry["name"]) for entry in card.network)))
    if card.training:
        rows.append((gettext("training"), _plain(card.training)))
    if card.parity:
        rows.append((gettext("parity"), parity_text(card.parity, 2)))
    if card.quantization is not None:
        rows.append((gettext("quantised"), _quantized(card.quantization)))
    if card.unknown is not None:
        rows.append((gettext("unknown"), unknown_text(card.unknown)))
    more = ((gettext("licence"), card.license), (gettext("note"), card.note))
    return [*rows, *((name, text) for name, text in more if text)]


def _quantized(spec: QuantizationSpec) -> str:
    from onnxnn_runtime.card.words import figures_text, samples_text

    from .quantize import lost_text

    return gettext(
        "{precision}, {figures} on {samples}, {lost}",
        precision=spec.precision,
        figures=figures_text(spec.after),
        samples=samples_text(spec),
        lost=lost_text(spec),
    )


def _takes(spec: InputSpec) -> str:
    from onnxnn_runtime.card.tokens import token_count
    from onnxnn_runtime.card.words import kind_name

    text = f"{kind_name(spec.kind)} {_shape(spec.shape)}"
    if spec.preprocess is not None:
        steps = [" ".join(map(str, step)) for step in spec.preprocess.steps]
        text += ", " + ", ".join([spec.preprocess.color, *steps])
    if spec.in_graph:
        text += gettext(", preprocessing inside the graph")
    if spec.columns:
        columns = [column for column in spec.columns if column.is_used]
        text += ": " + ", ".join(
            f"{column.name or number} ({column.kind})" for number, column in enumerate(columns)
        )
    elif spec.features:
        text += ": " + ", ".join(spec.features)
    tokens = token_count(spec)
    if tokens is not None:
        text += ngettext(", {count} token", ", {count} tokens", tokens)
    if spec.max_length is not None:
        text += gettext(", at most {count} in a sequence", count=spec.max_length)
    for axis, size in spec.min_sizes.items():
        text += gettext(", {axis} at least {size}", axis=axis, size=size)
    return text


def _returns(spec: OutputSpec) -> str:
    from onnxnn_runtime.card.words import kind_name

    text = f"{kind_name(spec.kind)} {_shape(spec.shape)}"
    names = spec.classes or spec.targets
    return text + (": " + ", ".join(names) if names else "")


def _diffusion(spec: DiffusionSpec) -> str:
    schedule = spec.schedule
    text = gettext(
        "{timesteps}, {kind} schedule, predicts {prediction}",
        timesteps=ngettext("{count} timestep", "{count} timesteps", schedule.timesteps),
        kind=schedule.kind,
        prediction=schedule.prediction,
    )
    if spec.classes:
        text += gettext("; classes: {names}", names=", ".join(spec.classes))
    if spec.sampler is not None:
        text += gettext(
            "; the loop inside the graph: {sampler}, {steps}, guidance {guidance:g}",
            sampler=spec.sampler.name,
            steps=ngettext("{count} step", "{count} steps", spec.sampler.steps),
            guidance=spec.sampler.guidance,
        )
    return text


def _shape(shape: Sequence[object]) -> str:
    return str(runtime_module("messages.shapes").shape_text(shape))


def _plain(value: object) -> str:
    """Return nested plain data as readable text: {"epochs": 3, "encoder": {}} as "epochs 3"."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items() if item != {})
    if isinstance(value, (list, tuple)):
        return "({})".format(", ".join(map(_plain, value)))
    return f"{value:.5g}" if isinstance(value, float) else str(value)
