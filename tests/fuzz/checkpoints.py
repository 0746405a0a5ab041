"""Checkpoints, damaged and hostile, through everything that reads one."""

from __future__ import annotations

import copy
import functools
import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from support.mutations import HOSTILE, mutate_bytes, mutate_data
from support.torch_files import Call, deep, torch_zip

from onnxnn import nn, pth_info
from onnxnn.training.callbacks import Callback

CASES = 5000

ODD: tuple[Any, ...] = (
    *HOSTILE,
    torch.zeros(0),
    torch.zeros(3),
    torch.full((2, 2), float("nan")),
    torch.ones(1, dtype=torch.int64),
    torch.zeros(2, 3, 4, dtype=torch.bool),
    (1, 2),
    {1: 2},
    {"a": torch.zeros(2)},
    [torch.zeros(1)] * 3,
    deep(40),
    deep(3000),
    Call("collections OrderedDict", (), {"items": 1}),
    Call("builtins bytearray", (2**36,)),
    Call("os system", ("true",)),
)
"""Values that may stand in place of another in the pickle."""


class StopSoon(Callback):
    """Ends a training that a file asks to be of a billion epochs."""

    def on_epoch(self, trainer: Any) -> None:
        trainer.stop = True


class Sample(NamedTuple):
    """A real checkpoint, and what makes a network with data of the same kind."""

    data: bytes
    content: dict[str, Any]
    make: Callable[[], Any]


def _network(folder: Path) -> Any:
    network = nn("cls", save_fold=str(folder), verbose=0)
    network.set_seed(0)
    return network


def _table(folder: Path) -> Any:
    network = _network(folder)
    x = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
    network.load_dataset(x, np.arange(12) % 3, classes=["a", "b", "c"], batch_size=6)
    network.add("linear", size=(4, 5), activation="relu")
    network.add("linear", size=(5, 3), activation="softmax")
    return network


def _image(folder: Path) -> Any:
    network = _network(folder)
    x = np.random.default_rng(0).random((6, 1, 8, 8)).astype(np.float32)
    network.load_dataset(x, np.arange(6) % 2, classes=["cat", "dog"], batch_size=6)
    network.add("conv2d", size=(1, 2), kernel_size=3, activation="relu")
    network.add("batchnorm2d", size=2)
    network.add("linear", size=(72, 2), activation="softmax")
    return network


def _tokens(folder: Path) -> Any:
    network = _network(folder)
    x = np.random.default_rng(0).integers(0, 5, (6, 4))
    network.load_dataset(
        x, np.arange(6) % 2, word2idx={word: i for i, word in enumerate("abcde")}, batch_size=6
    )
    network.add("embedding", size=(5, 3))
    network.add("lstm", size=(3, 4), return_sequences=False)
    network.add("linear", size=(4, 2), activation="softmax")
    return network


@functools.lru_cache(maxsize=1)
def prepared() -> tuple[Path, tuple[Sample, ...]]:
    """Return a folder and the real checkpoints."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    samples = []
    for name, make, options in (
        ("table", _table, {"schedule": "cosine", "metrics": ["acc"]}),
        ("image", _image, {"ema": 0.9}),
        ("tokens", _tokens, {"schedule": "onecycle"}),
    ):
        place = folder / name
        network = make(place)
        network.train(epochs=2, **options)
        data = (place / "basenn.pth").read_bytes()
        content = torch.load(io.BytesIO(data), weights_only=True)
        content["training"]["epoch"] = 1
        samples.append(Sample(data, content, functools.partial(make, folder / "out")))
    return folder, tuple(samples)


def mutant(sample: Sample, stream: random.Random) -> bytes:
    """Return a damaged or hostile checkpoint."""
    kind = stream.randrange(6)
    if kind == 0:
        return mutate_bytes(sample.data, stream)
    if kind == 1:
        return _with_member(sample.data, stream)
    content = copy.deepcopy(sample.content)
    if kind == 2:
        content = mutate_data(content, stream, ODD)
    elif kind == 3:
        card = mutate_data(json.loads(content["card"]), stream)
        content["card"] = (
            json.dumps(card)
            if stream.random() < 0.9
            else mutate_bytes(content["card"].encode(), stream).decode("utf-8", "replace")
        )
    elif kind == 4:
        content["training"] = mutate_data(content["training"], stream, ODD)
    else:
        part = stream.choice(("optimizer", "schedule", "random", "settings", "sample", "history", "average"))
        content["training"][part] = mutate_data(content["training"].get(part), stream, ODD)
    compression = stream.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return torch_zip(content, compression)


def _with_member(data: bytes, stream: random.Random) -> bytes:
    """Return the zip with one of its entries damaged, left out, or unpacking to far more."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        chosen = stream.choice(old.namelist())
        for name in old.namelist():
            content = old.read(name)
            if name == chosen:
                change = stream.randrange(5)
                if change == 0:
                    continue
                content = (
                    bytes(stream.choice((0, 1000, 10**8))) if change == 1 else mutate_bytes(content, stream)
                )
            new.writestr(name, content, stream.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return file.getvalue()


def check(number: int) -> None:
    """Use checkpoint `number`."""
    stream = random.Random(number)
    folder, samples = prepared()
    sample = stream.choice(samples)
    path = folder / "mutant.pth"
    path.write_bytes(mutant(sample, stream))
    with redirect_stdout(io.StringIO()):
        _USES[number % len(_USES)](path, sample)


def _load(path: Path, sample: Sample) -> None:
    nn(verbose=0).load(path)


def _more(path: Path, sample: Sample) -> None:
    sample.make().train(checkpoint=path, epochs=1, callbacks=[StopSoon()])


def _resume(path: Path, sample: Sample) -> None:
    sample.make().train(resume=path, callbacks=[StopSoon()])


def _info(path: Path, sample: Sample) -> None:
    pth_info(path)


def _weights(path: Path, sample: Sample) -> None:
    sample.make().load_weights(path)


def _export(path: Path, sample: Sample) -> None:
    network = nn(verbose=0)
    network.convert(path, path.with_suffix(".onnx"))


_USES: tuple[Callable[[Path, Sample], None], ...] = (_load, _more, _resume, _info, _weights, _export)
