"""The checkpoint: one torch zip that `torch.load(weights_only=True)` opens.

    {"format": "onnxnn", "schema": 1,
     "card":       JSON text of the `ModelCard`,
     "state_dict": name -> tensor,
     "example":    one raw training sample, so that `convert` can write a sample script that runs,
     "training":   what is needed to go on training}

Nothing in it is code, and nothing that it holds is executed on load.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from onnxnn_runtime.card import ModelCard
from onnxnn_runtime.errors import CardError, CheckpointError, MissingCheckpointError
from onnxnn_runtime.files import PathLike, as_path, write_atomically
from torch import nn

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
    buffer = io.BytesIO()  # torch's own writer turns a full disk into other errors and leaves a torso
    torch.save(content, buffer)
    return write_atomically(path, lambda file: file.write(buffer.getbuffer()))


def load(path: PathLike) -> Checkpoint:
    """Read a checkpoint, on the CPU.

    Raises:
        MissingCheckpointError: There is no such file.
        CheckpointError: The file is truncated, of another program, or from a newer version.
    """
    data = _read(existing(path))
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise CheckpointError(f"{path}: a torch file, but no onnxnn checkpoint. {_WHAT_FITS}")
    schema = data.get("schema")
    if not isinstance(schema, int) or schema != SCHEMA:
        raise CheckpointError(
            f"{path}: the checkpoint has schema {schema!r}, this version of onnxnn reads "
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
    if file.is_dir():
        raise CheckpointError(
            f"{path}: is a folder; give the checkpoint in it, such as {file / 'basenn.pth'}."
        )
    if not file.is_file():
        raise MissingCheckpointError(f"{path}: no such checkpoint. Training writes one into save_fold.")
    return file


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
    if problems:
        more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise CheckpointError(
            f"{path} does not fit this network: {'; '.join(problems[:4])}{more}. Add the layers with which "
            "it was trained, or none at all: then the checkpoint brings its own."
        )
    net.load_state_dict(dict(state_dict))


_PICKLE = 2**24  # bytes of a pickle in which names of classes are looked for
_WHAT_FITS = "What fits is a file that model.train or model.save wrote."


def _read(path: PathLike) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch itself takes flipped bits for weights
        if damaged is not None:
            raise CheckpointError(f"{path}: the file is damaged, at {damaged}. {_WHAT_FITS}")
        return torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # torch raises many kinds for files that are not its own
        raise CheckpointError(f"{path}: {_reason(Path(path), error)} {_WHAT_FITS}") from error


def _reason(path: Path, error: Exception) -> str:
    """Say what a file is that torch could not open weights-only."""
    with path.open("rb") as file:
        content = file.read(2)
    if zipfile.is_zipfile(path):
        try:
            content = _pickled(path)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError, zlib.error):
            return "the file is damaged."
        if b"BaseNN" in content:
            return (
                "a checkpoint of BaseNN, which holds pickled code and not only weights, so it is not opened. "
                "Where BaseNN is installed and you trust the file, convert it: "
                "onnxnn import-basenn FILE -o NEW --trust-pickle."
            )
        if b"torch.nn.modules" in content:
            return (
                "a torch file that holds a pickled module and not only weights, so it is not opened. Save "
                "its state_dict() instead."
            )
        return f"no onnxnn checkpoint ({str(error).splitlines()[0]})."
    if content[:2] == b"PK":
        return "the file is truncated."
    if content[:1] == b"\x80":
        return "a pickle of an old program, which could run code when opened, so it is not opened."
    return "neither a checkpoint nor any torch file." if content else "the file is empty."


def _pickled(path: Path) -> bytes:
    """Return the beginning of the pickle in a torch zip, b"" without one."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith("data.pkl"):
                with archive.open(name) as file:
                    return file.read(_PICKLE)
    return b""


def _checked(path: PathLike, data: dict[str, Any]) -> Checkpoint:
    weights, example, training = data.get("state_dict"), data.get("example"), data.get("training")
    if not isinstance(weights, dict) or not all(
        isinstance(value, torch.Tensor) for value in weights.values()
    ):
        raise CheckpointError(f"{path}: 'state_dict' is no mapping of tensors; the file is damaged.")
    if not (example is None or isinstance(example, torch.Tensor)) or not isinstance(training, dict):
        raise CheckpointError(f"{path}: 'example' or 'training' is not what onnxnn writes.")
    try:
        card = ModelCard.from_json(str(data.get("card")))
    except CardError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return Checkpoint(card, weights, example, training)
