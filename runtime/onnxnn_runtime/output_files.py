"""What an output may replace: a file of its own format that is no input of the same call."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping, Sequence

from .errors import OnnxnnError, OutputError
from .files import as_path, check_target
from .inputs import IMAGE_SUFFIXES
from .shorten import printable

__all__ = ["check_output", "check_suffix", "format_of"]

FORMATS: Mapping[str, tuple[str, ...]] = {
    "ONNX": (".onnx",),
    "checkpoint": (".pth", ".pt", ".ckpt"),
    "npz": (".npz",),
    "npy": (".npy",),
    "CSV": (".csv",),
    "JSON": (".json",),
    "Python": (".py",),
    "text": (".txt",),
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "SVG": (".svg",),
    "PDF": (".pdf",),
}
"""The formats that are written, with the ends of their names."""

_MARKS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"%PDF-", "PDF"),
    (b"\x93NUMPY", "npy"),
    (b"\x89HDF", "HDF5"),
    (b"PAR1", "Parquet"),
)


def format_of(path: Any) -> str | None:
    """Return the format of a file by what is in it, such as "PNG"; None where that is not known."""
    try:
        with open(str(path), "rb") as file:
            start = file.read(16)
    except OSError:
        return None
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[:4] == b"PK\x03\x04":
        return _format_of_zip(path)
    if len(start) > 2 and start[0] == 0x08 and 1 <= start[1] < 0x20 and start[2] in _ONNX_FIELDS:
        return "ONNX"
    return None


_ONNX_FIELDS = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72)
"""First bytes of the fields that may follow `ir_version` in a ModelProto."""


def _format_of_zip(path: Any) -> str:
    try:
        with zipfile.ZipFile(str(path)) as archive:
            names = archive.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return "zip"
    if any(name.split("/")[-1] == "data.pkl" for name in names[:1000]):
        return "checkpoint"
    return "npz" if names and all(name.endswith(".npy") for name in names[:1000]) else "zip"


def check_suffix(
    path: Any, suffixes: Sequence[str], name: str = "path", error: type[OnnxnnError] = OutputError
) -> str:
    """Return the end of a file's name in lower case, where it is one of those that are written.

    Raises:
        OnnxnnError: It is another one, or there is none; of class `error`.
    """
    suffix = as_path(path, name, error).suffix.lower()
    if suffix not in suffixes:
        got = f"the name ends in {printable(suffix, 40)}" if suffix else "the name has no ending"
        raise error(
            f"{printable(str(path))}: {got}; expected {_either(suffixes)}. Choose a name that ends so."
        )
    return suffix


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else "{} or {}".format(", ".join(words[:-1]), words[-1])


def check_output(
    path: Any, kind: str, sources: Iterable[Any] = (), force: bool = False, option: str = "force=True"
) -> None:
    """Refuse to replace an input of the same call, or a file of another format.

    Args:
        path: The file to write.
        kind: What is written: a key of `FORMATS`, or another format that has the name's own end.
        sources: The inputs; only paths count, and those in lists. A folder stands for all images in it.
        force: Replace it in any case.
        option: How the caller says so, for messages.

    Raises:
        OutputError: It would, or `path` is no place for a file, or its name is one for another format.
    """
    target = as_path(path)
    check_target(target)
    if force:
        return
    shown, suffix = printable(str(path)), target.suffix.lower()
    fitting = FORMATS.get(kind, (suffix,))
    others = [name for name, ends in FORMATS.items() if suffix in ends and suffix not in fitting]
    if others:
        raise OutputError(
            f"{shown}: this name is for a {others[0]} file, and a {kind} file is written; choose a name that "
            f"ends in {fitting[0]}, or use {option}."
        )
    if not target.is_file():
        return
    for source in _paths(sources):
        if _is_source(target, source):
            raise OutputError(
                f"{shown}: is the file that is read, and would be lost; choose another name, or use {option}."
            )
    found = format_of(target)
    fits = found == kind or (found is None and suffix in fitting)
    if not fits and os.path.getsize(str(target)):
        what = f"{found} file" if found else "file of another format"
        raise OutputError(
            f"{shown}: is a {what}, which the {kind} file would replace; choose another name, or "
            f"use {option}."
        )


def _paths(sources: Iterable[Any]) -> Iterator[str]:
    """Yield those of the inputs that are paths; lists are looked through one level deep."""
    for source in sources:
        for each in source if isinstance(source, (list, tuple)) else (source,):
            if isinstance(each, os.PathLike):
                each = os.fspath(each)
            if isinstance(each, bytes) and len(each) < 4096 and b"\0" not in each:
                each = os.fsdecode(each)
            if isinstance(each, str) and each and "\0" not in each:
                yield each


def _is_source(target: Path, source: str) -> bool:
    try:
        if os.path.isdir(source):
            return _is_in(target, source)
        return os.path.exists(source) and os.path.samefile(str(target), source)
    except (OSError, ValueError):  # a text that is no path
        return False


def _is_in(target: Path, folder: str) -> bool:
    """Tell whether an image is one of those in a folder or the folders below it, through links, too."""
    if target.suffix.lower() not in IMAGE_SUFFIXES:
        return False
    wanted = os.stat(str(target))
    seen = set()
    for directory, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(directory)
        if real in seen:
            folders[:] = []
            continue
        seen.add(real)
        images = [name for name in files if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES]
        if any(_is_same(wanted, os.path.join(directory, name)) for name in images):
            return True
    return False


def _is_same(wanted: os.stat_result, path: str) -> bool:
    try:
        return os.path.samestat(wanted, os.stat(path))
    except OSError:  # a link to nothing
        return False
