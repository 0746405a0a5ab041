"""The parent's side: starts the child process, reads what it hands back, writes our checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import CheckpointError, LayerError
from onnxnn_runtime.files.access import PathLike
from onnxnn_runtime.files.filekind import PICKLE, TORCH, UNKNOWN, instead, kind_of_file
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.outputs.output_files import check_output

from onnxnn.checkpoint import card as about
from onnxnn.checkpoint import checkpoint
from onnxnn.data import Preparation
from onnxnn.data.transforms import plan
from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of
from onnxnn.layers import find
from onnxnn.models.take_over import take_over

from . import child
from .child import NO_BASENN
from .translate import FLATTEN, Call, layer_calls

_TIMEOUT = 300  # seconds

_CARRIED = {
    "Resize": ("size",),
    "CenterCrop": ("size",),
    "RandomCrop": ("size",),
    "RandomResizedCrop": ("size",),
    "Pad": ("padding", "fill"),
    "Grayscale": ("num_output_channels",),
    "Normalize": ("mean", "std"),
}
"""The transforms that decide how an image reaches the network, and their options that count."""


@dataclass(frozen=True)
class Converted:
    """What came of a conversion.

    Args:
        path: The checkpoint written.
        card: The model card.
        notes: What could not be carried over, or was changed, in words.
    """

    path: Path
    card: ModelCard
    notes: tuple[str, ...]


def import_checkpoint(
    path: PathLike,
    out: PathLike,
    trust_pickle: bool = False,
    task: str | None = None,
    input_size: tuple[int, ...] | None = None,
    force: bool = False,
) -> Converted:
    """Write a BaseNN 2.0 checkpoint as one of ours.

    Args:
        path: The checkpoint that BaseNN wrote.
        out: The checkpoint to write.
        trust_pickle: Whether to open it at all: it is a pickle, and opening one runs whatever its maker put
            into it, with the rights of whoever opens it.
        task: "cls" or "reg", which BaseNN's checkpoints do not say; None judges by the network's end.
        input_size: One sample's sizes, such as (1, 28, 28), where the checkpoint does not hold them
            because the data came from `load_dataset`.
        force: Whether to replace a file of another format, or the old checkpoint itself.

    Raises:
        MissingCheckpointError: There is no such file.
        CheckpointError: It is one of ours, it is not trusted, BaseNN is missing, or something of it cannot
            be converted.
        OutputError: The new checkpoint cannot be written.
    """
    check_output(out, "checkpoint", [path], force)
    path = checkpoint.existing(path)
    _check(path, trust_pickle)
    tree, meta, tensors = _read_in_child(path)
    if input_size is not None:
        meta["input_size"] = [1, *input_size]
    try:
        return _convert(path, out, tree, meta, tensors, task)
    except LayerError as error:
        raise CheckpointError.coded(
            "E-CKPT-05",
            "{path}: the network cannot be built: {error} Where the checkpoint lacks the size of a "
            "sample, give --input-size.",
            path=path,
            error=error,
        ) from error
    except (KeyError, TypeError, IndexError) as error:
        raise CheckpointError.coded(
            "E-CKPT-05",
            "{path}: expected a checkpoint as BaseNN 2.0 writes it, got another one ({kind}: {reason})."
            " Save the network again with BaseNN 2.0.",
            path=path,
            kind=type(error).__name__,
            reason=error,
        ) from error


def _check(path: Path, trust_pickle: bool) -> None:
    """Refuse to open a file that is no checkpoint of BaseNN's, or is not trusted."""
    if _is_ours(path):
        raise CheckpointError.coded(
            "E-CKPT-05",
            "{path}: expected a BaseNN checkpoint, got one of onnxnn, which needs no conversion. Use it "
            "with model.load or `onnxnn export` as it is.",
            path=path,
        )
    kind = kind_of_file(path)
    if kind not in (PICKLE, TORCH, UNKNOWN):
        raise CheckpointError(instead(str(path), gettext("a checkpoint of BaseNN 2.0"), kind, "E-CKPT-05"))
    if not trust_pickle:
        raise CheckpointError.coded(
            "E-CKPT-05",
            "{path}: a BaseNN checkpoint is a pickle, and opening one runs whatever program its maker "
            "put into it, with your rights. Convert it only if you made it yourself or trust its maker: "
            "`onnxnn import-basenn ... --trust-pickle`, or trust_pickle=True.",
            path=path,
        )


