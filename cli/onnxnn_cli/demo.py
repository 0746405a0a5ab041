"""`onnxnn demo`: the whole way on real handwritten digits, from `add()` to a prediction without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict

import typer

from .options import JSON
from .output import need_onnxnn, note, print_json, print_table, progress_on_stderr


def demo(
    out: str = typer.Option("demo", "--out", "-o", metavar="FOLDER", help="Where the files go."),
    quick: bool = typer.Option(False, "--quick", help="Train for a shorter time, with a worse encoder."),
    as_json: bool = JSON,
) -> None:
    """Train, export and run an encoder of real digits.

    The exported file is then used in a process without torch. Needs the training package.

    Example: onnxnn demo --quick
    """
    start = time.perf_counter()
    training = need_onnxnn("demo", "onnxnn.demo")
    folder = Path(out).resolve()
    note(f"1/3  writing handwritten digits as pictures to {folder}")
    training.write_pictures(folder)
    note("2/3  training an encoder with add(), then exporting it")
    with progress_on_stderr():
        model = training.train_encoder(folder, quick=quick)
    note("3/3  using the exported file in another process, where torch cannot be imported")
    found = _compare_elsewhere(folder)
    found["seconds"] = time.perf_counter() - start
    found["model"] = str(model)
    if as_json:
        print_json(found)
    else:
        _report(found, folder)


def _compare_elsewhere(folder: Path) -> Dict[str, Any]:
    """Run `demo_compare` in a fresh interpreter and return its figures."""
    child = subprocess.run(
        [sys.executable, "-m", "onnxnn_cli.demo_compare", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    if child.returncode != 0:
        raise ImportError("the demo's second process failed; its own message stands above.")
    found: Dict[str, Any] = json.loads(child.stdout.decode("utf-8"))
    return found


def _report(found: Dict[str, Any], folder: Path) -> None:
    print("\nHow often is the most similar training digit the same digit?\n")
    rows = [
        (title, found[name]["num"], f"{found[name]['encoder']:.4f}", f"{found[name]['pixels']:.4f}")
        for title, name in (
            ("held-out digits as they are", "held_out"),
            ("shifted and turned a little", "moved"),
        )
    ]
    print_table([("", "digits", "encoder", "raw pixels"), *rows])
    importable = "could" if found["torch_importable"] else "could not"
    print(
        f"\nThe process that computed this {importable} import torch. It embedded "
        f"{found['vectors_per_second']:.0f} pictures a second into {found['dimension']} numbers each."
    )
    print(f"\nmodel    {found['model']}")
    print(f"picture  {found['picture']}")
    print(f"digits   {folder}{os.sep}train, held_out, moved")
    print(f"\nDone in {found['seconds']:.0f} seconds.")
