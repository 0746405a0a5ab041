"""The child process: opens a BaseNN checkpoint, and with it whatever it runs, and writes plain data.

python -m onnxnn.basenn.child CHECKPOINT FOLDER
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

NO_BASENN = 3
"""The exit code where BaseNN, or something that it needs, is not installed."""

CANNOT_OPEN = 4
"""The exit code where the file is not what BaseNN writes."""


def main(checkpoint: str, folder: str) -> int:
    """Write `network.json` and `tensors.npz` into a folder; say on stderr what went wrong."""
    try:
        importlib.import_module("BaseNN")
    except ImportError as error:
        print(error, file=sys.stderr)
        return NO_BASENN
    try:
        # The user said to trust the file; this is the one place where a pickle is opened.
        loaded = torch.load(checkpoint, map_location="cpu", weights_only=False)
        module, meta = _parts(loaded)
    except Exception as error:  # unpickling foreign classes raises whatever they raise
        traceback.print_exc()
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return CANNOT_OPEN
    description = {"tree": _tree(module), "meta": _meta(meta)}
    tensors = {name: value.detach().cpu().numpy() for name, value in module.state_dict().items()}
    Path(folder, "network.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
    np.savez(Path(folder, "tensors.npz"), **tensors)
    return 0


def _parts(loaded: nn.Module | Mapping[str, Any]) -> tuple[nn.Module, Mapping[str, Any]]:
    """Return the network, with its weights, and what is said about it."""
    if isinstance(loaded, nn.Module):  # what model.save() of BaseNN writes
        return loaded, {}
    meta = loaded.get("meta", {})
    weights = loaded["state_dict"]
    if isinstance(weights, nn.Module):
        return weights, meta
    module: nn.Module = meta["backbone"]
    module.load_state_dict(weights)
    return module, meta


def _tree(module: nn.Module) -> dict[str, Any]:
    own = {name: _plain(value) for name, value in vars(module).items() if not name.startswith("_")}
    return {
        "class": type(module).__name__,
        "options": {name: value for name, value in own.items() if value is not None},
        "parameters": [name for name, _ in module.named_parameters(recurse=False)],
        "children": [[name, _tree(child)] for name, child in module.named_children()],
    }


def _meta(meta: Mapping[str, object]) -> dict[str, Any]:
    found = {name: _plain(value) for name, value in meta.items() if name != "transform"}
    transform = meta.get("transform")
    if transform is not None:
        steps = getattr(transform, "transforms", [transform])
        found["transform"] = [
            {"class": type(step).__name__, "options": {k: _plain(v) for k, v in _public(step).items()}}
            for step in steps
        ]
    return found


def _public(thing: object) -> dict[str, Any]:
    return {name: value for name, value in getattr(thing, "__dict__", {}).items() if not name.startswith("_")}


def _plain(value: object) -> Any:
    """Return plain data as JSON can hold it; None for everything else."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(each)] for key, each in value.items()]
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
