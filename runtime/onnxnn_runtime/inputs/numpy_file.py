"""Files of NumPy arrays as inputs of a network."""

from __future__ import annotations

from typing import IO

import numpy as np

from onnxnn_runtime.card.vocabulary import check_characters
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.messages.system import system_reason


def is_numpy(content: bytes | bytearray | memoryview) -> bool:
    """Return whether a file's content is that of a .npy or .npz file."""
    return bytes(content[:6]) in (b"\x93NUMPY", b"PK\x03\x04\x14\x00", b"PK\x03\x04\x2d\x00")


def load_numpy(source: str | IO[bytes], name: str) -> np.ndarray:
    """Return the array of a .npy or .npz file; of several in a .npz file that named "data".

    Args:
        source: Its path, or the open file.
        name: What messages call it.

    Raises:
        InputError: It cannot be read, is too large, or holds several arrays.
    """
    from .npz import check_numpy_file

    try:
        check_numpy_file(source, name, InputError)
        loaded = np.load(source, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            check_characters(loaded)
            return loaded
        with loaded:
            if "data" not in loaded.files and len(loaded.files) != 1:
                raise InputError.coded(
                    "E-INPUT-03",
                    "{name}: expected one array, or one named 'data', got {arrays}.",
                    name=name,
                    arrays=", ".join(loaded.files) or gettext("none"),
                )
            array = np.asarray(loaded["data" if "data" in loaded.files else loaded.files[0]])
            check_characters(array)
            return array
    except InputError:
        raise
    except Exception as error:  # NumPy and zipfile raise many kinds for broken files.
        reason = printable(system_reason(error), 160)
        raise InputError.coded(
            "E-INPUT-02",
            "{name}: cannot be read as a NumPy file ({reason}). Save it again with np.save.",
            name=name,
            reason=reason,
        ) from error
