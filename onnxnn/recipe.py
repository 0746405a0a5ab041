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
    export: pets.onnx               # or {path: pets.onnx, opset_version: 13}

Relative paths begin at the recipe's own folder. Reading a recipe runs nothing that stands in it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from onnxnn_runtime.card import TASKS
from onnxnn_runtime.errors import (
    InputError,
    LayerError,
    MissingInputError,
    OnnxnnError,
    TrainingError,
    did_you_mean,
)
from onnxnn_runtime.files import as_path

from .callbacks import check_writable, files_of
from .export import check_path, check_versions
from .network import Network
from .optimizers import check_optimizer_options, optimizer_name
from .samples import digits

__all__ = ["LayerEntry", "Recipe", "Trained", "read_recipe"]

KEYS = ("task", "seed", "data", "layers", "weights", "optimizer", "train", "save_fold", "export")
SOURCES = ("images", "table", "npz", "digits")


@dataclass(frozen=True)
class LayerEntry:
    """One line of `layers`: what `add` is called with.

    Args:
        name: The layer's name.
        activation: Its activation, or None.
        options: Its other options.
    """

    name: str
    activation: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """What a recipe left behind.

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

    def build(self) -> Network:
        """Return the network with its data loaded and its layers added.

        Raises:
            OnnxnnError: The data cannot be used, or a layer does not fit; the message names the line.
        """
        network = Network(self.task)
        if self.seed is not None:
            network.set_seed(self.seed)
        self._load(network)
        for number, entry in enumerate(self.layers, start=1):
            try:
                network.add(entry.name, activation=entry.activation, **entry.options)
            except LayerError as error:
                raise LayerError(f"{self.path}, layer {number}: {error}") from error
        if self.weights is not None:
            network.load_weights(self.weights, **self.weights_options)
        if self.optimizer is not None:
            network.add(optimizer=self.optimizer, **self.optimizer_options)
        network.save_fold = str(self.save_fold)
        return network

    def run(self) -> Trained:
        """Build, train and export; return what was made.

        Raises:
            OnnxnnError: As `build`, `Network.train` and `Network.export`; what an export cannot do is found
                out before training where the recipe tells it.
        """
        if self.export is not None:
            self._check_export(self.export)
        network = self.build()
        history = network.train(**self.train)
        if self.export is not None:
            try:
                network.export(str(self.export), **self.export_options)
            except OnnxnnError as error:
                raise type(error)(f"{error} The trained network is kept: {self._checkpoint()}.") from error
        return Trained(network, history, self.save_fold, self.export)

    def _checkpoint(self) -> Path:
        return self.save_fold / str(self.train.get("filename", "basenn.pth"))

    def _check_export(self, path: Path) -> None:
        """Find out before training what an export would refuse."""
        options = self.export_options
        check_versions(options.get("opset_version", 13), options.get("ir_version", 7))
        if path.resolve() in [file.resolve() for file in files_of(self._checkpoint())]:
            raise InputError(f"{self.path}: export: {path} is written by training; choose another name.")
        check_path(path)
        check_writable(path.parent)

    def _load(self, network: Network) -> None:
        if self.source == "images":
            network.load_img_data(str(self.data), **self.data_options)
        elif self.source == "table":
            network.load_tab_data(str(self.data), **self.data_options)
        elif self.source == "npz":
            network.load_npz_data(str(self.data), **self.data_options)
        else:
            images, labels = digits(self.data)
            x = images[:, None].astype("float32") / 255
            network.load_dataset(x, labels, classes=[str(d) for d in range(10)], **self.data_options)


def read_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        MissingInputError: There is no such file.
        InputError: It is no YAML, a key is unknown, missing or given twice, or a value does not fit.
    """
    file = as_path(path, "recipe", InputError)
    found = _mapping(file, "the recipe", _parse(file))
    _known(file, "", found, KEYS)
    for key in ("data", "layers"):
        if key not in found:
            raise InputError(f"{file}: the key {key!r} is missing. A recipe has: {', '.join(KEYS)}.")
    task = found.get("task", "cls")
    if task not in TASKS:
        hint = did_you_mean(str(task), TASKS)
        raise InputError(f"{file}: task: {task!r} is unknown{hint or '.'} Known: {', '.join(TASKS)}.")
    source, data, data_options = _data(file, found["data"])
    export, export_options = _file_with_options(file, "export", found.get("export"), Network.export)
    weights, weights_options = _file_with_options(file, "weights", found.get("weights"), Network.load_weights)
    optimizer, optimizer_options = _optimizer(file, found.get("optimizer"))
    train = _mapping(file, "train", found.get("train", {}))
    _known(file, "train.", train, _options(Network.train))
    return Recipe(
        path=file,
        task=task,
        source=source,
        data=data,
        data_options=data_options,
        layers=_layers(file, found["layers"]),
        weights=weights,
        weights_options=weights_options,
        optimizer=optimizer,
        optimizer_options=optimizer_options,
        train=train,
        save_fold=file.parent / str(_text(file, "save_fold", found.get("save_fold", "checkpoints"))),
        export=export,
        export_options=export_options,
        seed=_whole(file, "seed", found.get("seed")),
    )


