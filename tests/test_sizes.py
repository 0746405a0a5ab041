"""Functions and files of a readable size, and options that are passed on whole."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from onnxnn_runtime.diffusion.options import SamplingOptions
from onnxnn_runtime.generation.options import GenerationOptions
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.opening import Opening
from onnxnn_runtime.tables.options import CsvOptions
from support.paths import ROOT

from onnxnn.data.options import ArrayOptions, ImageOptions, TableOptions
from onnxnn.export.options import ExportOptions
from onnxnn.training.device_options import DeviceOptions
from onnxnn.training.settings import TrainSettings

LARGEST_FILE = 400  # lines
LARGEST_FUNCTION = 60
MOST_POSITIONAL = 7
MOST_OF_OPTIONS = 4  # that a computation takes one by one

OPTIONS = (
    *(ArrayOptions, ExportOptions, GenerationOptions, ImageOptions),
    *(Opening, SamplingOptions, TrainSettings, TableOptions),
)

PUBLIC = (
    "onnxnn/network",
    *(f"runtime/onnxnn_runtime/{name}.py" for name in ("loading", "model", "tables/reader")),
)
"""Where the calls of users list options, which they pass on as one object."""

pytestmark = pytest.mark.skipif(not (ROOT / "runtime").is_dir(), reason="the sources are not here")

SOURCES = {
    path.relative_to(ROOT): path.read_text(encoding="utf-8")
    for folder in ("onnxnn", "runtime/onnxnn_runtime", "cli/onnxnn_cli")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def functions() -> Iterator[tuple[Path, ast.FunctionDef]]:
    """Yield every function of the packages, with its file."""
    for path, text in SOURCES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                yield path, node


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


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.__name__)
def test_options_are_listed_by_their_class_and_by_public_calls_alone(options):
    fields = {field.name for field in dataclasses.fields(options)}
    listing = [
        f"{path} {node.name}"
        for path, node in functions()
        if len(fields & {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}) > MOST_OF_OPTIONS
        and not path.as_posix().startswith(PUBLIC)
    ]
    assert listing == []


@pytest.mark.parametrize(
    "options",
    [
        CsvOptions,
        DeviceOptions,
        ExportOptions,
        GenerationOptions,
        Opening,
        ReadOptions,
        SamplingOptions,
        TrainSettings,
    ],
    ids=lambda options: options.__name__,
)
def test_options_are_listed_by_one_signature_at_most(options):
    """Others take the fields of the class; see `onnxnn_runtime.api.options`."""
    fields = {field.name for field in dataclasses.fields(options)}
    listing = {
        f"{path} {node.name}"
        for path, node in functions()
        if len(fields & {each.arg for each in (*node.args.args, *node.args.kwonlyargs)})
        >= min(len(fields), MOST_OF_OPTIONS + 1)
    }
    assert len(listing) <= 1


def test_type_checkers_see_the_fields_of_read_options():
    path = "runtime/onnxnn_runtime/inputs/options.py"
    classes = [each for each in ast.walk(ast.parse(SOURCES[Path(path)])) if isinstance(each, ast.ClassDef)]
    listed = {
        each.name: [
            (ast.unparse(line.target), ast.unparse(line.annotation))
            for line in each.body
            if isinstance(line, ast.AnnAssign)
        ]
        for each in classes
    }
    assert listed["Reading"] == listed["ReadOptions"]
    assert listed["Reading"]
