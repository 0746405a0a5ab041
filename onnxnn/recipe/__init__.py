"""A network, its data and its training as a text file: `onnxnn train recipe.yaml`.

    task: cls
    data:
      images: pets/train            # or table: a.csv, npz: a.npz, digits: 28
      batch_size: 32                # and every other option of load_img_data
    layers:
      - conv2d: {size: [3, 8], kernel_size: 3, activation: relu}
      - maxpool: {kernel_size: 2}
      - dropout                     # a name alone takes no options
      - linear: {size: 2, activation: softmax}
    weights: resnet18.pth           # optional: trained weights to begin with; or {path: ..., head: false}
    optimizer: Adam                 # or {name: SGD, momentum: 0.5}
    train: {lr: 1e-3, epochs: 20, metrics: [acc]}
    save_fold: ckpt
    export: pets.onnx               # or {path: pets.onnx, target: unihiker}

Relative paths begin at the recipe's own folder. Reading a recipe runs nothing that stands in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from onnxnn_runtime.errors import DataError, InputError, LayerError, OnnxnnError, located
from onnxnn_runtime.messages.catalogue import Message, gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.outputs.output_files import check_output

from onnxnn.datasets import digits
from onnxnn.export.exporter import check_path
from onnxnn.export.options import ExportOptions, versions_for
from onnxnn.network import Network
from onnxnn.network.files import check_export
from onnxnn.training.callbacks import Callback, check_writable, files_of

from .options import Place, kinds_of_method, line_of
from .parts import (
    LayerEntry,
    data_of,
    file_with_options,
    layers_of,
    lines_of,
    optimizer_of,
    options_of,
    task_of,
)
from .tree import beside, read_tree

__all__ = ["LayerEntry", "Recipe", "Trained", "read_recipe"]

HELD_IN = 0.8
"""The share of the samples to train on where a recipe does not say it."""

KEYS = ("task", "seed", "data", "layers", "weights", "optimizer", "train", "save_fold", "export")


@dataclass(frozen=True)
class Trained:
    """The results of a recipe.

    Args:
        network: The trained network.
        history: One dict per epoch.
        folder: Where the checkpoints are.
        model: The exported file, None where the recipe asks for none.
    """

    network: Network
    history: list[dict[str, Any]]
    folder: Path
    model: Path | None


@dataclass(frozen=True)
class Recipe:
    """A recipe that was read and checked.

    Args:
        path: The file it was read from.
        task: "cls", "reg", "gen" or "embed".
        source: "images", "table", "npz" or "digits".
        data: The path of the data; for digits their size in pixels.
        data_options: The options of the loader.
        layers: The layers in order.
        weights: The file of trained weights to begin with, or None.
        weights_options: The options of `load_weights`.
        optimizer: The optimizer's name, None for the default.
        optimizer_options: Its other options.
        train: The options of `train`.
        save_fold: Where checkpoints go.
        export: Where the ONNX file goes, or None.
        export_options: The options of `export`.
        seed: Set before anything is drawn, or None.
        lines: Where the keys stand in the recipe.
    """

    path: Path
    task: str
    source: str
    data: Any
    data_options: Mapping[str, Any]
    layers: tuple[LayerEntry, ...]
    weights: Path | None
    weights_options: Mapping[str, Any]
    optimizer: str | None
    optimizer_options: Mapping[str, Any]
    train: Mapping[str, Any]
    save_fold: Path
    export: Path | None
    export_options: Mapping[str, Any]
    seed: int | None
    lines: Mapping[str, int] = field(default_factory=dict)

    def build(self) -> Network:
        """Return the network with its data loaded and its layers added.

        Raises:
            OnnxnnError: The data cannot be used, or a layer does not match; the message names the line.
        """
        network = Network(self.task if "task" in self.lines else None)
        if self.seed is not None:
            with self._at("seed"):
                network.set_seed(self.seed)
        with self._at("data"):
            network = self._load(network)
        for number, entry in enumerate(self.layers, start=1):
            try:
                network.add(entry.name, activation=entry.activation, **entry.options)
            except LayerError as error:
                place = line_of(self.path, entry.line, gettext("layer {number}", number=number))
                raise LayerError(located(place, error)) from error
        if self.weights is not None:
            with self._at("weights"):
                network.load_weights(self.weights, **self.weights_options)
        if self.optimizer is not None:
            network.add(optimizer=self.optimizer, **self.optimizer_options)
        network.save_fold = str(self.save_fold)
        return network

    def on_devices(self, devices: int | None) -> Recipe:
        """Return the same recipe for another number of devices; None leaves it as it is."""
        return self if devices is None else replace(self, train={**self.train, "devices": devices})

    def in_precision(self, precision: str | None) -> Recipe:
        """Return the same recipe for another precision; None leaves it as it is."""
        return self if precision is None else replace(self, train={**self.train, "precision": precision})

    def run(self, callbacks: Sequence[Callback] = ()) -> Trained:
        """Build, train and export; return what was made.

        Args:
            callbacks: As for `Network.train`.

        Raises:
            OnnxnnError: As `build`, `Network.train` and `Network.export`; what an export cannot do is found
                out before training where the recipe says so.
        """
        if self.export is not None:
            with self._at("export"):
                self._check_export(self.export)
        if self.weights is not None:
            with self._at("weights"):
                self._check_weights(self.weights)
        network = self.build()
        if self.export is not None:
            options = {
                key: value for key, value in self.export_options.items() if key not in ("script", "force")
            }
            max_drop = options.pop("max_drop", None)
            with self._at("export"):
                check_export(network, ExportOptions(**options), max_drop)
        with self._at("train" if self.train else "layers"):
            history = network.train(**self.train, callbacks=callbacks)
        if self.export is not None:
            try:
                network.export(str(self.export), **self.export_options)
            except OnnxnnError as error:
                kept = gettext(
                    "{error} The trained network is kept: {path}.", error=error, path=self._checkpoint()
                )
                raise type(error)(Message(kept, error.code)) from error
        return Trained(network, history, self.save_fold, self.export)

    @contextmanager
    def _at(self, key: str) -> Iterator[None]:
        """Say in errors of ours which part of the recipe they are about."""
        try:
            yield
        except OnnxnnError as error:
            if error.text.startswith(str(self.path)):
                raise
            option = f"{key}.{re.split('[^a-z_]', error.text)[0]}"  # such as data.batch_size
            line = self.lines.get(option, self.lines.get(key, 1))
            raise type(error)(located(line_of(self.path, line, key), error)) from error

    def _checkpoint(self) -> Path:
        return self.save_fold / str(self.train.get("filename", "basenn.pth"))

    def _check_weights(self, path: Path) -> None:
        """Refuse to write the checkpoints over the weights that they begin with."""
        for file in files_of(self._checkpoint())[:2]:
            if os.path.isfile(file):
                check_output(file, "checkpoint", [path], option=gettext("another save_fold"))

    def _check_export(self, path: Path) -> None:
        """Find out before training what an export would refuse."""
        options = self.export_options
        versions_for(*(options.get(key) for key in ("target", "opset_version", "ir_version")))
        if os.path.realpath(path) in map(os.path.realpath, files_of(self._checkpoint())):
            raise InputError.coded(
                "E-OUTPUT-02", "{path}: training writes a file of this name. Choose another.", path=path
            )
        sources = [source for source in (self.path, self.data, self.weights) if isinstance(source, Path)]
        check_path(path, sources, bool(options.get("force", False)))
        check_writable(path.parent)

    def _load(self, network: Network) -> Network:
        """Load the data and return the network that has it.

        Some of the data is held back to validate with, unless the recipe says how much.
        """
        options = dict(self.data_options)
        if "train_val_ratio" in options or self.task not in ("cls", "reg"):
            if "train_val_ratio" not in options:
                print(
                    gettext(
                        "no samples are held back (train_val_ratio): the figures are of the training data"
                    )
                )
            self._load_with(network, options)
            return network
        try:
            self._load_with(network, {**options, "train_val_ratio": HELD_IN})
        except DataError as error:
            if "train_val_ratio=" not in str(error):
                raise
            self._load_with(network, options)
            print(_all_trained())
            return network
        if network.task != self.task:  # classes of a single sample look like values when divided
            whole = Network(self.task if "task" in self.lines else None)
            self._load_with(whole, options)
            if whole.task == self.task:
                print(_all_trained())
                return whole
        print(
            gettext(
                "{share:.0%} of the samples are held back to validate with (train_val_ratio)",
                share=1 - HELD_IN,
            )
        )
        return network

    def _load_with(self, network: Network, options: Mapping[str, Any]) -> None:
        if self.source == "images":
            network.load_img_data(str(self.data), **options)
        elif self.source == "table":
            network.load_tab_data(str(self.data), **options)
        elif self.source == "npz":
            network.load_npz_data(str(self.data), **options)
        else:
            images, labels = digits(self.data)
            x = images[:, None].astype("float32") / 255
            network.load_dataset(x, labels, classes=[str(d) for d in range(10)], **options)


def read_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        MissingInputError: There is no such file.
        InputError: It is no YAML, a key is unknown, missing or given twice, or a value is wrong.
    """
    file, root = read_tree(path)
    whole = Place(file, "", root)
    found = whole.inside()
    whole.known(found, KEYS)
    for key in ("data", "layers"):
        if key not in found:
            raise InputError.coded(
                "E-RECIPE-02",
                "{file}: the key {key} is missing. Keys of a recipe: {keys}.",
                file=file,
                key=shortened(key),
                keys=", ".join(KEYS),
            )
    source, data, data_options = data_of(found["data"])
    export, export_options = file_with_options(found.get("export"), Network.export)
    weights, weights_options = file_with_options(found.get("weights"), Network.load_weights)
    optimizer, optimizer_options = optimizer_of(found.get("optimizer"))
    folder = found["save_fold"].text() if "save_fold" in found else "checkpoints"
    return Recipe(
        path=file,
        task=task_of(found.get("task")),
        source=source,
        data=data,
        data_options=data_options,
        layers=layers_of(found["layers"]),
        weights=weights,
        weights_options=weights_options,
        optimizer=optimizer,
        optimizer_options=optimizer_options,
        train=options_of(found["train"], kinds_of_method(Network.train)) if "train" in found else {},
        save_fold=beside(file, str(folder)),
        export=export,
        export_options=export_options,
        seed=found["seed"].integer() if "seed" in found else None,
        lines=lines_of(found),
    )


def _all_trained() -> str:
    return gettext("too few samples to hold any back: the figures are of the training data")
