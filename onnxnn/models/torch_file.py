"""Reading files that `torch.save` wrote: tensors and plain data, and nothing else.

A torch file is a zip with a pickle, which is a program for a small stack machine, of which
`torch.load(weights_only=True)` runs what builds data. Before that the file is checked:

    zip       one entry of a name, nothing that unpacks to far more than the file holds, whole entries (CRC)
    pickle    its size, its number of steps, its names, calls and keys, sizes of what it announces
    result    types (None, numbers, texts, lists, tuples, dicts, dense tensors), depth, number of values

so that time and memory grow with the size of the file and no faster.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import torch
from onnxnn_runtime.files.filekind import NPZ, TORCHSCRIPT, FileKind, kind_of_bytes, kind_of_file
from onnxnn_runtime.messages.catalogue import following, gettext
from onnxnn_runtime.messages.shorten import printable, shortened

from .torch_pickle import (
    LARGEST_PICKLE,
    LEGACY,
    NotTensors,
    check_pickle,
    first_line,
    is_legacy,
    wrong_key,
)

__all__ = ["NotTensors", "read_torch_file"]

MOST_VALUES = 1_000_000
"""Values inside each other, counted as often as they are reached."""

DEEPEST = 32
"""Levels of lists, tuples and dicts inside each other."""

UNPACKED = 1 << 26
"""Bytes that entries may unpack to beyond four times the size of the file."""


def read_torch_file(source: Path | bytes, legacy: bool = False) -> Any:
    """Return what a torch file holds, its tensors on the CPU.

    Args:
        source: The path of a regular file, or its bytes.
        legacy: Whether files of torch before 1.6, which are no zip, are read too.

    Returns:
        None, numbers, texts, lists, tuples, dicts and dense tensors inside each other.

    Raises:
        NotTensors: It is no such file, is damaged, or breaks a limit of this module.
        OSError: It cannot be read.
    """
    opened = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with opened as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(512)
        file.seek(0)
        if head[:4] == b"PK\x03\x04":
            _check_zip(file, size)
        elif legacy and head[:1] == b"\x80" and is_legacy(head):
            file.seek(2 + len(LEGACY))
            for _ in range(4):  # protocol, system, content, names of storages
                check_pickle(file, size)
        elif head[:1] == b"\x80" and is_legacy(head):
            raise NotTensors(
                gettext(
                    "a torch file of the form before torch 1.6, so no onnxnn checkpoint. Where it holds "
                    "weights, add the layers, and call load_weights instead of load."
                ),
                foreign=True,
            )
        else:
            kind = kind_of_bytes(head) if isinstance(source, bytes) else kind_of_file(source)
            if size == 0:
                what = gettext("the file is empty.")
            else:
                what = gettext("expected a checkpoint or a torch file, got {kind}.", kind=kind.name)
            raise NotTensors(what + following(kind.advice), foreign=True)
        file.seek(0)
        try:
            content = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for files that are not its own
            raise NotTensors(
                gettext("it cannot be read as tensors ({reason}).", reason=first_line(error))
            ) from error
    return _Plain(size).copied(content, 0)


# ---- the zip -------------------------------------------------------------------------------------


def _check_zip(file: BinaryIO, size: int) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check_entries(entries, size, archive.comment)
            damaged = archive.testzip()  # torch itself takes flipped bits for weights
            if damaged is not None:
                raise NotTensors(gettext("the file is damaged, at {entry}.", entry=printable(damaged, 80)))
            with archive.open(_pickle_of(entries)) as member:
                pickle = member.read(LARGEST_PICKLE + 1)
    except NotTensors:
        raise
    except (zipfile.BadZipFile, EOFError, struct.error) as error:
        file.seek(max(0, size - 22))
        cut = b"PK\x05\x06" not in file.read()
        raise NotTensors(gettext("the file is truncated.") if cut else _damaged()) from error
    except (RuntimeError, NotImplementedError, ValueError, zlib.error, OSError) as error:
        raise NotTensors(_damaged()) from error
    if len(pickle) > LARGEST_PICKLE:
        raise NotTensors(
            gettext(
                "it holds more than {most} MB of names, texts and history beside its tensors.",
                most=LARGEST_PICKLE >> 20,
            )
        )
    check_pickle(io.BytesIO(pickle), size)


def _damaged() -> str:
    return gettext("the file is damaged.")


def _check_entries(entries: list[zipfile.ZipInfo], size: int, comment: bytes) -> None:
    """Refuse what two readers of zip files could read in two ways, and what unpacks to too much."""
    names = [entry.filename.lower() for entry in entries]
    if len(set(names)) < len(names) or comment:
        raise NotTensors(gettext("the file is damaged: its list of entries is not as torch writes it."))
    unpacked, most = sum(entry.file_size for entry in entries), 4 * size + UNPACKED
    if unpacked > most:
        raise NotTensors(
            gettext(
                "expected at most {most:,} bytes unpacked, got {unpacked:,} from {size:,} bytes. Torch "
                "writes its files without compression.",
                most=most,
                unpacked=unpacked,
                size=size,
            )
        )


def _pickle_of(entries: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    inside = {entry.filename.partition("/")[2] for entry in entries}
    if "constants.pkl" in inside:
        raise NotTensors(_kind_and_advice(TORCHSCRIPT), foreign=True)
    found = [entry for entry in entries if entry.filename.partition("/")[2] == "data.pkl"]
    if len(found) == 1:
        return found[0]
    npz = bool(entries) and all(entry.filename.endswith(".npy") for entry in entries)
    what = _kind_and_advice(NPZ) if npz else gettext("a zip file, and not one that torch wrote.")
    raise NotTensors(what, foreign=True)


def _kind_and_advice(kind: FileKind) -> str:
    return gettext("{kind}. {advice}", kind=kind.name, advice=kind.advice)


# ---- what came of it -----------------------------------------------------------------------------

_DENSE = frozenset(
    [
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
    ]
)


class _Plain:
    """Copies data in its plain types; counts what is in it."""

    def __init__(self, size: int) -> None:
        self._values = 0
        self._bytes = 0
        self._most_bytes = 8 * size + UNPACKED

    def copied(self, value: object, depth: int) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            raise NotTensors(
                gettext("it holds more than {most:,} values inside each other.", most=MOST_VALUES)
            )
        if value is None or type(value) in (bool, int, float, str, bytes):
            return value
        if depth >= DEEPEST:
            raise NotTensors(
                gettext(
                    "lists, tuples and dicts lie more than {deepest} deep inside each other.", deepest=DEEPEST
                )
            )
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            return {self._key(key): self.copied(each, depth + 1) for key, each in dict.items(value)}
        if type(value) is list:
            return [self.copied(each, depth + 1) for each in value]
        if isinstance(value, tuple):
            return tuple(self.copied(each, depth + 1) for each in tuple.__iter__(value))
        if isinstance(value, torch.device | torch.dtype):
            return str(value)
        kind = printable(type(value).__name__, 40)
        raise NotTensors(gettext("expected tensors, numbers and texts, got {kind}.", kind=kind))

    def _key(self, key: object) -> Any:
        if type(key) not in (str, int):
            raise NotTensors(wrong_key(shortened(key)))
        return key

    def _tensor(self, value: torch.Tensor) -> torch.Tensor:
        dense = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized
        if not dense or value.dtype not in _DENSE:
            raise NotTensors(
                gettext(
                    "expected tensors of dense numbers, got {dtype}, {layout}.",
                    dtype=value.dtype,
                    layout=value.layout,
                )
            )
        own = value.numel() * value.element_size()
        self._bytes += own
        if own > value.untyped_storage().nbytes() or self._bytes > self._most_bytes:
            raise NotTensors(
                gettext("it holds tensors that repeat their numbers far beyond the size of the file.")
            )
        return value.detach()
