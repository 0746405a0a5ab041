"""What a file is, by its first bytes: so that a message names the file that was given by mistake."""

from __future__ import annotations

import io
import os
import re
from typing import NamedTuple

from onnxnn_runtime.messages.catalogue import Message, gettext, gettext_noop

HEAD = 512
"""Bytes that are looked at."""


class FileKind(NamedTuple):
    """What a file is.

    Args:
        english: What messages call it in English, with its article.
        todo: What to do with it in English, a sentence; "" where nothing general can be said.
        format: The format of an image or an archive, such as "PNG".
    """

    english: str
    todo: str = ""
    format: str = ""

    @property
    def name(self) -> str:
        """What messages call it, in English with its article, such as "a safetensors file"."""
        return gettext(self.english, format=self.format)

    @property
    def advice(self) -> str:
        """What to do with it, a sentence; "" where nothing general can be said."""
        return gettext(self.todo) if self.todo else ""

    @property
    def is_image(self) -> bool:
        """Whether it is an image."""
        return self.english == _IMAGE


def image(name: str) -> FileKind:
    """Return the kind of an image of a format, such as "PNG"."""
    return FileKind(_IMAGE, format=name)


def _archive(name: str) -> FileKind:
    return FileKind(gettext_noop("an archive ({format})"), _UNPACK, name)


_UNPACK = gettext_noop("Unpack it first.")
_AGAIN = gettext_noop("Copy or download it again.")
_IMAGE = gettext_noop("an image ({format})")

EMPTY = FileKind(gettext_noop("an empty file"), _AGAIN)
UNKNOWN = FileKind(gettext_noop("a file of another format"))
TEXT = FileKind(gettext_noop("a text file"))
ONNX = FileKind(
    gettext_noop("an ONNX file"), gettext_noop("Run it with onnxnn_runtime.load, or `onnxnn predict`.")
)
TORCH = FileKind(
    gettext_noop("a torch file"),
    gettext_noop("An onnxnn checkpoint becomes an ONNX file with `onnxnn export`."),
)
TORCHSCRIPT = FileKind(
    gettext_noop("a TorchScript file, which holds a program"),
    gettext_noop("Save its weights in Python: torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth')."),
)
PICKLE = FileKind(
    gettext_noop("a pickle of an old program, which could run code when opened, so it is not opened")
)
SAFETENSORS = FileKind(
    gettext_noop("a safetensors file"),
    gettext_noop(
        "Convert it with the package safetensors: torch.save(safetensors.torch.load_file(FILE), "
        "'weights.pth')."
    ),
)
HDF5 = FileKind(
    gettext_noop("an HDF5 file, such as Keras writes with .h5"),
    gettext_noop("Export it to ONNX with tf2onnx."),
)
KERAS = FileKind(
    gettext_noop("a Keras file (.keras)"),
    gettext_noop("Export it to ONNX with model.export(FILE, format='onnx')."),
)
HTML = FileKind(
    gettext_noop("an HTML page instead of the file"),
    gettext_noop("Open the address in a browser, and download the file itself."),
)
LFS = FileKind(
    gettext_noop("a pointer of Git LFS instead of the file itself"),
    gettext_noop("Fetch the file with `git lfs pull` in its repository."),
)
ANNEX = FileKind(
    gettext_noop("a pointer of git-annex instead of the file itself"),
    gettext_noop("Fetch the file with `git annex get` in its repository."),
)
PDF = FileKind(gettext_noop("a PDF document"))
NPY = FileKind(gettext_noop("a NumPy array (.npy)"))
NPZ = FileKind(gettext_noop("a NumPy file of arrays (.npz)"), gettext_noop("Load it as data: load_npz_data."))
GGUF = FileKind(gettext_noop("a GGUF file of llama.cpp"))
TFLITE = FileKind(gettext_noop("a TensorFlow Lite file"))
ZIP = FileKind(gettext_noop("a zip file"))
BROKEN_ZIP = FileKind(gettext_noop("a zip file that is cut short or damaged"), _AGAIN)
OTHER_ZIP = FileKind(gettext_noop("a zip file of other things"), _UNPACK)


_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", HDF5),
    (b"version https://git-lfs", LFS),
    (b"\x93NUMPY", NPY),
    (b"\x89PNG", image("PNG")),
    (b"\xff\xd8\xff", image("JPEG")),
    (b"GIF8", image("GIF")),
    (b"II*\0", image("TIFF")),
    (b"MM\0*", image("TIFF")),
    (b"%PDF", PDF),
    (b"GGUF", GGUF),
    (b"\x1f\x8b", _archive("gzip")),
    (b"BZh", _archive("bzip2")),
    (b"\xfd7zXZ", _archive("xz")),
    (b"7z\xbc\xaf", _archive("7z")),
    (b"Rar!", _archive("RAR")),
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
        return image("BMP")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return image("WEBP")
    if b"/annex/objects/" in head[:HEAD]:
        return ANNEX
    if _PAGE.match(head[:HEAD]):
        return HTML
    if head[:2] == b"PK":
        return ZIP
    if head[4:8] == b"TFL3":
        return TFLITE
    if head[257:262] == b"ustar":
        return _archive("tar")
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


def instead(
    name: str, expected: str, kind: FileKind, code: str = "E-INPUT-02", advice: str | None = None
) -> Message:
    """Return the message for a file of another kind.

        instead("a.png", "a recipe", kind)    "a.png: expected a recipe, got an image (PNG)."

    Args:
        name: What the message calls the file.
        expected: What was expected, with its article.
        kind: What it is.
        code: The code of the error.
        advice: What to do with it; None takes that of its kind.
    """
    text = gettext(
        "{name}: expected {expected}, got {kind}. {advice}",
        name=name,
        expected=expected,
        kind=kind.name,
        advice=kind.advice if advice is None else advice,
    )
    return Message(text.strip(), code)


def _zipped(file: str | io.BytesIO) -> FileKind:
    """Return what a zip file is: its path, or an open file."""
    import zipfile  # here, because most files need it not

    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return BROKEN_ZIP
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside and any(name.startswith("code/") for name in inside):
        return TORCHSCRIPT
    if any(name.endswith("data.pkl") for name in names):
        return TORCH
    if names and all(name.endswith(".npy") for name in names):
        return NPZ
    if "model.weights.h5" in names:
        return KERAS
    return OTHER_ZIP


def _text(head: bytes) -> FileKind:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 or len(head) < HEAD:
            return UNKNOWN
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in head):
        return UNKNOWN
    return TEXT
