"""An error says where, what was expected and got, and what to do about it."""

from __future__ import annotations

import ast
import re

import pytest
from support.paths import ROOT

SOURCES = ("runtime/onnxnn_runtime", "cli/onnxnn_cli", "onnxnn")

CODE = re.compile(r"E-[A-Z0-9]+-\d+")

NAMES_WHAT_TO_GIVE = re.compile(r"\bexpected\b|\{hint\}|\{advice\}|\{guess\}", re.IGNORECASE)
"""Where the user wrote the value itself, what was expected is what to write."""

OF_FILES_AND_DATA = re.compile(
    r"E-(?:DATA-(?!09|10)|CARD|CKPT|MODEL|GALLERY|OUTPUT|MEMORY|INPUT-(?:01|02|10)\b)"
)
"""Codes about files and data, which somebody made: what was expected does not say how to come by it."""

INSIDE_A_FILE = re.compile(r"card: |preprocess: |the training state")
"""The begin of what is wrong in a part of a file; the error of the file holds it, and says what to do."""

OF_ANOTHER = "the error that it holds says what to do"
NAMED = "its reason names what to give, to leave out or to add"

ALLOWED = {
    "export({options}): {error}": OF_ANOTHER,
    "fixed_shapes={sizes}: {error}": OF_ANOTHER,
    "optimizer {optimizer}: {wrong}.": NAMED,
    "process {rank} ended training with {error}": "it is an error of the user's code, or of torch",
    "schedule={schedule}: {error}.": NAMED,
    "transform {call}: {problem}": NAMED,
    "{call}: {problems}": NAMED,
    "{error}": OF_ANOTHER,
    "{name}: {problem}.": NAMED,
    "{name}: {reason}": OF_ANOTHER,
    "{path}: {error}": OF_ANOTHER,
    "{source}: {problem}": NAMED,
    "{source}={got}: expected a list or an array with one entry for each sample, such as frame['label'].": (
        "it shows what to give"
    ),
    "{where}: {problem}": NAMED,
}
"""Message -> why it says no more."""


def has_remedy(code, message):
    """Return whether a message has a sentence after the one that says what is wrong."""
    if re.search(
        r"(?:[.?!]|\{\w+\}) (?:(?:[A-Z][a-z]+|A|SECURITY)\b|\{advice\}$)", message
    ) or INSIDE_A_FILE.match(message):
        return True
    return bool(NAMES_WHAT_TO_GIVE.search(message)) and not OF_FILES_AND_DATA.match(code)


def coded():
    """Return (code, message) of every error that has both in one call."""
    found = set()
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call):
                    texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
                    if len(texts) > 1 and CODE.fullmatch(str(texts[0])) and isinstance(texts[1], str):
                        found.add((texts[0], texts[1]))
    return sorted(found)


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("E-INPUT-01", "{path}: no such file.", False),
        ("E-INPUT-01", "{path}: no such file. Check the path.", True),
        ("E-INPUT-06", "{name}={value}: expected one of {known}.", True),
        ("E-DATA-05", "y: expected at least two classes, got one.", False),
        ("E-LAYER-04", "{where}: {error} Give another one.", True),
        ("E-LAYER-04", "{where}: {error}", False),
    ],
)
def test_a_remedy_is_known(code, message, expected):
    assert has_remedy(code, message) == expected


def test_errors_say_what_to_do():
    assert len(coded()) > 800
    lacking = {message for code, message in coded() if not has_remedy(code, message)}
    assert lacking - ALLOWED.keys() == set(), "add what to do, in the imperative"
    assert ALLOWED.keys() - lacking == set(), "they say what to do"
