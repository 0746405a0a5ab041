"""Messages give the reason of an error of the system with `system_reason`, in the user's language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

OF_THE_SYSTEM = {"OSError", "IOError", "PermissionError", "FileNotFoundError", "Exception", "BaseException"}

REASONS = {
    "onnxnn/basenn/child.py: {error}": "what unpickled classes raise, for the parent process",
    "onnxnn/data/reading.py: str(error)": "what a transform of the user raises; it may name a file",
    "onnxnn/layers/custom.py: error=error": "what a custom module raises; it may name a file",
    "onnxnn/quantization/running.py: error=error": "what ONNX Runtime raises; two places",
    "onnxnn/training/learner.py: error=error": "what a custom module raises; it may name a file",
    "runtime/onnxnn_runtime/server/app.py: exc_info=error": "the log has the whole traceback",
    "runtime/onnxnn_runtime/files/paths.py: str(found)": "what __fspath__ of a custom object raises",
}
"""Places that print such an error in another way, and why."""


def catches_the_system(handler: ast.ExceptHandler) -> bool:
    caught = (
        {each.id for each in ast.walk(handler.type) if isinstance(each, ast.Name)} if handler.type else set()
    )
    return bool(caught & OF_THE_SYSTEM)


def printed(handler: ast.ExceptHandler) -> Iterator[str]:
    """Return the expressions that print the error of a handler with its number and in English."""

    def is_error(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == handler.name

    for node in ast.walk(handler):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("str", "repr")
            and is_error(node.args[0])
        ):
            yield ast.unparse(node)
        if isinstance(node, ast.Call):
            yield from (ast.unparse(each) for each in node.keywords if is_error(each.value))
        if isinstance(node, ast.FormattedValue) and is_error(node.value):
            yield ast.unparse(node)


def found(code: str) -> list[str]:
    handlers = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ExceptHandler)]
    return [each for handler in handlers if catches_the_system(handler) for each in printed(handler)]


def test_errors_of_the_system_are_given_by_their_reason():
    places = [
        f"{path.relative_to(ROOT).as_posix()}: {each}"
        for folder in ("runtime/onnxnn_runtime", "onnxnn", "cli/onnxnn_cli")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for each in found(path.read_text(encoding="utf-8"))
    ]
    assert sorted({*places}) == sorted(REASONS)


@pytest.mark.parametrize(
    ("caught", "does", "count"),
    [
        ("OSError", "say('{reason}', reason=error)", 1),
        ("(ValueError, OSError)", "say(printable(str(error)))", 1),
        ("Exception", "say(f'it fails: {error}')", 1),
        ("OSError", "say('{reason}', reason=system_reason(error))", 0),
        ("ValueError", "say('{reason}', reason=error)", 0),
    ],
)
def test_what_counts(caught, does, count):
    assert len(found(f"try:\n    pass\nexcept {caught} as error:\n    {does}\n")) == count
