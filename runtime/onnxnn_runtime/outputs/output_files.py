"""What an output may replace: a file of its own format that is no input of the same call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable, Iterator, Mapping, Sequence

from onnxnn_runtime.errors import InputError, OnnxnnError, OutputError
from onnxnn_runtime.files import filekind
from onnxnn_runtime.files.access import as_path, check_folder, check_target, unknown_before
from onnxnn_runtime.files.filekind import kind_of_file
from onnxnn_runtime.images.formats import IMAGE_SUFFIXES
from onnxnn_runtime.inputs.folders import find_images
from onnxnn_runtime.inputs.given import matching
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable

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

_KINDS = {
    filekind.ONNX: "ONNX",
    filekind.TORCH: "checkpoint",
    filekind.NPZ: "npz",
    filekind.NPY: "npy",
    filekind.PDF: "PDF",
    **{filekind.image(name): name for name in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")},
}

_NO_FORMAT = (
    filekind.EMPTY,
    filekind.UNKNOWN,
    filekind.HTML,  # as SVG is XML, too
    filekind.PICKLE,  # as old checkpoints are
    filekind.TEXT,
)
"""What may be of any format that is not known by its first bytes."""


def check_suffix(
    path: object, suffixes: Sequence[str], name: str = "path", error: type[OnnxnnError] = OutputError
) -> str:
    """Return the end of a file's name in lower case, where it is one of those that are written.

    Raises:
        OnnxnnError: It is another one, or there is none; of class `error`.
    """
    suffix = as_path(path, name, error).suffix.lower()
    if suffix not in suffixes:
        raise error.coded(
            "E-OUTPUT-01",
            "{path}: expected a name that ends in {expected}, got {got}. Choose such a name.",
            path=printable(str(path)),
            expected=_either(suffixes),
            got=printable(suffix, 40) if suffix else gettext("no ending"),
        )
    return suffix


def _either(words: Sequence[str]) -> str:
    if len(words) == 1:
        return words[0]
    return gettext("{others} or {last}", others=", ".join(words[:-1]), last=words[-1])


def check_output(
    path: object, kind: str, sources: Iterable[object] = (), force: bool = False, option: str = "force=True"
) -> None:
    """Refuse to replace an input of the same call, or a file of another format.

    Args:
        path: The file to write.
        kind: What is written: a key of `FORMATS`, or another format that has the name's own end.
        sources: The inputs; only paths count, and those in lists. A folder stands for all images in it.
        force: Replace it in any case.
        option: How the caller says so, for messages.

    Raises:
        OutputError: It would, or `path` is no place for a file, or its name is one for another format; or
            its folder cannot be written.
    """
    target = as_path(path)
    check_target(target)
    check_folder(target)
    if force:
        return
    shown = printable(str(path))
    endings = FORMATS.get(kind, (target.suffix.lower(),))
    _check_name(target, shown, kind, endings, option)
    if os.path.isfile(target):
        _check_no_source(target, shown, sources, option)
        _check_format(target, shown, kind, endings, option)


def _check_name(target: Path, shown: str, kind: str, endings: Sequence[str], option: str) -> None:
    """Refuse a name for files of another format."""
    suffix = target.suffix.lower()
    others = [name for name, ends in FORMATS.items() if suffix in ends and suffix not in endings]
    if others:
        raise OutputError.coded(
            "E-OUTPUT-02",
            "{path}: expected a name for {kind} files, which are written here, got one for {other} "
            "files. Use a name that ends in {ending}, or use {option}.",
            path=shown,
            kind=kind,
            other=others[0],
            ending=endings[0],
            option=option,
        )


def _check_no_source(target: Path, shown: str, sources: Iterable[object], option: str) -> None:
    """Refuse to replace an input."""
    if any(_is_source(target, source) for source in _paths(sources)):
        raise OutputError.coded(
            "E-OUTPUT-02",
            "{path}: expected another file than the one that is read, which would be lost. Choose "
            "another name, or use {option}.",
            path=shown,
            option=option,
        )


def _check_format(target: Path, shown: str, kind: str, endings: Sequence[str], option: str) -> None:
    """Refuse to replace a file of another format."""
    try:
        found = kind_of_file(target)
    except OSError as error:
        raise unknown_before(target, error, option) from error
    matches = target.suffix.lower() in endings if found in _NO_FORMAT else _KINDS.get(found) == kind
    if not matches and found != filekind.EMPTY:
        raise OutputError.coded(
            "E-OUTPUT-02",
            "{path}: expected a file of format {kind} to replace, got {found}. Choose another name, or "
            "use {option}.",
            path=shown,
            kind=gettext("checkpoint") if kind == "checkpoint" else kind,
            found=found.name,
            option=option,
        )


def _paths(sources: Iterable[object]) -> Iterator[str]:
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
    """Return whether a file is what a path, a pattern or a folder stands for."""
    try:
        wanted = os.stat(str(target))
        return any(_is_same(wanted, path) for each in matching(source) for path in _files(target, each))
    except (InputError, OSError, ValueError):  # a text that is no path, or is refused when it is read
        return False


def _files(target: Path, path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    return find_images(path)[0] if target.suffix.lower() in IMAGE_SUFFIXES else []


def _is_same(wanted: os.stat_result, path: str) -> bool:
    try:
        return os.path.samestat(wanted, os.stat(path))
    except (OSError, ValueError):  # a link to nothing, a text that is no path
        return False
