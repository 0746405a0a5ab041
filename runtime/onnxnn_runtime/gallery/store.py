"""Where the entries of a gallery are: in memory, in a folder, or in an engine."""

from __future__ import annotations

from typing import Union

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import as_path, check_name

from .address import is_address
from .engine_store import EngineStore
from .folder import FolderStore
from .memory import MemoryStore

Store = Union[MemoryStore, FolderStore, EngineStore]


def store_at(path: object) -> Store:
    """Return the entries of a folder, or of an engine by its address.

    Raises:
        ImportError: The package of the engine is not installed.
        MissingInputError: There is no gallery.
        InputError: It is none, or damaged, or the engine cannot be reached.
    """
    if is_address(path):
        return EngineStore(str(path))
    folder = as_path(path, "path", InputError)
    check_name(folder, InputError)
    return FolderStore(folder)
