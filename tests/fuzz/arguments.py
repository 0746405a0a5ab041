"""Each option of each public call, given what no script means: the case number chooses both.

Lists that contain themselves, integers of thousands of digits, iterators without end, objects that cannot
be written out: a call has to take them, or to refuse them at once and in one line.
"""

from __future__ import annotations

import copy
import functools
import inspect
import io
import itertools
import math
import os
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import torch
from PIL import Image
from support.hostile_values import Pathless, itself, nested
from support.public_calls import COLLECTORS, public_calls

import onnxnn
from onnxnn import nn

KINDS = ("table", "images", "text", "diffusion")

STRIDE = 10_007
"""How far apart in the list of all cases those lie that follow each other."""

CALLED = ("callback", "progress")
"""Options that are functions, whose own errors are passed on."""

ENDLESS = {("train", "epochs"), ("visual_feature", "data")}
"""Options by which a user may ask for what takes very long."""


class _Unwritable:
    def __repr__(self):
        raise RuntimeError("cannot be written out")

    __str__ = __repr__


class _Endless:
    """What looks like a sequence and has no end."""

    def __getitem__(self, position):
        return position


def _own_value():
    value = {}
    value["a"] = value
    return value


def _holding_itself():
    array = np.empty(2, object)
    array[:] = array, 1
    return array


def _raising(*args, **options):
    raise StopIteration


VALUES = {
    "a list in itself": lambda: itself(1),
    "a list three times in itself": lambda: itself(3),
    "a dict in itself": _own_value,
    "lists 5,000 deep": lambda: nested(5000, 1),
    "a list of 2**40 values": lambda: nested(40, 2),
    "an array in itself": _holding_itself,
    "an integer of 5,000 digits": lambda: 10**5000,
    "a large integer": lambda: 10**18,
    "a negative integer": lambda: -3,
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "a complex number": lambda: 1j,
    "a range without end": lambda: range(10**12),
    "an iterator without end": itertools.count,
    "a sequence without end": _Endless,
    "ten million characters": lambda: "a" * 10**7,
    "ten million bytes": lambda: bytes(10**7),
    "100,000 names": lambda: [f"name{number}" for number in range(100_000)],
    "100,000 options": lambda: {f"name{number}": number for number in range(100_000)},
    "an array without values": lambda: np.zeros((0, 4), np.float32),
    "an array larger than memory": lambda: np.broadcast_to(np.float32(0), (10**6, 10**6)),
    "an object that cannot be written out": _Unwritable,
    "a list of such": lambda: [_Unwritable()],
    "an array of such": lambda: np.array([_Unwritable()], object),
    "half a character": lambda: "\udcff",
    "a character of zero": lambda: "a\0b",
    "an empty text": lambda: "",
    "a type": lambda: int,
    "a function that ends": lambda: _raising,
    "a module": lambda: torch.nn.Linear(3, 3),
    "a tensor with gradient": lambda: torch.ones(2, 2, requires_grad=True) * 1,
    "an ellipsis": lambda: ...,
    "a path that raises": lambda: Pathless(KeyError("lost")),
    "a path that is a number": lambda: Pathless(5),
}


@functools.lru_cache(maxsize=1)
def folder():
    """Return the folder in which all is done: a table, class folders, arrays, and a model of each kind."""
    found = Path(tempfile.mkdtemp(prefix="fuzz-"))
    os.chdir(found)
    stream = np.random.default_rng(0)
    rows = np.c_[stream.normal(size=(24, 4)), np.arange(24) % 3]
    np.savetxt("table.csv", rows, "%.4f", ",", header="a,b,c,d,label", comments="")
    np.savez("arrays.npz", data=rows[:, :4], label=np.arange(24) % 3)
    for name, number in itertools.product(("cat", "dog"), range(4)):
        os.makedirs(f"images/{name}", exist_ok=True)
        Image.fromarray(stream.integers(0, 255, (8, 8, 3), np.uint8)).save(f"images/{name}/{number}.png")
    return found