def _is_ours(path: Path) -> bool:
    try:
        checkpoint.load(path)
    except CheckpointError:
        return False
    return True


def _read_in_child(path: PathLike) -> tuple[dict[str, Any], dict[str, Any], dict[str, torch.Tensor]]:
    with tempfile.TemporaryDirectory(prefix="onnxnn-") as folder:
        try:
            code, said = run_child(str(Path(path).resolve()), folder)
        except subprocess.TimeoutExpired as error:
            raise CheckpointError.coded(
                "E-CKPT-05",
                "{path}: opening it took longer than {limit} s."
                " Check that BaseNN wrote it, and convert it where no other program runs.",
                path=path,
                limit=_TIMEOUT,
            ) from error
        reason = (said.strip().splitlines() or [gettext("no message")])[-1]
        if code == NO_BASENN:
            raise CheckpointError.coded(
                "E-PACKAGE-01",
                "{path}: its classes are BaseNN's, which cannot be imported here ({reason}). Install it "
                "in this environment: pip install BaseNN opencv-python pandas matplotlib torchvision "
                "einops. It is needed for this conversion only.",
                path=path,
                reason=reason,
            )
        if code != 0:
            raise CheckpointError.coded(
                "E-CKPT-05",
                "{path}: expected a BaseNN checkpoint, got one that cannot be opened ({reason})."
                " Get the file again, or save the network again with BaseNN.",
                path=path,
                reason=reason,
            )
        description = json.loads(Path(folder, "network.json").read_text("utf-8"))
        with np.load(Path(folder, "tensors.npz"), allow_pickle=False) as arrays:
            tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    return description["tree"], description["meta"], tensors


def run_child(checkpoint: str, folder: str) -> tuple[int, str]:
    """Run the child process; return its exit code and what it wrote to stderr.

    It is started from its file, so that it imports torch and BaseNN and nothing else of ours.
    """
    code = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, child.__file__, checkpoint, folder],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_TIMEOUT,
        env={**os.environ, "MPLBACKEND": "Agg"},  # BaseNN imports matplotlib's windows
        check=False,
    )
    return done.returncode, done.stderr


def _convert(
    path: PathLike,
    out: PathLike,
    tree: Mapping[str, object],
    meta: Mapping[str, Any],
    tensors: dict[str, torch.Tensor],
    task: str | None,
) -> Converted:
    notes: list[str] = []
    color = meta.get("color") if meta.get("dataset_type") == "img" else None
    images = plan(_carried(meta.get("transform") or [], color, notes), color) if color else None
    vocabulary = dict(meta["word2idx"]) if isinstance(meta.get("word2idx"), list) else None
    sample = _sample(meta, vocabulary)
    definition = Definition(sample)
    if images is not None and images.normalize is not None:
        definition = definition.with_input(sample, images.normalize)
    definition = _with_layers(definition, layer_calls(tree))
    if color == "RGB":
        tensors = _swap_first_channels(path, tensors)
        notes.append(
            gettext("BaseNN trains on BGR; the first layer's channels were swapped, so the network reads RGB")
        )
    net = definition.build()
    take_over(net, tensors, str(path))
    task = task or _task(definition, meta)
    how = {key: meta[key] for key in ("epoch", "learning_rate", "dataset_size", "time") if meta.get(key)}
    shape = present(definition.input_shape)
    preparation = Preparation(
        kind="image" if images is not None else about.describe_input(definition, None).kind,
        sample=shape,
        preprocess=images.preprocess if images is not None else None,
        classes=_classes(meta),
        vocabulary=vocabulary,
    )
    described = about.describe(kind_of(task, definition), preparation, None, how)
    card = replace(described, note=gettext("Converted from a BaseNN checkpoint."))
    written = checkpoint.save(out, card, net.state_dict(), None, {"sample": shape.to_data()})
    return Converted(written, card, tuple(notes))


