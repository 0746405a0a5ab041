"""A model file as a model repository of Triton Inference Server.

The layout and the text of `config.pbtxt` are those of
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html,
whose schema is `model_config.proto` in https://github.com/triton-inference-server/common.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from pathlib import Path
from typing import BinaryIO, Iterator, Mapping, Sequence

from .api.calls import checked
from .arrays.numbers import check_integer
from .card.card import Axis
from .errors import ExportError, OutputError
from .files.access import PathLike, as_path, cannot_write, check_folder, regular_file, write_atomically
from .inputs.folders import is_stray
from .loading import load
from .messages.shorten import printable
from .model import Model

TYPES: Mapping[str, str] = {
    "float32": "TYPE_FP32",
    "float16": "TYPE_FP16",
    "float64": "TYPE_FP64",
    "int64": "TYPE_INT64",
    "int32": "TYPE_INT32",
    "int16": "TYPE_INT16",
    "int8": "TYPE_INT8",
    "uint64": "TYPE_UINT64",
    "uint32": "TYPE_UINT32",
    "uint16": "TYPE_UINT16",
    "uint8": "TYPE_UINT8",
    "bool": "TYPE_BOOL",
    "string": "TYPE_STRING",
    "tensor(bfloat16)": "TYPE_BF16",
}
"""Our names of types, of which NumPy lacks the last -> Triton's."""

_CONFIG = "config.pbtxt"
_LABELS = "labels.txt"
_VERSION = "1"

_OURS = (_CONFIG, _LABELS, _VERSION)
"""What a model's folder holds; anything else in it is of somebody else, such as another version."""


@checked
def write_triton(path: PathLike, folder: PathLike, *, max_batch: int = 64, force: bool = False) -> Path:
    """Write a model into a model repository of Triton.

        write_triton("pets.onnx", "models")     # models/pets/config.pbtxt, models/pets/1/model.onnx

    Triton batches requests of models whose inputs and outputs all begin with a free batch axis; others, such
    as those with states (layers, batch, hidden), take arrays whole. States are inputs and outputs like
    others, which the client feeds back. Where there are classes, their names go into `labels.txt`.

    Args:
        path: The .onnx file; its name without the ending is the model's in Triton.
        folder: The model repository; it is created, and other models in it stay.
        max_batch: The most samples that Triton batches, from 1.
        force: Replace a model of this name, where nothing was added to it, such as a version 2.

    Returns:
        The model's folder in the repository, which is there whole or not at all.

    Raises:
        ExportError: Triton has no such model: an output is no tensor, or its axes are not declared.
        InputError: The file is no model that runs.
        OutputError: The repository has a model of this name, with other versions perhaps, or cannot be
            written.
    """
    check_integer("max_batch", max_batch)
    source, repository = regular_file(path), as_path(folder, "folder")
    if source.stem.startswith("."):
        raise OutputError.coded(
            "E-OUTPUT-01",
            "{path}: expected a name that does not begin with a dot, since Triton's model is called like "
            "the file. Rename the file.",
            path=printable(str(path)),
        )
    target = repository / source.stem
    check_folder(target / _CONFIG)
    _check_free(target, force)
    content = source.read_bytes()
    model = load(source, device="cpu")
    files = {
        _CONFIG: config_text(model, target.name, max_batch).encode("utf-8"),
        f"{_VERSION}/model.onnx": content,
    }
    if _labelled(model) is not None:
        files[_LABELS] = _labels(model).encode("utf-8")
    _write(target, files)
    return target


def config_text(model: Model, name: str, max_batch: int = 64) -> str:
    """Return the text of `config.pbtxt`.

    Args:
        model: A model that is open.
        name: What Triton calls it.
        max_batch: The most samples that Triton batches.

    Raises:
        ExportError: As for `write_triton`.
    """
    batched = _is_batched(model)
    lines = [
        f"name: {_quoted(name)}",
        'platform: "onnxruntime_onnx"',
        'backend: "onnxruntime"',
        f"max_batch_size: {max_batch if batched else 0}",
    ]
    for kind, values in (("input", model.inputs), ("output", model.outputs)):
        for each, (dtype, shape) in values.items():
            if dtype in TYPES and not shape:
                raise _refused(model, each, "()")
            label = _LABELS if kind == "output" and each == _labelled(model) else ""
            lines += [f"{kind} {{", *_tensor(model, each, dtype, shape[int(batched) :], label), "}"]
    return "\n".join([*lines, *(["dynamic_batching { }"] if batched else []), ""])


