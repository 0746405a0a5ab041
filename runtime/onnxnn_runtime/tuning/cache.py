"""Settings that were measured, in files of the user's cache folder.

A file that is damaged, of another version or of another machine counts as none; a folder that cannot be
written is no error. Nothing is ever written beside a model.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Mapping

from onnxnn_runtime.arrays.numbers import is_integer
from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.files.access import regular_file, write_atomically
from onnxnn_runtime.session.resources import MOST_THREADS, Tuned

VARIABLE = "ONNXNN_CACHE"
"""The environment variable that names another folder."""

_SCHEMA = 1
_LARGEST = 2**16
"""Bytes of the largest file that is read."""

_MOST_SAMPLES = 2**12
"""The largest batch that is believed."""


def cache_folder() -> Path | None:
    """Return the folder for what can be made again; None where the user has no home.

    `ONNXNN_CACHE`, or the system's: `$XDG_CACHE_HOME/onnxnn` or `~/.cache/onnxnn`, `~/Library/Caches/onnxnn`,
    `%LOCALAPPDATA%\\onnxnn`.
    """
    asked = os.environ.get(VARIABLE)
    if asked:
        return Path(os.path.abspath(os.path.expanduser(asked)))
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        folder = os.path.join(home, "Library", "Caches")
    else:
        given = os.environ.get("XDG_CACHE_HOME", "")  # which the specification ignores where it is relative
        folder = given if os.path.isabs(given) else os.path.join(home, ".cache")
    return Path(folder) / "onnxnn" if os.path.isabs(folder) else None


def read(model: str, machine: Mapping[str, str]) -> Tuned | None:
    """Return the setting that was measured for a model on this machine; None where there is none.

    Args:
        model: Its fingerprint.
        machine: What `machine` returned.
    """
    path = _path(model, machine)
    try:
        if path is None or not path.exists() or path.stat().st_size > _LARGEST:
            return None
        found = json.loads(regular_file(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, OnnxnnError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("setting"), dict):
        return None
    expected = {"schema": _SCHEMA, "model": model, "machine": dict(machine)}
    if {name: found.get(name) for name in expected} != expected:
        return None
    return _setting(found["setting"])


def write(model: str, machine: Mapping[str, str], setting: Tuned) -> Path | None:
    """Keep a setting; return its file, or None where it cannot be written."""
    path = _path(model, machine)
    if path is None:
        return None
    content = {
        "schema": _SCHEMA,
        "model": model,
        "machine": dict(machine),
        "setting": {
            "threads": setting.threads,
            "workers": setting.workers,
            "batch_size": setting.batch_size,
        },
    }
    text = json.dumps(content, indent=2, sort_keys=True)
    try:
        return write_atomically(path, lambda file: file.write(text.encode("utf-8")), sync=False)
    except (OSError, OnnxnnError):
        return None


def _path(model: str, machine: Mapping[str, str]) -> Path | None:
    import hashlib  # here, because OpenSSL takes megabytes

    folder = cache_folder()
    if folder is None:
        return None
    text = json.dumps(dict(machine), sort_keys=True)
    return folder / "tuning" / f"{model[:32]}-{hashlib.sha256(text.encode('utf-8')).hexdigest()[:16]}.json"


def _setting(found: Mapping[str, object]) -> Tuned | None:
    """Return a setting from a file, None where it is none."""
    threads, workers, batch_size = (found.get(name) for name in ("threads", "workers", "batch_size"))
    if not (is_integer(threads) and 1 <= threads <= MOST_THREADS):
        return None
    if not (is_integer(workers) and 1 <= workers <= MOST_THREADS):
        return None
    if batch_size is None:
        return Tuned(threads, workers)
    if not (is_integer(batch_size) and 1 <= batch_size <= _MOST_SAMPLES):
        return None
    return Tuned(threads, workers, batch_size)
