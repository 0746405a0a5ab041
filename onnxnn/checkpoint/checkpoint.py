"""The checkpoint: one torch zip that `torch.load(weights_only=True)` opens.

    {"format": "onnxnn", "schema": 1,
     "card":       JSON text of the `ModelCard`,
     "state_dict": name -> tensor,
     "example":    one raw training sample, so that `convert` can write a sample script that runs,
     "training":   what is needed to go on training}

Nothing in it is code, and nothing that it holds is executed on load.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import CardError, CheckpointError
from onnxnn_runtime.files.access import PathLike, as_path, cannot_read, regular_file, write_atomically
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.models.torch_file import NotTensors, read_torch_file
from onnxnn.models.weights import WRAPPERS

from .training_state import check_state

__all__ = ["SCHEMA", "Checkpoint", "existing", "fill", "load", "save"]

FORMAT = "onnxnn"
SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Args:
        card: What the model says about itself.
        state_dict: Weights by name, on the CPU.
        example: One raw training sample, or None.
        training: What is needed to go on training; {} where it was never trained.
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
    training: Mapping[str, Any] | None = None,
) -> Path:
    """Write a checkpoint; at any moment `path` holds the old one or the new one.

    Args:
        path: Where to.
        card: What the model says about itself.
        state_dict: Weights by name.
        example: One raw training sample.
        training: What is needed to go on training: tensors, numbers, texts, lists and dicts of them.

    Raises:
        OutputError: The folder is not writable or the disk is full; the old file is as it was.
    """
    content = {
        "format": FORMAT,
        "schema": SCHEMA,
        "card": card.to_json(),
        "state_dict": {name: value.detach().cpu().contiguous() for name, value in state_dict.items()},
        "example": example,
        "training": dict(training or {}),
    }
    return write_atomically(path, lambda file: _write(content, file))


def _write(content: Mapping[str, Any], target: BinaryIO) -> None:
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
        raise CheckpointError(f"{path}: a torch file, but no onnxnn checkpoint{_instead(data)} {_WHAT_FITS}")
    schema = data.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        raise CheckpointError(
            f"{path}: the checkpoint has schema {shortened(schema)}, this version of onnxnn reads "
            f"schema {SCHEMA}. Install a newer onnxnn."
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
        raise CheckpointError(
            f"{path}: is a folder; give the checkpoint in it, such as {file / 'basenn.pth'}."
        )
    return regular_file(file, "checkpoint", CheckpointError, "Training writes one into save_fold.")


def fill(net: nn.Module, state_dict: Mapping[str, torch.Tensor], path: PathLike) -> None:
    """Put a checkpoint's weights into a network.

    Raises:
        CheckpointError: Names or sizes differ; the message lists them and the network is as it was.
    """
    own = net.state_dict()
    problems = [f"{name} is missing in the checkpoint" for name in own if name not in state_dict]
    problems += [f"{name} is not in the network" for name in state_dict if name not in own]
    problems += [
        f"{name} is {tuple(value.shape)} in the checkpoint, {tuple(own[name].shape)} in the network"
        for name, value in state_dict.items()
        if name in own and own[name].shape != value.shape
    ]
    problems += [
        f"{name} is {str(value.dtype).removeprefix('torch.')} in the checkpoint"
        for name, value in state_dict.items()
        if name in own and own[name].is_floating_point() != value.is_floating_point()
    ]
    if problems:
        more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise CheckpointError(
            f"{path} does not fit this network: {'; '.join(problems[:4])}{more}. Add the layers with which "
            "it was trained, or none at all: then the checkpoint brings its own."
        )
    net.load_state_dict(dict(state_dict))


def _instead(data: Any) -> str:
    """Say what a torch file holds, where it is weights that `load_weights` takes."""
    if isinstance(data, dict) and any(isinstance(value, torch.Tensor) for value in data.values()):
        return "; it holds weights by name: add the layers, and call load_weights instead of load."
    if isinstance(data, dict) and any(key in data for key in WRAPPERS):
        return "; it is another program's checkpoint: add the layers, and call load_weights instead of load."
    return "."


_WHAT_FITS = "Expected a file that model.train or model.save wrote."


def _read(path: Path) -> Any:
    try:
        return read_torch_file(path)
    except NotTensors as error:
        raise CheckpointError(f"{path}: {error} {_WHAT_FITS}") from error
    except OSError as error:
        raise cannot_read(path, error, "checkpoint", CheckpointError) from error


def _checked(path: PathLike, data: dict[str, Any]) -> Checkpoint:
    weights, example, training = data.get("state_dict"), data.get("example"), data.get("training")
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items()
    ):
        raise CheckpointError(f"{path}: 'state_dict' is no mapping of tensors; the file is damaged.")
    if not (example is None or isinstance(example, torch.Tensor)) or not isinstance(training, dict):
        raise CheckpointError(f"{path}: 'example' or 'training' is not what onnxnn writes.")
    _check_numbers(path, weights)
    text = data.get("card")
    if not isinstance(text, str):
        raise CheckpointError(f"{path}: 'card' is no text; the file is damaged.")
    try:
        card = ModelCard.from_json(text)
        check_state(training)
    except (CardError, CheckpointError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    return Checkpoint(card, weights, example, training)


def _check_numbers(path: PathLike, weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights that are no numbers; infinite ones may be a mask of a custom module."""
    for name, value in weights.items():
        if value.is_floating_point() and bool(value.isnan().any()):
            raise CheckpointError(
                f"{path}: the weights {shortened(name)} hold NaN, so every answer would be NaN. Train again "
                "with a smaller lr, or from an earlier checkpoint."
            )
