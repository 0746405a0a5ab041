"""Mutants of real model files of every kind, through every call that takes one.

Case `number` picks a file, damages its bytes, its protobuf fields or its card, opens it and uses it. The
files are those of tests/golden/models, and networks exported from torch where FUZZ_EXPORTED names a
folder of them (tests/support/export_for_boards.py writes one).
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import random
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
import typer
from onnxnn_cli.info import info
from onnxnn_cli.verify import verify
from support.mutations import mutate_bytes, mutate_data
from support.paths import GOLDEN
from support.protobuf import SCHEMA, Fields, parse, serialize

NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    10,
    11,
    16,
    127,
    255,
    1000,
    2**31 - 1,
    2**31,
    2**32,
    10**9,
    2**62,
    2**63 - 1,
    -1,
    -2,
)
NAMES = (
    b"",
    b"input",
    b"output",
    b"Identity",
    b"Loop",
    b"If",
    b"Div",
    b"Relu",
    b"x",
    b"batch",
    b"\xff\xfe",
    b"label",
)
LARGEST = 200_000
"""Bytes of the largest file that is used: damage to larger ones hits weights alone."""


@functools.cache
def originals() -> list[tuple[str, bytes]]:
    """Return the name and the bytes of every file that mutants are made of."""
    folders = [GOLDEN / "models"]
    if os.environ.get("FUZZ_EXPORTED"):
        folders.append(Path(os.environ["FUZZ_EXPORTED"]))
    files = sorted(path for folder in folders for path in folder.glob("*.onnx"))
    return [(path.name, path.read_bytes()) for path in files if path.stat().st_size <= LARGEST]


def mutant(number: int) -> tuple[str, bytes]:
    """Return what case `number` is made of, and its bytes."""
    stream = random.Random(number)
    name, data = stream.choice(originals())
    change = stream.choice(("bytes", "fields", "fields", "card"))
    if change == "bytes":
        return f"{name}, bytes", mutate_bytes(data, stream)
    fields = parse(data)
    if change == "card":
        return f"{name}, card", serialize(_change_card(fields, stream))
    for _ in range(stream.choice((1, 1, 2, 3))):
        fields = _change_fields(fields, "model", stream)
    return f"{name}, fields", serialize(fields)


def _change_card(fields: Fields, stream: random.Random) -> Fields:
    changed = list(fields)
    for place, (number, wire, value) in enumerate(changed):
        entry = {key: inside for key, _, inside in value} if number == 14 else {}
        if entry.get(1) == b"onnxnn":
            card = json.loads(entry[2].decode())
            for _ in range(stream.choice((1, 1, 2, 3))):
                card = mutate_data(card, stream)
            text = json.dumps(card).encode()
            changed[place] = (number, wire, [(1, 2, b"onnxnn"), (2, 2, text)])
    return changed


def _change_fields(fields: Fields, message: str, stream: random.Random) -> Fields:
    """Return the fields of a message with one changed, here or in a message inside."""
    changed = list(fields)
    if not changed:
        return [(stream.randrange(1, 16), 0, stream.choice(NUMBERS))]
    place = stream.randrange(len(changed))
    number, wire, value = changed[place]
    if isinstance(value, list) and stream.random() < 0.85:
        changed[place] = (number, wire, _change_fields(value, SCHEMA[message].get(number, "dim"), stream))
        return changed
    change = stream.randrange(6)
    if change == 0:
        del changed[place]
    elif change == 1:
        changed.insert(stream.randrange(len(changed) + 1), changed[place])
    elif change == 2:
        changed[place] = (stream.randrange(1, 26), wire, value)
    elif change == 3:
        other = stream.randrange(len(changed))
        changed[place], changed[other] = changed[other], changed[place]
    elif isinstance(value, int):
        changed[place] = (number, wire, stream.choice((value + 1, value - 1, *NUMBERS)))
    elif isinstance(value, bytes):
        changed[place] = (number, wire, stream.choice((mutate_bytes(value, stream), *NAMES)))
    else:
        changed[place] = (number, wire, stream.choice((b"", [], value + value)))
    if changed and changed[0][1] in (1, 5):
        return fields  # of a size that cannot be written
    return [each for each in changed if each[1] not in (1, 5) or len(each[2]) == (8 if each[1] == 1 else 4)]


def check(number: int) -> None:
    """Open case `number` and use it; raises what `onnxnn` raises."""
    _, data = mutant(number)
    use(data)


def use(data: bytes) -> None:
    """Open a file and make every call: each may answer or raise an OnnxnnError, whose message is judged."""
    warnings.simplefilter("ignore")
    model = rt.load(data, device="cpu", threads=1)
    repr(model)
    problems: list[rt.OnnxnnError] = []
    for call in _calls(model, data):
        try:
            call()
        except rt.OnnxnnError as error:
            problems.append(error)
        except typer.Exit:
            continue
    if problems:
        raise max(problems, key=lambda error: (not str(error).isprintable(), len(str(error))))


def _calls(model: rt.Model, data: bytes) -> list[Callable[[], object]]:
    image = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)
    kind = "array" if model.card is None else model.card.input.kind
    samples: dict[str, Any] = {
        "image": [image, image],
        "table": _rows(model),
        "sequence": _rows(model),
        "tokens": [[0, 1, 1], [1, 0, 0]],
        "array": _rows(model),
    }
    given = samples.get(kind, [image])
    return [
        lambda: model.infer(_feeds(model)),
        lambda: model.predict(given, k=2),
        lambda: model.embed(given),
        lambda: model.generate("a" if kind == "tokens" else [[1, 2]], seed=0),
        lambda: model.sample(2, seed=0),
        lambda: model.sample(2, steps=3, seed=0, label=0, guidance=2.0, start=image),
        lambda: _command(info, data, as_json=True),
        lambda: _command(verify, data, checkpoint=None, device="cpu", low_memory=False, as_json=True),
    ]


def _rows(model: rt.Model) -> Any:
    """Return an array as the first input says; sizes above a few thousand are refused by any call."""
    _, shape = next(iter(model.inputs.values()), ("", (2, 4)))
    sizes = [size if isinstance(size, int) and 0 < size < 5000 else 2 for size in shape]
    sizes = sizes if np.prod([float(size) for size in sizes]) < 1e6 else [2, 4]
    return np.linspace(0, 1, int(np.prod(sizes)), dtype=np.float32).reshape(sizes)


def _feeds(model: rt.Model) -> dict[str, Any]:
    feeds = {}
    for name, (dtype, shape) in model.inputs.items():
        sizes = [size if isinstance(size, int) and 0 < size < 5000 else 2 for size in shape]
        if np.prod([float(size) for size in sizes]) < 1e6:
            feeds[name] = np.ones(
                sizes, dtype if dtype in ("int64", "int32", "uint8", "bool") else np.float32
            )
    return feeds


def _command(command: Callable[..., object], data: bytes, **options: Any) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = os.path.join(folder, "mutant.onnx")
        with open(path, "wb") as file:
            file.write(data)
        command(file=path, **options)