def _data(file: Path, value: Any) -> tuple[str, Any, dict[str, Any]]:
    options = _mapping(file, "data", value)
    sources = [name for name in SOURCES if name in options]
    loaders: dict[str, Callable[..., Any]] = {
        "images": Network.load_img_data,
        "table": Network.load_tab_data,
        "npz": Network.load_npz_data,
        "digits": Network.load_dataset,
    }
    if len(sources) != 1:
        _known(file, "data.", options, (*SOURCES, *_options(Network.load_img_data)))
        raise InputError(f"{file}: data: give exactly one of {', '.join(SOURCES)}; got {sources or 'none'}.")
    source = sources[0]
    data = options.pop(source)
    _known(file, "data.", options, _options(loaders[source]))
    if source == "digits":
        size = _whole(file, "data.digits", data)
        if size is None or not 8 <= size <= 512:
            raise InputError(f"{file}: data.digits: the size in pixels, 8 to 512, fits; got {data!r}.")
        return source, size, options
    return source, file.parent / str(_text(file, f"data.{source}", data)), options


def _layers(file: Path, value: Any) -> tuple[LayerEntry, ...]:
    if not isinstance(value, list) or not value:
        raise InputError(
            f"{file}: layers: a list fits, each line '- name' or '- name: {{option: value}}'; got {value!r}."
        )
    return tuple(_layer(file, number, entry) for number, entry in enumerate(value, start=1))


def _layer(file: Path, number: int, entry: Any) -> LayerEntry:
    where = f"layer {number}"
    if isinstance(entry, str):
        return LayerEntry(entry)
    if not isinstance(entry, dict) or len(entry) != 1:
        raise InputError(f"{file}: {where}: one 'name' or 'name: {{option: value}}' fits; got {entry!r}.")
    (name, options), *_ = entry.items()
    options = _mapping(file, f"{where} ({name})", {} if options is None else options)
    activation = _text(file, f"{where}: activation", options.pop("activation", None), optional=True)
    return LayerEntry(str(name), activation, options)


def _optimizer(file: Path, value: Any) -> tuple[str | None, dict[str, Any]]:
    """Read "NAME" or {name: NAME, option: value}."""
    if not isinstance(value, dict):
        return _text(file, "optimizer", value, optional=True), {}
    options = _mapping(file, "optimizer", value)
    name = str(_text(file, "optimizer.name", options.pop("name", None)))
    try:
        check_optimizer_options(optimizer_name(name), options)
    except TrainingError as error:
        raise InputError(f"{file}: {error}") from error
    return name, options


def _file_with_options(
    file: Path, key: str, value: Any, method: Callable[..., Any]
) -> tuple[Path | None, dict[str, Any]]:
    """Read "FILE" or {path: FILE, option: value} with the options of a method."""
    if value is None:
        return None, {}
    options = {"path": value} if isinstance(value, str) else _mapping(file, key, value)
    _known(file, f"{key}.", options, ("path", *_options(method)))
    target = _text(file, f"{key}.path", options.pop("path", None))
    return file.parent / str(target), options


# ---- reading YAML --------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML's safe loader that refuses a key given twice and reads 1e-3 as a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a name", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 1e-3 as text because it lacks a point; people type it all the same.
_NUMBER = re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+0123456789"))


def _parse(file: Path) -> Any:
    if file.is_dir():
        raise InputError(f"{file}: is a folder; what fits is a recipe, a .yaml file.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise MissingInputError(f"{file}: no such recipe.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as UTF-8 text ({error}).") from error
    try:
        return yaml.load(text, Loader=_Loader)  # a subclass of the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or "it is no YAML"
        raise InputError(f"{file}{place}: {problem}.") from error
    except RecursionError as error:
        raise InputError(f"{file}: too many brackets inside each other.") from error
    except ValueError as error:  # a date that is none
        raise InputError(f"{file}: a value cannot be read ({error}); put text into quotes.") from error


# ---- checking ------------------------------------------------------------------------------------


_NOT_TEXT = ("data_path", "x", "y", "path", "checkpoint", "save_fold", "callbacks", "batch_num")


def _options(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return a method's options that a recipe can give: those that have no key of their own."""
    return tuple(name for name in inspect.signature(function).parameters if name not in ("self", *_NOT_TEXT))


def _known(file: Path, prefix: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Report every unknown key at once, each with the nearest known one."""
    problems = [f"{prefix}{key}{did_you_mean(key, known)}" for key in given if key not in known]
    if problems:
        listed = ", ".join(known)
        text = "; ".join(problems)
        raise InputError(f"{file}: unknown key {text}{'' if text.endswith('?') else '.'} Known: {listed}.")


def _mapping(file: Path, where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{file}: {where}: 'name: value' pairs fit; got {value!r}.")
    return dict(value)


def _text(file: Path, where: str, value: Any, optional: bool = False) -> str | None:
    if value is None and optional:
        return None
    if not isinstance(value, str) or not value:
        raise InputError(f"{file}: {where}: a text fits; got {value!r}.")
    return value


def _whole(file: Path, where: str, value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{file}: {where}: a whole number fits; got {value!r}.")
    return value
