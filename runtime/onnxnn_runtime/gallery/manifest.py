"""The manifest of a gallery's folder, `gallery.json`: which files hold it. It is renamed into place last."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import cannot_read, write_atomically
from onnxnn_runtime.messages.shorten import printable

from .index_facts import IndexFacts
from .problems import content_of, damaged, missing

__all__ = ["MANIFEST", "About", "Manifest", "is_file_of_gallery", "read_manifest", "write_manifest"]

MANIFEST = "gallery.json"

_FORMAT = "onnxnn gallery"
_VERSION = 1

_PARTS = {"vectors": "bin", "names": "json", "files": "json", "log": "jsonl"}
"""What a gallery consists of, and the end of the file's name."""

_LARGEST = 1 << 40

_OBJECTS = ("about", "index")


@dataclass(frozen=True)
class About:
    """What the vectors of a gallery are.

    Args:
        dimension: Numbers of a vector; 0 until the first one is there.
        dtype: "float32" or "float16".
        model: The name of the model's file; "" where the vectors are of none.
        path: Where that file was.
        sha256: That of the model's graph and weights.
        preprocess: How the model's card prepares images, as JSON; "" where it says nothing.
    """

    dimension: int
    dtype: str = "float32"
    model: str = ""
    path: str = ""
    sha256: str = ""
    preprocess: str = ""

    @property
    def bytes_of_row(self) -> int:
        """Bytes of one vector in a file."""
        return self.dimension * (4 if self.dtype == "float32" else 2)


@dataclass(frozen=True)
class Manifest:
    """Which files hold a gallery.

    Args:
        about: What its vectors are.
        vectors: The number in the name of the file of vectors.
        number: The number in the names of the other files.
        rows: The rows that the file of names has.
        names_bytes, names_crc: Size and CRC-32 of the file of names.
        files_bytes, files_crc: Size and CRC-32 of the file of the inputs' files.
        log_bytes: How much of the log was written when the last call returned.
        index: The index of the vectors, where there is one.
    """

    about: About
    vectors: int
    number: int
    rows: int
    names_bytes: int
    names_crc: int
    files_bytes: int
    files_crc: int
    log_bytes: int
    index: IndexFacts | None = None

    @property
    def next_number(self) -> int:
        """A number that no file has."""
        return max(self.number, self.vectors, 0 if self.index is None else self.index.number) + 1

    def name_of(self, part: str) -> str:
        """Return the name of the file that holds a part: "vectors", "names", "files" or "log"."""
        number = self.vectors if part == "vectors" else self.number
        return f"{part}-{number:06d}.{_PARTS[part]}"

    def with_dimension(self, dimension: int) -> Manifest:
        """Return the same with the dimension of the first vector."""
        return replace(self, about=replace(self.about, dimension=dimension))

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        data = {"format": _FORMAT, "version": _VERSION, **asdict(self)}
        return (json.dumps(data, ensure_ascii=True, indent=1, sort_keys=True) + "\n").encode("ascii")


def is_file_of_gallery(name: str) -> bool:
    """Return whether a name is one that galleries give to the files in their folder."""
    parts = "|".join(f"{part}-[0-9]{{6,}}\\.{end}" for part, end in _PARTS.items())
    parts += r"|index-[0-9]{6,}\.usearch"
    return re.fullmatch(rf"{parts}|{re.escape(MANIFEST)}|writer\.lock|\..*\.part", name) is not None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in place of the one before; at any moment the folder has one of both."""
    content = manifest.to_bytes()
    write_atomically(folder / MANIFEST, lambda file: file.write(content))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder.

    Raises:
        MissingInputError: There is no such folder.
        InputError: It holds no gallery, a damaged one, or one of a newer version.
    """
    try:
        content = content_of(folder, MANIFEST)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _no_manifest(folder) from error
    except OSError as error:
        raise cannot_read(folder / MANIFEST, error) from error
    try:
        return _checked(content, folder)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(folder, MANIFEST) from error


def _checked(content: bytes, folder: Path) -> Manifest:
    """Return a manifest whose values are of the right types and possible.

    Raises:
        InputError: It is of a newer version.
        ValueError, KeyError, TypeError: It is damaged.
    """
    data = json.loads(content.decode("ascii"))
    if not isinstance(data, dict) or data.pop("format") != _FORMAT:
        raise ValueError
    version = data.pop("version")
    if type(version) is int and version > _VERSION:
        raise _newer(folder, version)
    about = About(**data["about"])
    texts = (about.model, about.path, about.sha256, about.preprocess)
    if about.dtype not in ("float32", "float16") or not all(isinstance(each, str) for each in texts):
        raise ValueError
    index = data.pop("index", None)
    try:
        facts = None if index is None else IndexFacts(**index)
    except InputError as error:
        raise ValueError(str(error)) from error
    manifest = Manifest(**{**data, "about": about}, index=facts)
    numbers = [about.dimension, *(value for name, value in vars(manifest).items() if name not in _OBJECTS)]
    if not all(type(each) is int and 0 <= each < _LARGEST for each in numbers):
        raise ValueError
    if manifest.rows * about.bytes_of_row >= 1 << 60:
        raise ValueError
    return manifest


def _no_manifest(folder: Path) -> InputError:
    if not folder.exists():
        return missing(folder)
    if not folder.is_dir():
        return InputError.coded(
            "E-GALLERY-01",
            "{path}: expected the folder of a gallery, got a file. Give the folder that Gallery.save wrote.",
            path=printable(str(folder)),
        )
    return InputError.coded(
        "E-GALLERY-01",
        "{path}: expected a gallery, got a folder without the file {file}. Give a folder that Gallery.build "
        "or Gallery.save wrote.",
        path=printable(str(folder)),
        file=MANIFEST,
    )


def _newer(folder: Path, version: int) -> InputError:
    return InputError.coded(
        "E-GALLERY-01",
        "{path}: expected a gallery of version {expected} at most, got {version}. Update onnxnn-runtime.",
        path=printable(str(folder)),
        expected=_VERSION,
        version=version,
    )
