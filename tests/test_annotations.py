"""What the packages' functions say about their parameters: `Any` is rare, and no user meets it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator

import pytest
from support.paths import ROOT

FOLDERS = ("onnxnn", "runtime/onnxnn_runtime", "cli/onnxnn_cli")
MOST = 25
"""Parameters with `Any`: what is read from JSON, YAML or pickles and is looked at key by key."""


def annotated(folder: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield every parameter with its annotation."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                given = node.args
                found = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
                for each in found:
                    if each is not None and each.annotation is not None:
                        where = f"{path.relative_to(ROOT)}:{node.lineno}"
                        yield f"{where} {node.name}({each.arg})", each.annotation


def test_few_parameters_are_any():
    found = [(name, annotation) for folder in FOLDERS for name, annotation in annotated(folder)]
    assert len(found) > 2000
    anything = [name for name, annotation in found if re.search(r"\bAny\b", ast.unparse(annotation))]
    assert len(anything) <= MOST, "\n".join(anything)


def public_functions(package: str) -> dict[str, object]:
    """Return the public functions of a package, and the methods of its public classes, by name."""
    module, found = importlib.import_module(package), {}
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isclass(thing):
            for key, value in inspect.getmembers(thing):
                function = value.fget if isinstance(value, property) else inspect.unwrap(value)
                ours = inspect.isfunction(function) and function.__module__.startswith("onnxnn")
                if ours and (key == "__init__" or not key.startswith("_")):
                    found[f"{name}.{key}"] = function
        elif callable(thing):
            found[name] = inspect.unwrap(thing)
    return found


@pytest.mark.parametrize("package", ["onnxnn_runtime", pytest.param("onnxnn", marks=pytest.mark.needs_torch)])
def test_no_public_signature_has_any(package):
    found = public_functions(package)
    assert len(found) > 20
    anything = []
    for name, function in found.items():
        for parameter, annotation in inspect.get_annotations(function).items():
            if re.search(r"\bAny\b", str(annotation)):
                anything.append(f"{name}: {parameter}: {annotation}")
    assert anything == []
