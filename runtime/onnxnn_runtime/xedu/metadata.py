"""What BaseNN and MMEdu wrote into their files: texts of Python and JSON, read without running them."""

from __future__ import annotations

import ast
import codecs
import json
import re
from dataclasses import dataclass
from typing import Mapping

from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.shorten import shortened

_SIZES = re.compile(r"[\[(]\s*\d{1,9}(\s*,\s*\d{1,9})*\s*,?\s*[\])]")
_ENTRY = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*:\s*(\d{1,9})\s*(?:,|\Z)""", re.DOTALL)
_DATASET_TYPES = ("img", "tab", "npz")
_LONGEST = 2**22
"""Characters of a vocabulary."""


@dataclass(frozen=True)
class BaseNNFile:
    """What the metadata of a file say that BaseNN exported.

    Args:
        dataset_type: "img", "tab" or "npz".
        sizes: The sizes of one batch of one sample, such as (1, 3, 32, 32).
        vocabulary: The index of each word; {} where the network reads no text.
    """

    dataset_type: str
    sizes: tuple[int, ...]
    vocabulary: Mapping[str, int]


def basenn_file(name: str, metadata: Mapping[str, str]) -> BaseNNFile:
    """Return what BaseNN wrote into a file.

    Args:
        name: What errors call the file.
        metadata: Its keys and texts.

    Raises:
        CardError: A key is missing, or holds something else.
    """
    missing = [key for key in ("input_size", "dataset_type") if key not in metadata]
    if missing:
        raise CardError.coded(
            "E-CARD-01",
            "{name}: expected a file of onnxnn or BaseNN, but it has no {key} among its metadata. Export it "
            "again, or use onnxnn_runtime.load(...).infer().",
            name=name,
            key=missing[0],
        )
    sizes, kind = metadata["input_size"], metadata["dataset_type"]
    if not _SIZES.fullmatch(sizes):
        raise _wrong(name, "input_size", "[1, 3, 32, 32]", sizes)
    if kind not in _DATASET_TYPES:
        raise _wrong(name, "dataset_type", ", ".join(_DATASET_TYPES), kind)
    numbers = tuple(map(int, re.findall(r"\d+", sizes)))
    if kind == "img" and len(numbers) != 4:
        raise _wrong(name, "input_size", "[1, 3, 32, 32]", sizes)
    return BaseNNFile(kind, numbers, _vocabulary(name, metadata.get("word2idx", "{}")))


def _vocabulary(name: str, text: str) -> Mapping[str, int]:
    """Read a dict of words and indices as Python prints it."""
    found: dict[str, int] = {}
    whole, place = text.strip(), 0
    inside = whole[1:-1].rstrip()
    try:
        if len(text) > _LONGEST or (whole[:1], whole[-1:]) != ("{", "}"):
            raise ValueError
        while place < len(inside):
            entry = _ENTRY.match(inside, place)
            if entry is None:
                raise ValueError
            found[str(ast.literal_eval(entry.group(1)))] = int(entry.group(2))  # a string, nothing else
            place = entry.end()
    except (ValueError, SyntaxError) as error:
        raise _wrong(name, "word2idx", "{'a': 0, 'b': 1}", text) from error
    return found


@dataclass(frozen=True)
class MMEduFile:
    """What the metadata of a file say that MMEdu exported.

    Args:
        codebase: "MMCls" for classes of images.
        backbone: The network, such as "MobileNet", from which the preprocessing follows.
        classes: Their names in order; () where the file has none.
    """

    codebase: str
    backbone: str
    classes: tuple[str, ...]


def mmedu_file(name: str, metadata: Mapping[str, str]) -> MMEduFile:
    """Return what MMEdu wrote into a file.

    Args:
        name: What errors call the file.
        metadata: Its keys and texts.

    Raises:
        CardError: The key is missing, or holds something else.
    """
    if "MODEL_INFO" not in metadata:
        raise CardError.coded(
            "E-CARD-01",
            "{name}: expected a file of onnxnn or of MMEdu 0.1.15 or newer, but it has no MODEL_INFO among "
            "its metadata. Export it again.",
            name=name,
        )
    text = metadata["MODEL_INFO"]
    try:
        found = json.loads(codecs.decode(text, "unicode_escape"))
        classes = found.get("classes") or ()
        if not isinstance(classes, (list, tuple)):
            raise ValueError
        return MMEduFile(str(found["codebase"]), str(found["modelname"]), tuple(map(str, classes)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _wrong(name, "MODEL_INFO", '{"codebase": "MMCls", "modelname": "MobileNet"}', text) from error


def _wrong(name: str, key: str, expected: str, got: str) -> CardError:
    return CardError.coded(
        "E-CARD-02",
        "{name}: expected {key} to be like {expected}, got {got}. Export the file again.",
        name=name,
        key=key,
        expected=expected,
        got=shortened(got),
    )