def _with_layers(definition: Definition, calls: list[Call]) -> Definition:
    """Return the network with its layers.

    An activation joins the layer before it, and a flatten without effect is left out.
    """
    waiting, index = list(calls), 0
    while waiting:
        layer, options = waiting.pop(0)
        if (layer, options) == FLATTEN and not _flattens(definition, waiting):
            continue
        index += 1
        joined = bool(waiting) and not waiting[0][1] and find(waiting[0][0]).is_activation
        follows = waiting.pop(0)[0] if joined else None
        definition = definition.with_layer(index, layer, follows, options)
    return definition


def _flattens(definition: Definition, after: list[Call]) -> bool:
    """Return whether a flatten changes anything here; a `linear` flattens images by itself."""
    shape = definition.output_shape
    if shape is None or shape.axes == ("feature",):
        return False
    return not (after and after[0][0] == "linear" and "channel" in shape.axes)


def _sample(meta: Mapping[str, Any], vocabulary: dict[str, int] | None) -> Shape | None:
    """Return the shape of one sample; None where the first layer has to say."""
    sizes = (meta.get("input_size") or [])[1:]
    if vocabulary is not None:
        return Shape.tokens(sizes[0] if sizes else None, len(vocabulary))
    if len(sizes) == 3:
        return Shape.image(*sizes)
    if len(sizes) == 2:
        return Shape.sequence(*sizes)
    return Shape.vector(sizes[0]) if sizes else None


def _carried(transform: list[dict[str, Any]], color: str, notes: list[str]) -> dict[str, Any]:
    """Return the transforms that our preprocessing and our first layer take over."""
    found: dict[str, Any] = {}
    for step in transform:
        name = step["class"]
        if name in _CARRIED:
            options = {key: step["options"][key] for key in _CARRIED[name] if key in step["options"]}
            if name == "Normalize" and color == "RGB":
                options = {key: values[::-1] for key, values in options.items()}
            found[name] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in options.items()
            }
        elif name not in ("ToTensor", "ToPILImage"):
            notes.append(
                gettext(
                    "the transform {name} is not carried over, since it changes training images only",
                    name=name,
                )
            )
    return found


def _swap_first_channels(path: PathLike, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Let the first layer read RGB where it learned from BGR."""
    name, weight = next(iter(tensors.items()))
    if weight.ndim == 4 and weight.shape[1] == 3:
        swapped = weight.flip(1)
    elif weight.ndim == 2 and weight.shape[1] % 3 == 0:  # a linear on the flattened image
        swapped = weight.reshape(len(weight), 3, -1).flip(1).reshape(weight.shape)
    else:
        raise CheckpointError.coded(
            "E-CKPT-05",
            "{path}: expected a convolution over 3 channels or a linear layer first, which can be "
            "changed from BGR to RGB, got {name} of shape {shape}."
            " Convert it without the change, and give images as BGR.",
            path=path,
            name=shortened(name),
            shape=shape_text(weight.shape),
        )
    return {**tensors, name: swapped}


def _task(definition: Definition, meta: Mapping[str, Any]) -> str:
    ending = definition.placed()[-1].layer.kind
    labelled = (
        ending in ("softmax", "sigmoid") or bool(meta.get("CLASSES")) or meta.get("dataset_type") == "img"
    )
    return "cls" if labelled else "reg"


def _classes(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the classes' names in order; a mapping is a list of pairs here."""
    given = meta.get("CLASSES") or []
    names = []
    for each in given:
        if isinstance(each, list):
            each = each[0] if isinstance(each[0], str) else each[1]
        names.append(str(each))
    return tuple(names)
