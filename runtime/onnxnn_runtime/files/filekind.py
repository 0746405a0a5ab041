"""What a file is, by its first bytes: so that a message names the file that somebody gave by mistake."""

from __future__ import annotations

import io
import os
import re
from typing import Any, NamedTuple

__all__ = ["TEXT", "TORCH", "FileKind", "instead", "kind_of_bytes", "kind_of_content", "kind_of_file"]

HEAD = 512
"""Bytes that are looked at."""


class FileKind(NamedTuple):
    """What a file is.

    Args:
        name: With its article, such as "a safetensors file".
        advice: What to do with it, a sentence; "" where nothing general can be said.
    """

    name: str
    advice: str = ""


EMPTY = FileKind("an empty file", "Copy or download it again.")
UNKNOWN = FileKind("a file of another format")
TEXT = FileKind("a text file")
ONNX = FileKind("an ONNX file", "Run it with onnxnn_runtime.load, or `onnxnn predict`.")
TORCH = FileKind("a torch file", "An onnxnn checkpoint becomes an ONNX file with `onnxnn export`.")
TORCHSCRIPT = FileKind(
    "a TorchScript file, which holds a program",
    "Save its weights in Python: torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth').",
)
PICKLE = FileKind("a pickle of an old program, which could run code when opened, so it is not opened")
SAFETENSORS = FileKind(
    "a safetensors file",
    "Convert it with the package safetensors: torch.save(safetensors.torch.load_file(FILE), 'weights.pth').",
)
HDF5 = FileKind("an HDF5 file, such as Keras writes with .h5", "Export it to ONNX with tf2onnx.")
KERAS = FileKind("a Keras file (.keras)", "Export it to ONNX with model.export(FILE, format='onnx').")
HTML = FileKind(
    "an HTML page and not what it promised to be",
    "The server answered with a page: open the address in a browser, and download the file itself.",
)
LFS = FileKind(
    "a pointer of Git LFS and not the file itself", "Fetch the file with `git lfs pull` in its repository."
)
ANNEX = FileKind(
    "a pointer of git-annex and not the file itself",
    "Fetch the file with `git annex get` in its repository.",
)
PDF = FileKind("a PDF document")
NPZ = FileKind("a NumPy file of arrays (.npz)", "Load it as data: load_npz_data.")

_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", HDF5),
    (b"version https://git-lfs", LFS),
    (b"\x93NUMPY", FileKind("a NumPy array (.npy)")),
    (b"\x89PNG", FileKind("an image (PNG)")),
    (b"\xff\xd8\xff", FileKind("an image (JPEG)")),
    (b"GIF8", FileKind("an image (GIF)")),
    (b"II*\0", FileKind("an image (TIFF)")),
    (b"MM\0*", FileKind("an image (TIFF)")),
    (b"%PDF", PDF),
    (b"GGUF", FileKind("a GGUF file of llama.cpp")),
    (b"\x1f\x8b", FileKind("a gzip archive", "Unpack it first.")),
    (b"BZh", FileKind("a bzip2 archive", "Unpack it first.")),
    (b"\xfd7zXZ", FileKind("an xz archive", "Unpack it first.")),
    (b"7z\xbc\xaf", FileKind("a 7z archive", "Unpack it first.")),
    (b"Rar!", FileKind("a RAR archive", "Unpack it first.")),
)
_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*(<!doctype\s+html|<html|<head|<body|<\?xml)",
    re.IGNORECASE | re.DOTALL,
)
_ONNX_FIELDS = b"\x12\x1a\x22\x28\x32\x3a\x42\x72"  # keys of ModelProto's fields after ir_version


def kind_of_bytes(head: bytes) -> FileKind:
    """Return what a file is that begins with these bytes; a zip file's inside is not looked at."""
    if not head:
        return EMPTY
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":  # a table may begin with "BMI"
        return FileKind("an image (BMP)")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return FileKind("an image (WEBP)")
    if b"/annex/objects/" in head[:HEAD]:
        return ANNEX
    if _PAGE.match(head[:HEAD]):
        return HTML
    if head[:2] == b"PK":
        return FileKind("a zip file")
    if head[4:8] == b"TFL3":
        return FileKind("a TensorFlow Lite file")
    if head[257:262] == b"ustar":
        return FileKind("a tar archive", "Unpack it first.")
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 1 << 30:
        return SAFETENSORS
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return PICKLE
    if len(head) > 2 and head[0] == 8 and 1 <= head[1] < 32 and head[2] in _ONNX_FIELDS:
        return ONNX
    return _text(head[:HEAD])


def kind_of_file(path: str | os.PathLike[str]) -> FileKind:
    """Return what a regular file is, inside of zip files too.

    Raises:
        OSError: It cannot be read.
    """
    with open(str(path), "rb") as file:
        head = file.read(HEAD)
    kind = kind_of_bytes(head)
    return _zipped(str(path)) if head[:2] == b"PK" else kind


def kind_of_content(content: bytes) -> FileKind:
    """Return what a file is of which the whole content is known, inside of zip files too."""
    return _zipped(io.BytesIO(content)) if content[:2] == b"PK" else kind_of_bytes(bytes(content[:HEAD]))


def instead(name: str, expected: str, kind: FileKind) -> str:
    """Return the message for a file of another kind.

        instead("a.png", "a recipe", kind)    "a.png: expected a recipe, got an image (PNG)."

    Args:
        name: What the message calls the file.
        expected: What was expected, with its article.
        kind: What it is.
    """
    return f"{name}: expected {expected}, got {kind.name}. {kind.advice}".strip()


def _zipped(file: Any) -> FileKind:
    """Return what a zip file is: its path, or an open file."""
    import zipfile  # here, because most files need it not

    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return FileKind("a zip file that is cut short or damaged", "Copy or download it again.")
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside and any(name.startswith("code/") for name in inside):
        return TORCHSCRIPT
    if any(name.endswith("data.pkl") for name in names):
        return TORCH
    if names and all(name.endswith(".npy") for name in names):
        return NPZ
    if "model.weights.h5" in names:
        return KERAS
    return FileKind("a zip file of other things", "Unpack it first.")


def _text(head: bytes) -> FileKind:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 or len(head) < HEAD:
            return UNKNOWN
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in head):
        return UNKNOWN
    return TEXT
