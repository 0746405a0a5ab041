"""Checkpoints and ONNX files of a network."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.api.options import takes_by_name
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.defaults import TOLERANCE
from onnxnn_runtime.errors import CheckpointError, ExportError
from onnxnn_runtime.files.access import as_path, regular_file
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.outputs.output_files import check_output

from onnxnn.checkpoint import checkpoint as checkpoints
from onnxnn.export import exporter
from onnxnn.export.exporter import ExportReport, export_onnx
from onnxnn.export.options import Added, AddedOptions, ExportOptions
from onnxnn.models import weights
from onnxnn.models.published import published
from onnxnn.models.take_over import take_over
from onnxnn.training.history import History

from .core import NetworkCore
from .custom_weights import custom_weights_kept
from .once import written_once
from .precision import Shrinking, quantize_options, samples_for
from .restoring import restored
from .unknown import reference_vectors

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from . import Network

__all__ = ["check_export", "convert", "export", "load", "load_weights", "save", "used"]

_CLOSINGS = ("denormalize", "exponential", "softmax", "sigmoid")
"""What training may put after the last layer."""


@written_once
def save(self: NetworkCore, model_path: str | Path = "basenn.pth", force: bool = False) -> Path:
    """Write a checkpoint of the network as it is, without the state that training resumes from.

    Args:
        model_path: Where to.
        force: Whether to replace a file of another format.

    Raises:
        CheckpointError: Some weights are NaN; nothing is written.
        OutputError: It cannot be written, or would replace a file that is no checkpoint.
    """
    check_output(model_path, "checkpoint", force=force)
    state = self._state
    training = {"sample": present(state.definition.input_shape).to_data()}
    return checkpoints.save(model_path, self.card(), state.net.state_dict(), state.example, training)


def load(self: NetworkCore, model_path: str | Path) -> None:
    """Take network, weights and preprocessing from a checkpoint.

    Custom modules have to be added first, since no file carries code.

    Args:
        model_path: The checkpoint's file.

    Raises:
        CheckpointError: The checkpoint cannot be used; the network is as it was.
        LayerError: A custom module is missing; the network is as it was.
        DataError: The data that was loaded for it is of another kind or has other columns, words or
            classes; the network is as it was.
    """
    loaded = checkpoints.load(model_path)
    with custom_weights_kept(self._state):
        state = restored(self._state, loaded, model_path)
    self._become((state, ()))
    self.history = History(loaded.training.get("history", ()))


@contextmanager
def used(self: Network, checkpoint: str | Path | None) -> Iterator[Network]:
    """Yield the network that a call with `checkpoint=` uses.

    It is a copy that has loaded the checkpoint, and the network becomes it when what is inside has
    succeeded; for None it is the network itself.

    Raises (as it is entered):
        CheckpointError, LayerError, DataError: As for `load`.
    """
    if checkpoint is None:
        yield self
        return
    loaded = copy.copy(self)  # the same state and attributes, which calls replace and do not change
    with custom_weights_kept(self._state):
        loaded.load(checkpoint)
        yield loaded
    vars(self).update(vars(loaded))


def load_weights(self: NetworkCore, path: str | Path, sha256: str | None = None, head: bool = True) -> None:
    """Take trained weights from a file of tensors: a published one of torchvision, or a checkpoint.

    They go to the layers of the same name where all names are equal, else to the layers in order, each
    of which must have the same shapes. How data was prepared for them is not taken, nor what training put
    after the last layer, such as the scale of targets; `load` does that, and a line says so.

    Args:
        path: The file, or an https address.
        sha256: The file's checksum; needed for an address.
        head: False keeps the last layer with weights as it is, for other classes than the file's.

    Raises:
        CheckpointError: The file is missing, cannot be read or does not match; the network is as it was.
        LayerError: An address is not https or comes without its checksum.
    """
    if not (isinstance(path, str) and "://" in path):
        as_path(path, "load_weights: path", CheckpointError)
        regular_file(path, "file of weights", CheckpointError, _where_published(path))
    weights.check_source(f"load_weights({shortened(str(path))})", str(path), sha256)
    tensors, card = weights.read_with_card(str(path), sha256)
    take_over(self.model, tensors, str(path), head)
    if self.verbose and _is_normalized(card) and not _is_normalized(self.card()):
        say(
            gettext(
                "load_weights: reads weights alone, but the network of {path} normalises its inputs: "
                "load data with standardize=True, or with its transform 'Normalize' for images; "
                "load(path) reads all of it",
                path=printable(str(path)),
            )
        )
    closing = _closing(card) if head else ""
    if self.verbose and closing and closing != _closing(self.card()):
        say(
            gettext(
                "load_weights: reads weights alone, but the network of {path} {closing}, as its training "
                "decided: train this network, or read all of it with load(path)",
                path=printable(str(path)),
                closing=_described(closing),
            )
        )


def convert(
    self: Network,
    checkpoint: str | Path | None = None,
    out_file: str | Path = "convert_model.onnx",
    backend: str = "ONNX",
    opset_version: int | None = None,
    ir_version: int | None = None,
    force: bool = False,
) -> ExportReport:
    """Write an ONNX file and, beside it, a short script that runs it on a real sample.

    Args:
        checkpoint: The checkpoint to convert; None takes the network as it is.
        out_file: Where to.
        backend: "ONNX", the only one.
        opset_version, ir_version, force: As for `export`.

    Raises:
        ExportError: As for `export`, or for another backend.
    """
    if not isinstance(backend, str) or backend.upper() != "ONNX":
        raise ExportError.coded(
            "E-EXPORT-01",
            "convert(): backend={backend}: expected 'ONNX' as the third argument. Give versions by "
            "name: opset_version=11.",
            backend=shortened(backend),
        )
    return self.export(
        out_file,
        checkpoint=checkpoint,
        opset_version=opset_version,
        ir_version=ir_version,
        script=True,
        force=force,
    )


@written_once
@takes_by_name(AddedOptions)
def export(
    self: Network,
    path: str | Path,
    checkpoint: str | Path | None = None,
    opset_version: int | None = None,
    ir_version: int | None = None,
    preprocess: str = "runtime",
    script: bool = False,
    tolerance: float = TOLERANCE,
    *,
    sampler: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    target: str | None = None,
    fixed_shapes: bool | Mapping[str, int] = False,
    precision: str = "fp32",
    calibration: object = None,
    max_drop: float | None = None,
    force: bool = False,
    **added: Unpack[Added],
) -> ExportReport:
    """Write one ONNX file that holds everything, compared with torch before it is kept.

    A diffusion model becomes the denoiser, with which the runtime draws; with `sampler` the file holds
    the whole loop, and any ONNX Runtime draws with one call: noise (N, C, H, W) in, images out.

    Args:
        path: Where to.
        checkpoint: The checkpoint to export; None takes the network as it is.
        opset_version, ir_version, preprocess, tolerance: See `onnxnn.export.options.ExportOptions`.
        script: Whether to write a few-line sample script beside the file.
        sampler: For a diffusion model: "dpm++" or "ddim" puts the loop into the file.
        steps: The number of denoising steps of that loop; None takes 20.
        guidance: The guidance scale, for a network with classes; None takes 1.
        target: Where the file shall run: "any", "unihiker", "rpi", "jetson", "web", "server", or an ONNX
        Runtime
            such as "ort1.13"; opset and IR follow from it, as `onnxnn targets` prints them.
        fixed_shapes: True sets the batch to 1 and sizes as in training, for engines such as tract and OpenCV;
            a dict, such as {"batch": 4, "height": 96, "width": 96}, sets others.
        precision: "fp32"; "int8", for processors, or "fp16", for GPUs and the browser, writes a smaller file,
            if it is nearly as accurate. Layers that lose most by "int8" stay in float.
        calibration: Samples that calibrate and measure smaller numbers, and training samples for `unknown`: a
            folder of images, a CSV file, arrays; None takes the data that the network holds.
        max_drop: How many points of 100 the smaller numbers may lose; None takes 0.5, of same neighbours 3.
            Of perplexity and the Fréchet distance it is how many percent they may grow; None takes 1 and 10.
        force: Whether to replace a file of another format, or the checkpoint itself.
        unknown: Whether the file can detect inputs that are like none of its training: its card gets feature
            vectors of training samples and a threshold, see `onnxnn_runtime.unknown`.
        heatmap: Whether the file also returns where it looks: a class activation map for each class, see
            `onnxnn_runtime.heatmap`. For networks whose last `linear` reads the means of channels.

    Raises:
        ExportError: It cannot be written as asked, differs from torch, or loses too much by smaller numbers;
            no file is left.
        InputError, DataError: The samples of `calibration` do not match the network, or there are too few.
    """
    options = ExportOptions(
        opset_version,
        ir_version,
        preprocess,
        tolerance,
        sampler,
        steps,
        guidance,
        target,
        fixed_shapes,
        precision,
        **added,
    )
    small = quantize_options(precision, target, max_drop, calibration, options.unknown)
    with used(self, checkpoint) as network:
        state, card = network._state, network.card()
        exporter.check_export(state.kind, card, options)
        exporter.check_path(path, [checkpoint, calibration], force)
        if options.unknown:
            card = replace(card, unknown=reference_vectors(state, calibration))
        made = None
        if small is not None:
            samples = samples_for(small, calibration, state.data, card, options.in_graph)
            made = Shrinking(small, str(path), samples)
        example = state.example
        report = export_onnx(
            state.kind,
            state.net,
            card,
            path,
            options,
            example=None if example is None else example.numpy(),
            script=script,
            sources=[checkpoint, calibration],
            force=force,
            smaller=made or bytes,
        )
        return report if made is None else made.reported(report)


def check_export(self: NetworkCore, options: ExportOptions, max_drop: float | None = None) -> None:
    """Find out before training whether `export` would refuse these options.

    Args:
        options, max_drop: As for `export`.

    Raises:
        ExportError, InputError: It would.
    """
    quantize_options(options.precision, options.target, max_drop)
    exporter.check_export(self._state.kind, self.card(), options)


def _where_published(path: str | Path) -> str:
    """Return the line to write for a network whose weights torchvision publishes, else nothing."""
    file = published(str(path))
    if not file:
        return ""
    line = f'load_weights("{file.address}", sha256="{file.sha256}")'
    return gettext("To fetch torchvision's file ({size} MB): {line}.", size=file.megabytes, line=line)


def _described(closing: str) -> str:
    """Return what one of `_CLOSINGS` does, for a message."""
    return {
        "denormalize": gettext("scales its outputs to the targets after its last layer"),
        "exponential": gettext("returns rates after its last layer"),
        "softmax": gettext("ends in softmax after its last layer"),
        "sigmoid": gettext("ends in sigmoid after its last layer"),
    }[closing]


def _is_normalized(card: ModelCard | None) -> bool:
    """Return whether a network begins with bringing its inputs to a mean and a deviation."""
    return card is not None and bool(card.network) and card.network[0]["layer"] in ("normalize", "impute")


def _closing(card: ModelCard | None) -> str:
    """Return the layer that training put after the others, which no `add` call has (number 0); "" without."""
    last = card.network[-1] if card is not None and len(card.network) > 1 else {"name": ""}
    return next((kind for kind in _CLOSINGS if last["name"] == f"{kind}0"), "")
