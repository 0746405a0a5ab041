"""Functions and files of a readable size, and options that are passed on whole."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT

LARGEST_FILE = 400  # lines
LARGEST_FUNCTION = 60
MOST_POSITIONAL = 7
MOST_OF_OPTIONS = 4  # that a computation takes one by one

LISTED = {
    "AddOptions": {"onnxnn/kinds/kind.py infer", "onnxnn/kinds/seq2seq.py infer"},
    "LoadOptions": {
        f"onnxnn/network/loading.py {name}"
        for name in ("load_dataset", "load_img_data", "load_npz_data", "load_tab_data")
    },
    "TrainSettings": {"onnxnn/network/cross_validation.py cross_validate"},
    "ReadOptions": {
        "runtime/onnxnn_runtime/bulk/embedder.py __init__",
        "runtime/onnxnn_runtime/bulk/run.py embed_files",
    },
}
"""Functions that list options of a class as well, which is the exception.

`names`, `labels` and `read` of `infer` are of another kind than those of `AddOptions`, with the same names.
Scripts for BaseNN give the options of `LoadOptions` by place, in an order that each loader has of its own.
Cross-validation takes those options of `train` that have a meaning for networks that nobody keeps.
`Embedder` has no progress to report, and the files of `embed_files` have no order of channels.
"""

FOR_CHECKERS = {
    "AddedOptions": "Added",
    "NumberOptions": "Numbers",
    "ReadOptions": "Reading",
    "StreamOptions": "Streaming",
}
"""Classes whose fields calls take by name -> the same fields for type checkers, which cannot derive them."""

PUBLIC = (
    "onnxnn/network",
    "onnxnn/quantization/quantizer.py",
    *(
        f"runtime/onnxnn_runtime/{name}.py"
        for name in ("loading", "model", "tables/reader", "gallery/growing")
    ),
)
"""Where the calls of users list options, which they pass on as one object."""

pytestmark = pytest.mark.skipif(not (ROOT / "runtime").is_dir(), reason="the sources are not here")

SOURCES = {
    path.relative_to(ROOT): path.read_text(encoding="utf-8")
    for folder in ("onnxnn", "runtime/onnxnn_runtime", "cli/onnxnn_cli")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


@functools.lru_cache(maxsize=1)
def functions() -> list[tuple[Path, ast.FunctionDef]]:
    """Return every function of the packages, with its file."""
    return [
        (path, node)
        for path, text in SOURCES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    ]


def length(node: ast.FunctionDef) -> int:
    """Return the lines of a function, its docstring not counted: public calls describe each option."""
    text = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
    described = 0 if text is None else (text.end_lineno or 0) - text.lineno + 1
    return (node.end_lineno or 0) - node.lineno + 1 - described


def positional(node: ast.FunctionDef) -> list[str]:
    """Return the names of the arguments that a call may give by position, without the object itself."""
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def test_no_file_is_too_long():
    lines = {str(path): text.count("\n") for path, text in SOURCES.items()}
    assert {path: number for path, number in lines.items() if number > LARGEST_FILE} == {}


def test_no_function_is_too_long():
    lines = {f"{path} {node.name}": length(node) for path, node in functions()}
    assert {name: number for name, number in lines.items() if number > LARGEST_FUNCTION} == {}


def test_no_function_takes_too_many_arguments_by_position():
    counts = {f"{path} {node.name}": len(positional(node)) for path, node in functions()}
    assert {name: number for name, number in counts.items() if number > MOST_POSITIONAL} == {}


def options_classes() -> Iterator[ast.ClassDef]:
    """Yield every dataclass of options: those whose names say so."""
    nodes = (node for text in SOURCES.values() for node in ast.walk(ast.parse(text)))
    classes = (node for node in nodes if isinstance(node, ast.ClassDef))
    for node in classes:
        is_named = node.name.endswith(("Options", "Settings", "Opening"))
        if is_named and "dataclass" in map(decorator, node.decorator_list):
            yield node


def decorator(node: ast.expr) -> str:
    """Return the name of a decorator, without its arguments."""
    return ast.unparse(node.func if isinstance(node, ast.Call) else node).split(".")[-1]


def own_fields(node: ast.ClassDef) -> list[tuple[str, str]]:
    """Return name and type of the fields that a class has beside those of its bases."""
    lines = [line for line in node.body if isinstance(line, ast.AnnAssign)]
    found = [(ast.unparse(line.target), ast.unparse(line.annotation)) for line in lines]
    return [(name, kind) for name, kind in found if not name.startswith("_")]


CLASSES = {node.name: node for node in options_classes()}


def test_options_classes_are_found():
    assert {"DeviceOptions", "Opening", "TableOptions", "TrainSettings"} <= set(CLASSES)


def signatures_with(names: set[str]) -> set[str]:
    """Return the functions that take most of the options of a class one by one, five at the most."""
    most = min(len(names), max(3, min(MOST_OF_OPTIONS + 1, len(names) // 2 + 1)))
    return {
        f"{path} {node.name}"
        for path, node in functions()
        if len(names & {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}) >= most
    }


@pytest.mark.parametrize("name", CLASSES)
def test_options_are_listed_by_one_public_signature_at_most(name):
    """Others take the fields of the class; see `onnxnn_runtime.api.options`."""
    listing = signatures_with({field for field, _ in own_fields(CLASSES[name])}) - LISTED.get(name, set())
    assert len(listing) <= 1
    assert all(each.startswith(PUBLIC) for each in listing)


def test_each_exception_is_needed():
    for name, expected in LISTED.items():
        found = signatures_with({field for field, _ in own_fields(CLASSES[name])})
        assert expected <= found


@pytest.mark.parametrize("name", FOR_CHECKERS)
def test_type_checkers_see_the_fields_of_options(name):
    typed = next(
        node
        for text in SOURCES.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef) and node.name == FOR_CHECKERS[name]
    )
    assert own_fields(typed) == own_fields(CLASSES[name])
    assert own_fields(typed)


def test_every_call_by_name_has_options_that_type_checkers_see():
    named = {
        ast.unparse(each.args[0])
        for _, node in functions()
        for each in node.decorator_list
        if isinstance(each, ast.Call) and decorator(each) == "takes_by_name"
    }
    assert named == set(FOR_CHECKERS)