def _is_batched(model: Model) -> bool:
    """Return whether every input and output begins with a free axis, the same one for all.

    Graphs of others may return as many rows as they find, which are no batch.
    """
    shapes = [shape for _, shape in (*model.inputs.values(), *model.outputs.values())]
    first = {shape[0] for shape in shapes if shape}
    return len(first) == 1 and all(shape and not isinstance(shape[0], int) for shape in shapes)


def _tensor(model: Model, name: str, dtype: str, shape: Sequence[Axis], label: str) -> Iterator[str]:
    """Yield the lines of one input or output; `shape` is without the batch."""
    if dtype not in TYPES:
        raise _refused(model, name, dtype)
    sizes = [str(size) if isinstance(size, int) and size > 0 else "-1" for size in shape]
    yield f"  name: {_quoted(name)}"
    yield f"  data_type: {TYPES[dtype]}"
    yield f"  dims: [ {', '.join(sizes or ['1'])} ]"
    if not sizes:  # Triton has no tensors without axes: of one number per sample it takes off the last one
        yield "  reshape { shape: [ ] }"
    if label:
        yield f"  label_filename: {_quoted(label)}"


def _refused(model: Model, name: str, got: str) -> ExportError:
    return ExportError.coded(
        "E-EXPORT-02",
        "{path}: expected tensors with declared axes, which Triton needs, got {name} as {got}. Export the "
        "model with such inputs and outputs.",
        path=model.name,
        name=repr(printable(name, 80)),
        got=got,
    )


def _labelled(model: Model) -> str | None:
    """Return the output whose last axis counts the classes by name; None where there is none."""
    if model.card is None or model.kind.does != "classify" or not model.card.output.classes:
        return None
    name, (_, shape) = next(iter(model.outputs.items()))
    return name if shape[-1:] == (len(model.card.output.classes),) else None


def _labels(model: Model) -> str:
    """Return one class name in each line."""
    classes = () if model.card is None else model.card.output.classes
    return "".join(" ".join(name.split()) + "\n" for name in classes)


def _quoted(text: str) -> str:
    """Return a text as the text format of protobuf writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(each if each.isprintable() else _octal(each) for each in escaped) + '"'


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))


def _check_free(target: Path, force: bool) -> None:
    """Refuse to replace what is there, and with `force` what is no model of Triton or has more than ours.

    Raises:
        OutputError: It is there.
    """
    if not os.path.lexists(str(target)):
        return
    is_model = (target / _CONFIG).is_file()
    others = _others(target) if force and is_model else []
    if others:
        raise OutputError.coded(
            "E-OUTPUT-02",
            "{path}: expected a model of Triton with version 1 alone, got one that also has {name}, which "
            "would be lost. Move it away, or choose another file name or folder.",
            path=printable(str(target)),
            name=printable(others[0], 80),
        )
    if not (force and is_model):
        raise OutputError.coded(
            "E-OUTPUT-02",
            "{path}: expected a new name, got one that is there. Choose another file name or folder; "
            "force=True (--force) replaces a model of Triton.",
            path=printable(str(target)),
        )


def _others(target: Path) -> list[str]:
    """Return what else a model's folder holds, where replacing it would lose that; a link leads elsewhere.

    Raises:
        OutputError: It cannot be listed.
    """
    if target.is_symlink():
        return []
    try:
        names = sorted(os.listdir(str(target)))
    except OSError as error:
        raise cannot_write(target, error) from error
    return [name for name in names if name not in _OURS and not is_stray(name)]


def _write(target: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder under a temporary name and rename it; a folder that is there is replaced.

    Raises:
        OutputError: It cannot be written; nothing was changed.
    """
    new, old = (target.with_name(f".{target.name}.{os.urandom(4).hex()}.{end}") for end in ("part", "old"))
    try:
        for name, content in files.items():
            write_atomically(new / name, partial(_put, content))
        _exchange(new, target, old)
    except BaseException as error:
        _remove(new)
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            raise cannot_write(target, error) from error
        raise
    _remove(old)


def _put(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def _exchange(new: Path, target: Path, old: Path) -> None:
    is_there = target.exists()
    if is_there:
        os.rename(str(target), str(old))
    try:
        os.rename(str(new), str(target))
    except BaseException:
        if is_there:
            os.rename(str(old), str(target))
        raise


def _remove(folder: Path) -> None:
    import shutil  # here, because it brings every compression there is

    with contextlib.suppress(OSError):
        if os.path.islink(str(folder)):
            folder.unlink()
        else:
            shutil.rmtree(str(folder))
