"""The files of entries: whether one is as it was when it was embedded."""

from __future__ import annotations

import os

from .entries import FileState

_BLOCK = 1 << 20


def state_of(path: str) -> FileState | None:
    """Return size and time of a file, with "" for its SHA-256; None where it cannot be looked at."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, ""


def with_hash(path: str, state: FileState) -> FileState | None:
    """Return the state of a file with its SHA-256; None where it cannot be read."""
    import hashlib  # here, because OpenSSL takes megabytes

    found = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(_BLOCK), b""):
                found.update(block)
    except (OSError, ValueError):
        return None
    return state[0], state[1], found.hexdigest()
