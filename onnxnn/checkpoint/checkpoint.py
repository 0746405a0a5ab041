"""The checkpoint: one torch zip that `torch.load(weights_only=True)` opens.

    {"format": "onnxnn", "schema": 1,
     "card":       JSON text of the `ModelCard`,
     "state_dict": name -> tensor,
     "example":    one raw training sample, so that `convert` can write a sample script that runs,
     "training":   what is needed to resume training}

Nothing in it is code, and nothing that it holds is executed on load.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import CardError, CheckpointError
from onnxnn_runtime.files.access import PathLike, as_path, cannot_read, regular_file, write_atomically
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.models.torch_file import NotTensors, read_torch_file
from onnxnn.models.unet import current_name
from onnxnn.models.weights import WRAPPERS

from .training_state import check_state

FORMAT = "onnxnn"
SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Args:
        card: The model card.
        state_dict: Weights by name, on the CPU.
        example: One raw training sample, or None.
        training: What is needed to resume training; {} where it was never trained.
    """

    card: ModelCard
    state_dict: dict[str, torch.Tensor]
    example: torch.Tensor | None = None
    training: dict[str, Any] = field(default_factory=dict)


def save(
    path: PathLike,
    card: ModelCard,
    state_dict: Mapping[str, torch.Tensor],
    example: torch.Tensor | None = None,
    training: Mapping[str, object] | None = None,
) -> Path:
    """Write a checkpoint; at any moment `path` holds the old one or the new one.

    Args:
        path: Where to.
        card: The model card.
        state_dict: Weights by name.
        example: One raw training sample.
        training: What is needed to resume training: tensors, numbers, texts, lists and dicts of them.

    Raises:
        CheckpointError: Some weights are NaN; the old file is as it was.
        OutputError: The folder is not writable or the disk is full; the old file is as it was.
    """
    _check_numbers(path, state_dict)
    content = {
        "format": FORMAT,
        "schema": SCHEMA,
        "card": card.to_json(),
        "state_dict": {name: value.detach().cpu().contiguous() for name, value in state_dict.items()},
        "example": example,
        "training": dict(training or {}),
    }
    return write_atomically(path, lambda file: _write(content, file))


def _write(content: Mapping[str, object], target: BinaryIO) -> None:
    """Write tensors and plain data into an open file as a torch zip.

    Raises:
        OSError: The disk is full, for example; torch's writer turns that into errors of its own.
    """
    file = _Recorder(target)
    try:
        torch.save(content, file)  # type: ignore[arg-type]  # writes and flushes, which is all that it needs
    except RuntimeError as error:
        if file.error is None:
            raise
        raise file.error from error


