"""Every text for people goes through the catalogue, and has a Chinese translation."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
from onnxnn_runtime.messages.codes import CODES
from support.catalogue import messages_script

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("runtime/onnxnn_runtime", "cli/onnxnn_cli", "onnxnn")

# Exceptions that never reach people: what they say becomes part of an error of ours, or they are caught.
INTERNAL: tuple[str, ...] = (
    "not_available",  # takes what was asked for as code, "device='cuda'", and words the rest
)

_SAYING = ("warn", "print", "say", "echo", "secho", "note", "print_text", "print_table", "BadParameter")
_CATALOGUE = ("coded", "gettext", "gettext_noop", "ngettext")
_LOOKED_UP = (ast.Name, ast.Attribute, ast.Subscript)  # a text that gettext_noop marked


def modules():
    for source in SOURCES:
        yield from sorted((ROOT / source).rglob("*.py"))


def name_of(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def is_literal(node: ast.expr) -> bool:
    """Return whether an expression is text that is written here and has words."""
    if isinstance(node, ast.BinOp):
        return is_literal(node.left) or is_literal(node.right)
    if isinstance(node, ast.JoinedStr):
        return any(is_literal(part) for part in node.values)
    if isinstance(node, ast.IfExp):
        return is_literal(node.body) or is_literal(node.orelse)
    return (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and any(map(str.isalpha, node.value))
    )


def texts_past_the_catalogue(tree: ast.AST) -> list[int]:
    """Return the lines that raise, warn or print a text that was never looked up."""
    lines = []
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call):
            continue
        if any(each.arg == "help" and is_literal(each.value) for each in call.keywords):
            lines.append(call.lineno)
        name = name_of(call.func)
        if not call.args or name in _CATALOGUE:
            continue
        says = name in _SAYING or (isinstance(node, ast.Raise) and name not in INTERNAL)
        if (says or name.endswith("Error")) and name not in INTERNAL and is_literal(call.args[0]):
            lines.append(call.lineno)
    return sorted(set(lines))


def calls(tree: ast.AST):
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and name_of(node.func) in _CATALOGUE
        if is_call and (isinstance(node.func, ast.Name) or node.func.attr == "coded"):
            yield node


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_text_is_looked_up(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert texts_past_the_catalogue(tree) == []
    for call in calls(tree):
        name, where = name_of(call.func), f"{path.name}:{call.lineno}"
        if name == "gettext" and isinstance(call.args[0], _LOOKED_UP):
            continue
        count = 2 if name in ("coded", "ngettext") else 1
        assert all(isinstance(each, ast.Constant) for each in call.args[:count]), where
        if name == "coded":
            assert call.args[0].value in CODES, where
        given = {keyword.arg for keyword in call.keywords} | ({"count"} if name == "ngettext" else set())
        message = call.args[1 if name == "coded" else 0].value
        if name != "gettext_noop":  # its values are given where it is looked up
            assert fields(message) <= given, where


def is_kind(node: ast.expr) -> bool:
    """Return whether an expression is the kind of an input or output, which is an English word."""
    if isinstance(node, ast.Call) and name_of(node.func) in ("repr", "shortened"):
        node = node.args[0]
    owners = ("data", "described", "input", "output", "own", "spec")
    return isinstance(node, ast.Attribute) and node.attr == "kind" and name_of(node.value) in owners


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_values_of_messages_are_no_english_words(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = [call.lineno for call in calls(tree) if any(is_kind(each.value) for each in call.keywords)]
    assert kinds == [], "kind_name names them"
    joined = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Constant)
        and (node.value.value, node.attr) == ("; ", "join")
    ]
    assert joined == [], 'gettext("; ").join'


def fields(message: str) -> set[str]:
    """Return the names of the values of a message, without their formats."""
    return {name.partition(".")[0] for _, name, _, _ in string.Formatter().parse(message) if name is not None}


@pytest.fixture(scope="module")
def script():
    return messages_script()


@pytest.mark.parametrize("package", SOURCES)
def test_the_catalogue_is_up_to_date(script, package):
    assert script.is_up_to_date(package), "run scripts/messages.py"
    assert b"POT-Creation-Date: 2026-01-01" in script.po_file(package).with_suffix(".mo").read_bytes()


@pytest.mark.parametrize("package", SOURCES)
def test_every_message_has_a_translation_with_the_same_values(script, package):
    catalogue = script.updated(package)
    assert script.untranslated(catalogue) == []
    for message in catalogue:
        if not message.id:
            continue
        english = message.id if isinstance(message.id, tuple) else (message.id,)
        chinese = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in chinese:
            assert fields(text) == set().union(*map(fields, english)), english
            assert any("\u3000" <= character <= "\uffef" for character in text) or text in english, english


CHINESE = "[\u4e00-\u9fff]"
MISPRINTS = {
    f"{CHINESE} {CHINESE}": "a space between Chinese words",
    f"{CHINESE}[A-Za-z0-9`]|[A-Za-z0-9`]{CHINESE}": "no space between Chinese and Latin letters or digits",
    f"{CHINESE}[;:!?]|[,;!?]{CHINESE}": "half-width punctuation in a Chinese sentence",
    "[，。；：、（] | [，。；：、）]": "a space beside full-width punctuation",
}


@pytest.mark.parametrize("package", SOURCES)
def test_chinese_is_set_as_in_print(script, package):
    for message in script.updated(package):
        for text in message.string if isinstance(message.string, tuple) else (message.string,):
            for pattern, problem in MISPRINTS.items():
                assert not re.search(pattern, text), (problem, text)
