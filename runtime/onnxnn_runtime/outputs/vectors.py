"""Feature vectors as a file, in the format that its name says."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import BinaryIO, Callable, Iterable, Mapping, Sequence

import numpy as np

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import PathLike, write_atomically
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shapes import shape_text

from .output_files import check_output, check_suffix

_Write = Callable[[BinaryIO, np.ndarray, Sequence[str]], object]


def _write_npz(file: BinaryIO, vectors: np.ndarray, names: Sequence[str]) -> None:
    np.savez(file, embeddings=vectors, names=np.array(names, dtype=np.str_))


def _write_npy(file: BinaryIO, vectors: np.ndarray, names: Sequence[str]) -> None:
    np.save(file, vectors, allow_pickle=False)


def _write_csv(file: BinaryIO, vectors: np.ndarray, names: Sequence[str]) -> None:
    import csv  # here and below, because few need it

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", *(f"v{index}" for index in range(vectors.shape[1]))])
    row_of = ",".join(["%.9g"] * vectors.shape[1])  # 9 digits hold any float32 exactly
    for name, vector in zip(names, vectors):
        quoted = io.StringIO()
        csv.writer(quoted, lineterminator="\n").writerow([name])
        text.write(f"{quoted.getvalue()[:-1]},{row_of % tuple(vector.tolist())}\n")
        if text.tell() > _BLOCK:
            file.write(text.getvalue().encode("utf-8", "backslashreplace"))
            text = io.StringIO()
    file.write(text.getvalue().encode("utf-8", "backslashreplace"))


def _write_json(file: BinaryIO, vectors: np.ndarray, names: Sequence[str]) -> None:
    file.write(b"[\n")
    for number, (name, vector) in enumerate(zip(names, vectors)):
        numbers = ", ".join(f"{value:.9g}" for value in vector.tolist())
        start = "  " if number == 0 else ",\n  "
        file.write(f'{start}{{"name": {json.dumps(name)}, "vector": [{numbers}]}}'.encode("ascii"))
    file.write(b"\n]\n")


_BLOCK = 2**20

_FORMATS: Mapping[str, tuple[str, _Write]] = {
    ".npz": ("npz", _write_npz),
    ".csv": ("CSV", _write_csv),
    ".npy": ("npy", _write_npy),
    ".json": ("JSON", _write_json),
}


def check_vectors_path(
    path: object, sources: Iterable[object] = (), force: bool = False, option: str = "force=True"
) -> None:
    """Refuse, before there are vectors, a file that `write_vectors` would not write.

    Raises:
        InputError: Its name ends in none of .npz, .csv, .npy and .json.
        OutputError: It is one of the inputs, or a file of another format.
    """
    suffix = check_suffix(path, tuple(_FORMATS), error=InputError)
    check_output(path, _FORMATS[suffix][0], sources, force, option)


def write_vectors(path: PathLike, vectors: object, names: Sequence[str], force: bool = False) -> Path:
    """Write feature vectors with the names of their inputs.

    Args:
        path: The file. A .npz holds the arrays `embeddings` and `names`, a .csv the columns name, v0, v1,
            ..., a .json a list of {"name": ..., "vector": [...]}, and a .npy the vectors alone.
        vectors: float32 (N, D).
        names: N texts.
        force: Whether to replace a file of another format.

    Returns:
        The path written.

    Raises:
        InputError: The name's end is another one, or there are not as many names as vectors.
        OutputError: The file cannot be written.
    """
    check_vectors_path(path, force=force)
    array = np.asarray(vectors)
    if array.ndim != 2 or len(array) != len(names):
        raise InputError.coded(
            "E-INPUT-03",
            "vectors: expected (N, D) and N names, got {shape} and {names}.",
            shape=shape_text(array.shape),
            names=ngettext("{count} name", "{count} names", len(names)),
        )
    _, write = _FORMATS[Path(path).suffix.lower()]
    return write_atomically(path, lambda file: write(file, array, names))
