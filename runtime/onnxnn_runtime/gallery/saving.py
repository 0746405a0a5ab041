"""Creating the folder of a gallery, and writing a whole gallery into one."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Iterator

import numpy as np

from onnxnn_runtime.errors import InputError, OnnxnnError
from onnxnn_runtime.files.access import cannot_read, cannot_write
from onnxnn_runtime.messages.shorten import printable

from .compaction import created, remove_others, started
from .entries import Entries, View
from .lock import LOCK, writer_lock
from .manifest import MANIFEST, About, Manifest, is_file_of_gallery, read_manifest, write_manifest
from .synced import flush_folder

_IS_WINDOWS = os.name == "nt"


def create_folder(folder: Path, about: About) -> bool:
    """Make an empty gallery where there is none yet; return whether there was none.

    Raises:
        InputError: There is something else, or another process is writing there.
        OutputError: The folder cannot be written.
    """
    if os.path.exists(str(folder / MANIFEST)):
        return False
    with _made(folder), writer_lock(folder):
        if os.path.exists(str(folder / MANIFEST)):
            return False
        _write_whole(folder, started(about), Entries(), np.zeros((0, about.dimension), about.dtype))
    return True


def remove_folder(folder: Path) -> None:
    """Remove an empty gallery that was made for a call which was refused or failed, as far as possible.

    One to which another process has added something meanwhile, or is about to, stays.
    """
    with contextlib.suppress(OSError, InputError):
        with writer_lock(folder):
            if os.path.exists(str(folder / MANIFEST)):
                manifest = read_manifest(folder)
                if manifest.rows or os.stat(str(folder / manifest.name_of("log"))).st_size:
                    return
            for name in filter(is_file_of_gallery, os.listdir(str(folder))):
                if name != LOCK or not _IS_WINDOWS:
                    os.unlink(str(folder / name))
        if _IS_WINDOWS:  # where no file that is open can be removed
            os.unlink(str(folder / LOCK))
        os.rmdir(str(folder))


def save_to(folder: Path, about: About, entries: Entries, view: View) -> None:
    """Write a whole gallery into a folder, in place of the one that is there.

    Raises:
        InputError: The folder holds something else, or another process is writing there.
        OutputError: It cannot be written.
    """
    with _made(folder), writer_lock(folder):
        before = started(about)
        if os.path.exists(str(folder / MANIFEST)):
            before = _numbers_of(folder, before)
        _write_whole(folder, before, entries, view.vectors)


def _write_whole(folder: Path, before: Manifest, entries: Entries, vectors: np.ndarray) -> None:
    try:
        made = created(folder, before, entries, vectors, again=True)
        write_manifest(folder, made)
        flush_folder(folder)
        remove_others(folder, made)
    except OSError as error:
        if isinstance(error, OnnxnnError):
            raise
        raise cannot_write(folder, error) from error


def _numbers_of(folder: Path, wanted: Manifest) -> Manifest:
    """Return a manifest whose files get other numbers than those that are in use."""
    try:
        found = read_manifest(folder)
    except InputError:
        numbers = [_number(name) for name in os.listdir(str(folder))]
        return replace(wanted, number=max(numbers, default=0))
    return replace(wanted, number=found.next_number)


def _number(name: str) -> int:
    digits = name.partition("-")[2].partition(".")[0]
    return int(digits) if is_file_of_gallery(name) and digits.isdigit() else 0


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder for what the block writes; it is gone again where that fails.

    Raises:
        InputError, OutputError: As `_make` does.
    """
    is_new = not os.path.lexists(str(folder))
    _make(folder)
    try:
        yield
    except OSError:
        if is_new:
            remove_folder(folder)
        raise


def _make(folder: Path) -> None:
    """Make a folder; refuse one that holds something else than a gallery."""
    try:
        os.makedirs(str(folder), exist_ok=True)
        names = os.listdir(str(folder))
    except FileExistsError as error:
        raise cannot_write(folder, error) from error
    except OSError as error:
        if os.path.isdir(str(folder)):
            raise cannot_read(folder, error, "folder") from error
        raise cannot_write(folder, error) from error
    others = [name for name in sorted(names) if not is_file_of_gallery(name)]
    if others and MANIFEST not in names:
        raise InputError.coded(
            "E-GALLERY-01",
            "{path}: expected a gallery or an empty folder, got one with other files, such as {name}. Give "
            "another folder; it is created.",
            path=printable(str(folder)),
            name=printable(others[0]),
        )
