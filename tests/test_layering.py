"""The arrows between the packages: onnxnn_cli -> onnxnn -> onnxnn_runtime, never the other way.

Each package is imported in a fresh interpreter, which then prints what came with it.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

_REPORT = "import json, sys; {}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"


def modules_after(code: str, folder: Path) -> set[str]:
    """Return the top-level modules that are loaded after running `code` in a fresh interpreter."""
    child = subprocess.run(
        [sys.executable, "-c", _REPORT.format(code)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(child.stdout.strip().splitlines()[-1]))


def test_cli_starts_without_torch(tmp_path):
    loaded = modules_after("import onnxnn_cli.main", tmp_path)
    assert "onnxnn_cli" in loaded
    assert not loaded & {"torch", "onnx", "cv2", "matplotlib", "onnxnn"}


def test_cli_starts_where_onnxruntime_is_missing(tmp_path):
    loaded = modules_after("import onnxnn_cli.main; assert 'onnxnn_runtime' not in sys.modules", tmp_path)
    assert "onnxruntime" not in loaded


@pytest.mark.needs_torch
def test_training_does_not_import_the_command(tmp_path):
    loaded = modules_after("import onnxnn", tmp_path)
    assert {"onnxnn", "onnxnn_runtime", "torch"} <= loaded
    assert not loaded & {"onnxnn_cli", "typer", "cv2"}


def imported_in(folder: Path) -> dict[str, set[str]]:
    """Return the top-level modules that each source file imports anywhere, functions included."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        names = found.setdefault(str(path.relative_to(ROOT)), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    return found


STANDARD = sys.stdlib_module_names - {"pickle"}  # nothing read from a file may run code
PICKLE = "runtime/onnxnn_runtime/files/plain_pickle.py"
"""The one file with an unpickler, which imports and calls nothing."""

ALLOWED = {
    "runtime/onnxnn_runtime": {"PIL", "numpy", "onnxnn_runtime", "onnxruntime", "pkg_resources"},
    "onnxnn": {
        *("PIL", "lightning_fabric", "matplotlib", "numpy", "onnx", "onnxnn", "onnxnn_runtime"),
        *("torch", "tqdm", "typing_extensions", "yaml"),
    },
    "cli/onnxnn_cli": {"PIL", "numpy", "onnxnn_cli", "onnxnn_runtime", "typer"},
}
"""What the source files of each package may import beside the standard library."""


@pytest.mark.skipif(not (ROOT / "runtime").is_dir(), reason="the sources are not here")
@pytest.mark.parametrize("folder", ALLOWED)
def test_source_files_import_what_their_package_may(folder):
    imports = imported_in(ROOT / folder)
    assert len(imports) > 5
    refused = {path: names - ALLOWED[folder] - STANDARD for path, names in imports.items()}
    if PICKLE in refused:
        refused[PICKLE] -= {"pickle"}
    assert {path: names for path, names in refused.items() if names} == {}
