"""Messages print shapes with `shape_text`, so that all of them read alike."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CATALOGUE = ("gettext", "ngettext", "coded")
NAMES = ("shape", "expected", "got")
NOT_SHAPES = ("shape_text", "len")

REASONS = {
    "onnxnn/inspection/render.py: size=' x '.join(map(str, values.shape))": "a caption: width x height",
    "runtime/onnxnn_runtime/card/diffusion.py: shape=shortened(self.shape)": "what a card gives, of any type",
    "runtime/onnxnn_runtime/server/tensors.py: found=shortened(list(self.shape))": "what a request gives",
}
"""Shapes that messages print in another way, and why."""


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else str(getattr(call.func, "attr", ""))


def has_raw_shape(node: ast.AST) -> bool:
    """Return whether an expression prints the `shape` of an array otherwise than with `shape_text`."""
    if isinstance(node, ast.Call) and name_of(node) in NOT_SHAPES:
        return False
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
        return has_raw_shape(node.slice)  # the size along one axis
    if isinstance(node, ast.Attribute):
        return node.attr == "shape"
    return any(has_raw_shape(each) for each in ast.iter_child_nodes(node))


def raw_shapes(code: str) -> Iterator[str]:
    """Return the arguments of messages that are shapes without `shape_text`."""
    for call in ast.walk(ast.parse(code)):
        if not isinstance(call, ast.Call) or name_of(call) not in CATALOGUE:
            continue
        for argument in call.keywords:
            value = argument.value
            is_call = isinstance(value, ast.Call) and name_of(value) == "tuple"
            is_tuple = is_call or isinstance(value, ast.Tuple)
            if has_raw_shape(value) or (argument.arg in NAMES and is_tuple):
                yield f"{argument.arg}={ast.unparse(value)}"


def found() -> list[str]:
    return [
        f"{path.relative_to(ROOT).as_posix()}: {raw}"
        for folder in ("runtime/onnxnn_runtime", "onnxnn", "cli/onnxnn_cli")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for raw in raw_shapes(path.read_text(encoding="utf-8"))
    ]


def test_messages_print_shapes_in_one_way():
    assert sorted(found()) == sorted(REASONS)


@pytest.mark.parametrize(
    ("code", "is_raw"),
    [
        ("gettext('{got}', got=x.shape)", True),
        ("InputError.coded('E', '{got}', got=tuple(x.shape))", True),
        ("coded('E', '{got}', got=tuple(sizes))", True),
        ("coded('E', '{got}', got=(1, 2))", True),
        ("gettext('{size}', size=', '.join(map(str, x.shape[1:])))", True),
        ("gettext('{got}', got=f'{x.dtype} {x.shape}')", True),
        ("gettext('{got}', got=shape_text(x.shape))", False),
        ("gettext('{got}', got=x.shape[0])", False),
        ("gettext('{got}', got=len(x.shape))", False),
        ("print(x.shape)", False),
    ],
)
def test_what_counts_as_raw(code, is_raw):
    assert bool(list(raw_shapes(code))) == is_raw
