"""Walks all orders of calls on a network and compares each with the network of the plain order.

The calls are load data, add layers, load a checkpoint, train and load other data. After each of them, in
every order, the network is asked for everything that changes nothing: inference and evaluation of both data
sets as files and as the batches that were handed out, and the exported file on the same files. So the orders
of all eight are taken.

A network that was trained or loaded must answer as the one of the plain order, whatever was called between
and after: load the checkpoint; or load it, load the data and train; or load the data, add the layers and
train. A call that is refused raises one error of ours and leaves the network as it was.
"""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn import nn
from onnxnn_runtime.errors import OnnxnnError

CALLS = ("data", "layers", "checkpoint", "train", "other")
DATA = ("data", "other")

Key = tuple[str, ...]


@dataclass(frozen=True)
class World:
    """What a walk is made of.

    Args:
        task: The network's task.
        load: "data" or "other", each a call that loads a data set: (network) -> batches.
        layers: Adds the layers.
        source: For each data set what `inference` and the exported file read.
        labelled: For each data set what `evaluate` reads.
        predict: How an exported model answers: (model, source) -> scores.
        readable: Whether `print_result` names the results.
    """

    task: str
    load: dict[str, Callable[[Any], Any]]
    layers: Callable[[Any], None]
    source: dict[str, Any]
    labelled: dict[str, Any]
    predict: Callable[[Any, Any], np.ndarray]
    readable: bool = True


