"""The arrows between the packages: onnxnn_cli -> onnxnn -> onnxnn_runtime, never the other way.

Each package is imported in a fresh interpreter, which then prints what came with it.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
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


def imports_of(path: Path) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    """Yield each import of a file: whether it is for type checkers alone, and for some Pythons alone."""
    waiting: list[tuple[ast.AST, bool, bool]] = [(ast.parse(path.read_text(encoding="utf-8")), False, False)]
    while waiting:
        node, for_checkers, for_some = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, for_checkers, for_some
        if isinstance(node, ast.If):
            test = ast.unparse(node.test)
            inside = (for_checkers or test == "TYPE_CHECKING", for_some or "version_info" in test)
            waiting += [(each, *inside) for each in node.body]
            waiting += [(each, for_checkers, for_some) for each in node.orelse]
        else:
            waiting += [(each, for_checkers, for_some) for each in ast.iter_child_nodes(node)]


def imported_in(folder: Path) -> dict[str, set[str]]:
    """Return the top-level modules that each source file imports anywhere, functions included.

    `typing_extensions` does not count where it is for type checkers alone, which bring it.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        names = found.setdefault(str(path.relative_to(ROOT)), set())
        for node, for_checkers, _ in imports_of(path):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif node.level == 0 and node.module and not (for_checkers and node.module == EXTENSIONS):
                names.add(node.module.split(".")[0])
    return found


EXTENSIONS = "typing_extensions"
STANDARD = sys.stdlib_module_names - {"pickle"}  # nothing read from a file may run code
PICKLE = "runtime/onnxnn_runtime/files/plain_pickle.py"
"""The one file with an unpickler, which imports and calls nothing."""

ALLOWED = {
    "runtime/onnxnn_runtime": {"PIL", "numpy", "onnxnn_runtime", "onnxruntime", "pkg_resources"},
    "onnxnn": {
        *("PIL", "lightning_fabric", "matplotlib", "numpy", "onnx", "onnxnn", "onnxnn_runtime"),
        *("onnxruntime", "torch", "tqdm", "typing_extensions", "yaml"),
    },
    "cli/onnxnn_cli": {"PIL", "numpy", "onnxnn_cli", "onnxnn_runtime", "typer"},
}
"""What the source files of each package may import beside the standard library."""

EXTRAS = {
    "runtime/onnxnn_runtime/server/": {"python_multipart", "starlette", "uvicorn"},
    "runtime/onnxnn_runtime/broker/": {"paho"},
    "onnxnn/studio/": {"starlette"},
    "runtime/onnxnn_runtime/gallery/qdrant_engine.py": {"qdrant_client"},
    "runtime/onnxnn_runtime/session/openvino_session.py": {"openvino"},
}
"""What these files may import, too: the extras `serve`, `mqtt`, `qdrant` and `openvino` bring it."""


@pytest.mark.skipif(not (ROOT / "runtime").is_dir(), reason="the sources are not here")
@pytest.mark.parametrize("folder", ALLOWED)
def test_source_files_import_what_their_package_may(folder):
    imports = imported_in(ROOT / folder)
    assert len(imports) > 5
    refused = {path: names - ALLOWED[folder] - STANDARD for path, names in imports.items()}
    if PICKLE in refused:
        refused[PICKLE] -= {"pickle"}
    for path in refused:
        for part, packages in EXTRAS.items():
            refused[path] -= packages if path.startswith(part) else set()
    assert {path: names for path, names in refused.items() if names} == {}


OF_PYTHON_3_8 = {"concurrent.futures.Future", "typing.Literal", "typing.Protocol", "typing.TypedDict"}


@pytest.mark.skipif(not (ROOT / "runtime").is_dir(), reason="the sources are not here")
@pytest.mark.parametrize("folder", ["runtime/onnxnn_runtime", "cli/onnxnn_cli"])
def test_type_checkers_of_old_pythons_know_what_they_import(folder):
    """What an old Python does not have makes a signature wrong there, without an error."""
    newer = {
        f"{path.name}: {node.module}.{alias.name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node, for_checkers, for_some in imports_of(path)
        if for_checkers and not for_some and isinstance(node, ast.ImportFrom) and node.level == 0
        for alias in node.names
        if (node.module or "").split(".")[0] in STANDARD
        and f"{node.module}.{alias.name}" not in OF_PYTHON_3_8
    }
    assert newer == set()
