"""The tests themselves: they mirror the source, are of a readable size, and each can fail."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT, TESTS

SOURCES = {
    TESTS: ROOT / "onnxnn",
    TESTS / "runtime": ROOT / "runtime/onnxnn_runtime",
}
"""Folders of tests whose folders stand for those of a package."""

WITHOUT_SOURCE = {
    "cli": "the tests of cli/onnxnn_cli",
    "fuzz": "hostile files for every part of all packages",
    "golden": "files that tests compare with",
    "runtime": "the tests of runtime/onnxnn_runtime",
    "support": "what several files of tests need",
    "typing": "scripts for the type checker",
}

LARGEST = 400  # lines

CHECKS = {"raises", "warns", "deprecated_call", "fail"}

POSIX_ONLY = re.compile(
    r"os\.(?:fork|mkfifo|symlink|link|getuid|geteuid|setuid)\b|\.symlink_to\(|socket_at|SIGKILL|'/(?:dev|proc)/"
    r"|import resource"
)
"""What Windows lacks, in code as `ast.unparse` writes it."""

GUARDS = re.compile(r"\bposix\b|skipif|skip\(|mark\.slow|hasattr\(os")
"""What leaves such a test out there; slow tests run on Linux alone."""

pytestmark = pytest.mark.skipif(not (ROOT / "runtime").is_dir(), reason="the sources are not here")


@functools.lru_cache(maxsize=1)
def trees() -> dict[Path, ast.Module]:
    """Return every file of tests, parsed."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(TESTS.rglob("*.py"))}


def folders_of(folder: Path) -> set[str]:
    """Return the names of the folders in a folder that hold modules."""
    return {path.relative_to(folder).parts[0] for path in folder.rglob("*.py") if path.parent != folder}


@pytest.mark.parametrize("tests", SOURCES, ids=lambda path: path.name)
def test_folders_of_tests_are_named_as_those_of_the_source(tests):
    allowed = folders_of(SOURCES[tests]) | (set(WITHOUT_SOURCE) if tests == TESTS else set())
    assert folders_of(tests) - allowed == set()


def test_no_file_is_too_long():
    lines = {str(path.relative_to(TESTS)): path.read_text(encoding="utf-8").count("\n") for path in trees()}
    assert {name: number for name, number in lines.items() if number > LARGEST} == {}


def test_no_two_files_have_one_name():
    names = [path.name for path in trees() if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield the functions in a module, those within functions and classes too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def called(node: ast.AST) -> Iterator[str]:
    """Yield the names that are called, without what stands before the last dot."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            function = call.func
            yield getattr(function, "attr", None) or getattr(function, "id", "")


def checks(function: ast.FunctionDef, checking: set[str]) -> bool:
    """Whether a function asserts, expects an error or warning, or calls one that does."""
    if any(isinstance(node, ast.Assert) for node in ast.walk(function)):
        return True
    return any(name in checking or name.startswith(("assert_", "check_")) for name in called(function))


def test_every_test_can_fail():
    checking = set(CHECKS)
    helpers = [
        each for tree in trees().values() for each in functions(tree) if not each.name.startswith("test_")
    ]
    while found := {each.name for each in helpers if each.name not in checking and checks(each, checking)}:
        checking |= found
    idle = [
        f"{path.relative_to(TESTS)}: {each.name}"
        for path, tree in trees().items()
        for each in functions(tree)
        if each.name[:5] == "test_" and not checks(each, checking)
    ]
    assert idle == []


def unguarded(tree: ast.Module) -> Iterator[str]:
    """Yield the tests that need POSIX, or a function of their module that does, and run on Windows too."""
    marks = [each for each in tree.body if isinstance(each, ast.Assign)]
    if any(GUARDS.search(ast.unparse(each)) for each in marks if "pytestmark" in ast.unparse(each)):
        return
    texts = {each.name: ast.unparse(each) for each in functions(tree)}
    needing = {name for name, text in texts.items() if POSIX_ONLY.search(text)}
    for name, text in texts.items():
        used = needing & {name, *re.findall(r"\w+", text)}
        if name[:5] == "test_" and used and not GUARDS.search(text):
            yield name


def test_tests_that_need_posix_are_left_out_on_windows():
    bare = {str(path.relative_to(TESTS)): list(unguarded(tree)) for path, tree in trees().items()}
    assert {path: names for path, names in bare.items() if names} == {}


def test_a_test_that_needs_posix_by_a_fixture_is_found():
    code = "def pipe(): os.mkfifo('x')\ndef test_a(pipe): assert pipe\n"
    assert list(unguarded(ast.parse(code))) == ["test_a"]
    assert list(unguarded(ast.parse(code.replace("def test_a", "@posix\ndef test_a")))) == []