@functools.cache
def trained(kind):
    """Return a trained network of a kind and its exported model."""
    network = nn("reg" if kind == "values" else "cls", save_fold=str(folder() / kind), verbose=0)
    network.set_seed(0)
    if kind == "table":
        network.load_tab_data("table.csv", batch_size=8)
        network.add("linear", size=(4, 3), activation="softmax")
    elif kind == "images":
        network.load_img_data("images", batch_size=4)
        network.add("conv2d", size=(3, 4), kernel_size=3, activation="relu")
        network.add("linear", size=(144, 2), activation="softmax")
    elif kind == "text":
        network = nn("gen", save_fold=str(folder() / kind), verbose=0)
        vocabulary = {letter: number for number, letter in enumerate("abcde")}
        network.load_dataset(np.arange(24).reshape(4, 6) % 5, word2idx=vocabulary)
        network.add("embedding", size=(5, 4))
        network.add("lstm", size=(4, 8))
        network.add("linear", size=(8, 5), activation="softmax")
    else:
        network = nn(save_fold=str(folder() / kind), verbose=0)
        network.load_img_data("images", batch_size=4)
        network.add("diffusion_model", img_size=8, dim=8, dim_mults=(1, 2), timestep=20)
    network.train(epochs=1, device="cpu")
    network.export(f"{kind}.onnx")
    return network, rt.load(f"{kind}.onnx", device="cpu")


GIVEN = {
    "load_dataset": {"x": np.eye(6, 4, dtype=np.float32), "y": [0, 1, 2, 0, 1, 2]},
    "load_img_data": {"data_path": "images"},
    "load_tab_data": {"data_path": "table.csv"},
    "load_npz_data": {"data_path": "arrays.npz"},
    "train": {"epochs": 1},
    "load": {"model_path": "table.pth"},
}
"""What a call needs beside the option that is tried."""

SAMPLES = {
    "table": np.eye(2, 4, dtype=np.float32),
    "images": np.zeros((2, 8, 8, 3), np.uint8),
    "text": "abc",
    "diffusion": 2,
}


def _of(kind, name):
    """Return what a method needs beside the option that is tried."""
    first = {"generate": "prompt", "sample": "num", "noisy": "data", "show": "data", "print_result": "result"}
    first.update({"predict": "inputs", "embed": "inputs", "embed_named": "inputs", "embed_stream": "inputs"})
    first.update({"inference": "num" if kind == "diffusion" else "data", "infer": "x"})
    given = dict(GIVEN.get(name, {}))
    if name in first:
        given[first[name]] = SAMPLES[kind]
    return given


@functools.lru_cache(maxsize=1)
def cases():
    """Return (name, how to get the call, what else it needs, option) of everything that is tried."""
    found = []
    for kind, (number, of) in itertools.product(KINDS, enumerate((onnxnn.Network, rt.Model))):
        for name, method in inspect.getmembers(of, inspect.isroutine):
            if name.startswith("_"):
                continue
            options = [
                each.name
                for each in inspect.signature(method).parameters.values()
                if each.kind not in COLLECTORS and each.name != "self"
            ]
            if kind != "table" and (name.startswith("load") or name == "set_seed"):
                continue
            for option in options:
                found.append((f"{of.__name__} of {kind}: {name}", kind, number, name, option))
    for package in (onnxnn, rt):
        for name, (call, options) in public_calls(package).items():
            if inspect.isfunction(call) or name == "onnxnn.nn":
                found.extend((name, None, call, name, option) for option in options)
    return found


def count():
    """Return how many cases there are: each option of each call with each value."""
    return len(cases()) * len(VALUES)


def chosen(number):
    """Return the places in `cases()` and `VALUES` of case `number`; each below `count()` is its own case.

    Those that follow each other are of different calls, so that a share tries them all.
    """
    stride = next(each for each in itertools.count(STRIDE) if math.gcd(each, count()) == 1)
    return divmod(number * stride % count(), len(VALUES))


def check(number):
    """Try case `number`."""
    folder()
    place, of_value = chosen(number)
    name, kind, of, method, option = cases()[place]
    value = list(VALUES.values())[of_value]()
    if _is_meant(method, option, value):
        return
    given = {**_of(kind, method), option: value}
    if kind is None:
        call, given = of, {**({"a": [1.0], "b": [1.0]} if "similarity" in name else {}), option: value}
    else:
        call = getattr(copy.deepcopy(trained(kind)[of]), method)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = call(**given)
        if inspect.isgenerator(answer):
            next(answer, None)


def _is_meant(method, option, value):
    """Return whether a script may mean what ends in no error of ours."""
    takes_long = (method, option) in ENDLESS and isinstance(value, int | np.ndarray)
    return takes_long or (option in CALLED and callable(value))
