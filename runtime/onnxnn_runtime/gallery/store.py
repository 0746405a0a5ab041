"""Where the entries of a gallery are: in memory, or in a folder."""

from __future__ import annotations

from typing import Union

from .folder import FolderStore
from .memory import MemoryStore

Store = Union[MemoryStore, FolderStore]