@dataclass
class Walker:
    """A walk through a world.

    Args:
        world: The world.
        folder: Where files go.
    """

    world: World
    folder: Path
    plain: dict[Key, dict[str, Any]] = field(default_factory=dict)
    exported: dict[bytes, dict[str, np.ndarray]] = field(default_factory=dict)
    steps: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        model = self.new()
        for call in ("data", "layers", "train"):
            self.do(model, call)
        self.checkpoint = self.folder / "checkpoint.pth"
        model.save(self.checkpoint)

    def new(self) -> Any:
        return nn(self.world.task, save_fold=str(self.folder / "ckpt"), verbose=0)

    def do(self, model: Any, call: str) -> Any:
        """Make one call with the same random numbers whenever it is made."""
        ways: dict[str, Callable[[Any], Any]] = {
            **self.world.load,
            "layers": self.world.layers,
            "checkpoint": lambda model: model.load(self.checkpoint),
            "train": lambda model: model.train(lr=0.05, epochs=2, metrics=[]),
        }
        model.set_seed(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ways[call](model)
        if model._definition.has_layers and model._state.owned is None:
            _draw(model.model)
        return found

    def reference(self, key: Key) -> dict[str, Any]:
        """Return what the network of the plain order answers."""
        if key not in self.plain:
            model = self.new()
            for call in key:
                self.do(model, call)
            self.plain[key] = self.answers(model)
        return self.plain[key]

    def answers(self, model: Any) -> dict[str, Any]:
        """Return everything that a network answers without changing."""
        world, found = self.world, {}
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            for name in DATA:
                found[f"inference of {name}"] = scores = _asked(model.inference, world.source[name])
                if world.readable and not isinstance(scores, str):
                    found[f"result of {name}"] = model.print_result(scores)
                found[f"evaluation of {name}"] = _asked(model.evaluate, world.labelled[name])
            found.update(self.export(model))
        return found

    def export(self, model: Any) -> dict[str, np.ndarray]:
        """Return what the exported file answers; files of equal networks are written once."""
        state = b"".join(value.numpy().tobytes() for value in model.model.state_dict().values())
        print_ = state + model.card().to_json().encode()
        if print_ not in self.exported:
            path = self.folder / "exported.onnx"
            model.export(path)
            loaded = rt.load(path, device="cpu")
            self.exported[print_] = {
                f"export of {name}": self.world.predict(loaded, self.world.source[name]) for name in DATA
            }
        return self.exported[print_]

    def walk(self, first: str, every: bool = True) -> None:
        """Walk all orders that begin with one call; or one, drawn at random."""
        self._draw = None if every else np.random.default_rng(CALLS.index(first))
        self._step(self.new(), first, [], None, None, {})

    def _step(
        self, before: Any, call: str, done: list[str], weights: Key | None, current: str | None, handed: dict
    ) -> None:
        self.steps += 1
        model, handed = copy.deepcopy((before, handed))
        known, order = _print(model), " -> ".join([*done, call])
        try:
            result, refusal = self.do(model, call), None
        except OnnxnnError as error:
            result, refusal = None, error
        if refusal is not None:
            self.refused += 1
            assert _print(model) == known, f"{order}: refused ({refusal}), and the network has changed"
        else:
            if call in DATA:
                handed[call], current = result, call
            if call == "checkpoint":
                weights = ("checkpoint",)
            if call == "train":
                assert current is not None, f"{order}: trained without data"
                own = weights if weights is not None else None
                weights = (*own, current, "train") if own is not None else (current, "layers", "train")
        if weights is not None:
            self.compare(order, self.reference(weights), self.answers(model))
            self.compare_batches(order, model, handed)
        left = [each for each in CALLS if each not in done and each != call]
        if self._draw is not None and left:
            left = [left[int(self._draw.integers(len(left)))]]
        for following in left:
            self._step(model, following, [*done, call], weights, current, handed)

    def compare(self, order: str, expected: dict[str, Any], found: dict[str, Any]) -> None:
        """Compare answers with those of the plain order."""
        for what, value in expected.items():
            compare(order, what, value, found[what])

    def compare_batches(self, order: str, model: Any, handed: dict[str, Any]) -> None:
        """Compare the batches that were handed out with the files that they came from."""
        for name, batches in handed.items():
            for what, ask in (("inference", model.inference), ("evaluation", model.evaluate)):
                source = self.world.source if what == "inference" else self.world.labelled
                of_file, of_batches = (_rows(_asked(ask, given)) for given in (source[name], batches))
                compare(order, f"{what} of the batches of {name}", of_file, of_batches)


def compare(order: str, what: str, expected: Any, found: Any) -> None:
    """Compare one answer."""
    assert isinstance(found, type(expected)), f"{order}: {what}: {expected!r}, and now {found!r}"
    if isinstance(expected, np.ndarray):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=f"{order}: {what}")
    elif isinstance(expected, dict) and not isinstance(next(iter(expected.values())), dict):
        assert found.keys() == expected.keys(), f"{order}: {what}"
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5, err_msg=f"{order}: {what}")
    elif isinstance(expected, dict):
        for row, value in expected.items():
            assert found[row]["预测值"] == pytest.approx(value["预测值"]), f"{order}: {what}"
    else:
        assert found == expected, f"{order}: {what}"


def _asked(ask: Callable[[Any], Any], given: Any) -> Any:
    """Return an answer; where it is an error of ours its name."""
    try:
        found = ask(given)
    except OnnxnnError as error:
        return type(error).__name__
    return found if isinstance(found, dict) else np.asarray(found[0] if isinstance(found, tuple) else found)


def _rows(rows: Any) -> Any:
    """Return rows in an order that does not depend on that of the samples; anything else as it is."""
    if not isinstance(rows, np.ndarray):
        return rows
    flat = rows.reshape(len(rows), -1)
    return rows[np.lexsort(flat.T.round(3)[::-1])]


def _draw(net: torch.nn.Module) -> None:
    """Give new weights values that depend on nothing that was called before."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5)


def _print(model: Any) -> tuple[Any, ...]:
    """Return what must be the same after a call that was refused."""
    state = model._state
    weights = b""
    if state.definition.has_layers and not state.waiting:
        weights = b"".join(value.numpy().tobytes() for value in model.model.state_dict().values())
    data = None if state.data is None else (state.data.preparation, state.data.train.num_samples)
    return weights, state.definition.to_data(), data, state.owned, model.word2idx, model.task, model.history
