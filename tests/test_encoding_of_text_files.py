"""Text files are read and written as UTF-8, whatever the default encoding of the system is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from support.paths import ROOT

FOLDERS = ("onnxnn", "runtime/onnxnn_runtime", "cli/onnxnn_cli", "tests", "scripts", "benchmarks")

PLACES = {".read_text": 0, ".write_text": 1, "open": 3}
"""The position of the encoding among the arguments."""

pytestmark = pytest.mark.skipif(not (ROOT / "runtime").is_dir(), reason="the sources are not here")


def without_encoding(code: str) -> Iterator[int]:
    """Yield the line of each call that opens a text file and names no encoding."""
    for call in ast.walk(ast.parse(code)):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.id if isinstance(call.func, ast.Name) else f".{getattr(call.func, 'attr', '')}"
        is_binary = name == "open" and any("b" in str(getattr(mode, "value", "")) for mode in call.args[1:2])
        named = {keyword.arg for keyword in call.keywords} & {"encoding", None}
        if name in PLACES and len(call.args) <= PLACES[name] and not named and not is_binary:
            yield call.lineno


@pytest.mark.parametrize("folder", FOLDERS)
def test_text_files_have_their_encoding(folder):
    found = {
        str(path.relative_to(ROOT)): list(without_encoding(path.read_text(encoding="utf-8")))
        for path in sorted((ROOT / folder).rglob("*.py"))
    }
    assert found
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("call", "lines"),
    [
        ("open('a')", [1]),
        ("open('a', 'w')", [1]),
        ("open('a', 'rb')", []),
        ("open('a', encoding='utf-8')", []),
        ("p.read_text()", [1]),
        ("p.read_text('utf-8')", []),
        ("p.write_text('x')", [1]),
        ("p.write_text('x', encoding='utf-8')", []),
    ],
)
def test_a_call_without_encoding_is_found(call, lines):
    assert list(without_encoding(call)) == lines
