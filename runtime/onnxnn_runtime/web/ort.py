"""onnxruntime-web, which a page holds: from a folder, from the cache, or from npm once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from typing import BinaryIO, Mapping

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import InputError, OutputError
from onnxnn_runtime.files.access import PathLike, as_path, regular_file, write_atomically
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.messages.system import system_reason
from onnxnn_runtime.tuning.cache import cache_folder

VERSION = "1.30.0"
"""The release that the parity ledger measures."""

_INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""The SHA-512 of its package, as the npm registry publishes it."""

FILES: Mapping[str, str] = {"ort": "ort.wasm.bundle.min.mjs", "wasm": "ort-wasm-simd-threaded.wasm"}
"""What a page calls the files of the package that it holds."""

_LARGEST = 2**26
"""Bytes of the largest of them."""

_SECONDS = 300
"""How long npm may take."""


def files_of_ort(folder: PathLike | None = None) -> dict[str, bytes]:
    """Return the files of onnxruntime-web by what a page calls them.

    Args:
        folder: Where they are: a package that was unpacked, or its `dist`. None takes those in the user's
            cache folder, and brings them there with `npm pack` where they are missing.

    Raises:
        InputError: The folder does not have them, npm is missing or fails, or the package is another one.
    """
    if folder is not None:
        root = as_path(folder, "ort", InputError)
        places = [each for each in (root, root / "dist", root / "package" / "dist") if _has_all(each)]
        if not places:
            raise InputError.coded(
                "E-INPUT-01",
                "ort={folder}: expected the files {names} of onnxruntime-web, found none. Unpack the package "
                "there: npm pack onnxruntime-web@{version}",
                folder=printable(str(folder)),
                names=", ".join(FILES.values()),
                version=VERSION,
            )
        return _read(places[0])
    kept = _kept()
    if kept is not None and _has_all(kept):
        return _read(kept)
    found = _fetched()
    if kept is not None:
        with contextlib.suppress(OutputError):  # the next page brings them again
            for key, name in FILES.items():
                write_atomically(kept / name, partial(_write, found[key]))
    return found


def _write(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def _kept() -> Path | None:
    cache = cache_folder()
    return None if cache is None else cache / f"onnxruntime-web-{VERSION}"


def _has_all(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES.values())


def _read(folder: Path) -> dict[str, bytes]:
    found = {key: regular_file(folder / name, error=InputError) for key, name in FILES.items()}
    return {key: path.read_bytes() for key, path in found.items() if path.stat().st_size <= _LARGEST}


def _fetched() -> dict[str, bytes]:
    """Return the files of the package that npm brings, after comparing its hash."""
    npm = shutil.which("npm")
    if npm is None:
        raise _no_npm(gettext("npm is not installed"))
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, f"onnxruntime-web@{VERSION}"]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                encoding="utf-8",
                errors="replace",  # paths in other encodings
                check=False,
                timeout=_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise _no_npm(system_reason(error)) from error
        packages = [name for name in os.listdir(folder) if name.endswith(".tgz")]
        if done.returncode or len(packages) != 1:
            raise _no_npm(printable((done.stderr.strip() or done.stdout.strip()).split("\n")[-1], 200))
        content = Path(folder, packages[0]).read_bytes()
        if base64.b64encode(hashlib.sha512(content).digest()).decode("ascii") != _INTEGRITY:
            raise InputError.coded(
                "E-INPUT-02",
                "onnxruntime-web {version}: expected the package with the published SHA-512, got another. "
                "Check the registry that npm uses.",
                version=VERSION,
            )
        with tarfile.open(os.path.join(folder, packages[0])) as archive:
            return {key: _member(archive, f"package/dist/{name}") for key, name in FILES.items()}


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    with present(archive.extractfile(name)) as file:  # the hash of the package is right, so it is a file
        return file.read()


def _no_npm(reason: str) -> InputError:
    return InputError.coded(
        "E-PACKAGE-01",
        "onnxruntime-web {version} is not here, and cannot be fetched ({reason}). Install npm, or give the "
        "folder of the package: --ort FOLDER.",
        version=VERSION,
        reason=reason,
    )