class _Recorder:
    """Writes to an open file and remembers the first error of the operating system.

    Args:
        file: Open for binary writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        """Do nothing: whoever opened the file flushes it."""


def load(path: PathLike) -> Checkpoint:
    """Read a checkpoint, on the CPU.

    Raises:
        MissingCheckpointError: There is no such file.
        CheckpointError: The file is truncated, of another program, or from a newer version.
    """
    data = _read(existing(path))
    form = data.get("format") if isinstance(data, dict) else None
    if not isinstance(form, str) or form != FORMAT:
        raise _foreign(path, data)
    schema = data.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        raise CheckpointError.coded(
            "E-CKPT-04",
            "{path}: expected schema {expected}, which this version of onnxnn reads, got schema {got}. "
            "Install a newer onnxnn.",
            path=path,
            expected=SCHEMA,
            got=shortened(schema),
        )
    return _checked(path, data)


def existing(path: PathLike) -> Path:
    """Return the path of a checkpoint that is there.

    Raises:
        MissingCheckpointError: There is no such file.
        CheckpointError: It is a folder, or no path at all.
    """
    file = as_path(path, "checkpoint", CheckpointError)
    if os.path.isdir(file):
        raise CheckpointError.coded(
            "E-CKPT-02",
            "{path}: expected a checkpoint, got a folder. Give a checkpoint in it, such as {example}.",
            path=path,
            example=file / "basenn.pth",
        )
    advice = gettext("Training writes one into save_fold.")
    return regular_file(file, "checkpoint", CheckpointError, advice)


def fill(net: nn.Module, state_dict: Mapping[str, torch.Tensor], path: PathLike) -> None:
    """Put a checkpoint's weights into a network.

    Raises:
        CheckpointError: Names or sizes differ; the message lists them and the network is as it was.
    """
    own = net.state_dict()
    problems = list(_differences(own, state_dict))
    if problems:
        listed = gettext("; ").join(problems[:_MOST_LISTED])
        if len(problems) > _MOST_LISTED:
            listed = gettext(
                "{problems}; and {count} more", problems=listed, count=len(problems) - _MOST_LISTED
            )
        raise CheckpointError.coded(
            "E-CKPT-03",
            "{path}: the checkpoint does not match this network: {problems}. Add the layers with which "
            "it was trained, or none: then the checkpoint brings its own.",
            path=path,
            problems=listed,
        )
    net.load_state_dict(dict(state_dict))


_MOST_LISTED = 4
"""Differences that a message names."""


def _differences(own: Mapping[str, torch.Tensor], stored: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """Yield in words what differs between the weights of a network and those of a checkpoint."""
    for name in own:
        if name not in stored:
            yield gettext("{name} is missing in the checkpoint", name=name)
    for name in stored:
        if name not in own:
            yield gettext("{name} is not in the network", name=name)
    both = [(name, value, own[name]) for name, value in stored.items() if name in own]
    for name, value, ours in both:
        if ours.shape != value.shape:
            yield gettext(
                "{name} is {stored} in the checkpoint, {own} in the network",
                name=name,
                stored=shape_text(value.shape),
                own=shape_text(ours.shape),
            )
    for name, value, ours in both:
        if ours.is_floating_point() != value.is_floating_point():
            dtype = str(value.dtype).removeprefix("torch.")
            yield gettext("{name} is {dtype} in the checkpoint", name=name, dtype=dtype)


def _foreign(path: PathLike, data: object) -> CheckpointError:
    """Return the error for a torch file that is no checkpoint of ours; `load_weights` takes some."""
    got = ""
    if isinstance(data, dict) and any(isinstance(value, torch.Tensor) for value in data.values()):
        got = gettext("a torch file that holds weights by name")
    elif isinstance(data, dict) and any(key in data for key in WRAPPERS):
        got = gettext("one of another program")
    if got:
        return CheckpointError.coded(
            "E-CKPT-02",
            "{path}: expected an onnxnn checkpoint, got {got}. Add the layers, and call load_weights instead "
            "of load.",
            path=path,
            got=got,
        )
    return CheckpointError.coded(
        "E-CKPT-02",
        "{path}: expected an onnxnn checkpoint, as model.train or model.save writes it, got another torch "
        "file."
        " Check the path; onnxnn convert takes checkpoints of BaseNN.",
        path=path,
    )


def _read(path: Path) -> Any:
    try:
        return read_torch_file(path)
    except NotTensors as error:
        raise CheckpointError.coded(
            "E-CKPT-02",
            "{path}: {reason} Expected a file that model.train or model.save wrote.",
            path=path,
            reason=error,
        ) from error
    except OSError as error:
        raise cannot_read(path, error, "checkpoint", CheckpointError) from error


def _checked(path: PathLike, data: dict[str, object]) -> Checkpoint:
    weights, example, training = data.get("state_dict"), data.get("example"), data.get("training")
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items()
    ):
        raise _damaged(path, "'state_dict'", gettext("tensors by name"))
    if not (example is None or isinstance(example, torch.Tensor)) or not isinstance(training, dict):
        raise _damaged(path, gettext("'example' and 'training'"), gettext("a tensor and a dict"))
    weights = _current_names(weights)
    _check_numbers(path, weights)
    text = data.get("card")
    if not isinstance(text, str):
        raise _damaged(path, "'card'", gettext("a text"))
    try:
        card = ModelCard.from_json(text)
        check_state(training)
        training = _with_current_names(training)
    except (CardError, CheckpointError) as error:
        if error.code == "E-CARD-03":
            raise CheckpointError.coded("E-CKPT-04", "{path}: {error}", path=path, error=error) from error
        raise CheckpointError.coded(
            "E-CKPT-02",
            "{path}: {error} The file was changed or damaged: take another checkpoint, or train again.",
            path=path,
            error=error,
        ) from error
    return Checkpoint(card, weights, example, training)


def _damaged(path: PathLike, part: str, expected: str) -> CheckpointError:
    return CheckpointError.coded(
        "E-CKPT-02",
        "{path}: {part}: expected {expected}. The file is damaged.",
        path=path,
        part=part,
        expected=expected,
    )


def _current_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights by their names of today: 0.1.0 had other ones in diffusion models."""
    return {
        current_name(name) if name.startswith("diffusion_model") else name: value
        for name, value in weights.items()
    }


def _with_current_names(training: Mapping[str, object]) -> dict[str, Any]:
    average = training.get("average")
    if not isinstance(average, Mapping):
        return dict(training)
    return {**training, "average": {**average, "weights": _current_names(average["weights"])}}


def _check_numbers(path: PathLike, weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights that are no numbers; infinite ones may be a mask of a custom module."""
    for name, value in weights.items():
        if value.is_floating_point() and bool(value.isnan().any()):
            raise CheckpointError.coded(
                "E-TRAIN-05",
                "{path}: expected numbers, got NaN in the weights {name}. Train again with a smaller lr, "
                "or from an earlier checkpoint.",
                path=path,
                name=shortened(name),
            )
