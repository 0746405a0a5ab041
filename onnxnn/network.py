"""Network, the face that scripts see: each method a few lines that call the room which does the work."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card import TASKS, ModelCard
from onnxnn_runtime.errors import (
    CheckpointError,
    DataError,
    ExportError,
    LayerError,
    MissingCheckpointError,
    TrainingError,
    did_you_mean,
)
from onnxnn_runtime.text import Text
from onnxnn_runtime.translate import check_options
from torch import nn

from . import checkpoint as checkpoints
from . import data as loading
from . import inference as running
from . import optimizers, pairs, text, training
from .about import describe, describe_added
from .callbacks import Callback
from .checkpoint import Checkpoint
from .data import Data
from .definition import Definition, Net
from .device import Machine
from .evaluation import batches_of
from .export import ExportReport, export_onnx
from .features import feature_vectors
from .history import History
from .layers import find
from .layers.custom import Custom
from .models import weights
from .models.take_over import take_over
from .plot import plot_history
from .pretrained import pretrained_features
from .settings import Settings
from .shape import Shape
from .summary import table
from .visual import visual_feature, visual_filters

__all__ = ["Network"]

Array = np.ndarray[Any, Any]


class Network:
    """A neural network that is defined layer by layer, trained, saved and exported.

        model = nn("cls")
        model.load_img_data("pets/train", transform={"Resize": (64, 64)}, train_val_ratio=0.8)
        model.add("mobilenet_backbone")
        model.add("linear", size=2, activation="softmax")
        model.train(lr=1e-3, epochs=20, metrics=["acc"])
        model.export("pets.onnx")

    Args:
        task: "cls" (classes), "reg" (values), "gen" (generating) or "embed" (vectors to compare).
        save_fold: The folder for checkpoints.
        verbose: 0 says nothing, neither in `add` nor in `train`.

    Attributes:
        save_fold: The folder for checkpoints.
        optimizer: The optimizer's name, as `add(optimizer=...)` sets it.
        color: "RGB" or "grayscale" where the data is made of pictures.
        word2idx, idx2word, ix2word: The vocabulary both ways, where the data is made of tokens.
        history: What the last `train` returned.
        result: What the last `inference` returned.
        val_label: The labels of the batches that the last `inference` looked at, in its order.
    """

    def __init__(self, task: str = "cls", save_fold: str | None = None, verbose: int = 1) -> None:
        self.task = str(task).lower()
        if self.task not in TASKS:
            hint = did_you_mean(self.task, TASKS) or "."
            raise TrainingError(f"nn({task!r}): unknown task{hint} Known: {', '.join(TASKS)}.")
        self.save_fold = save_fold or "checkpoints"
        self.verbose = verbose
        self.optimizer = "Adam"
        self.color: str | None = None
        self.word2idx: dict[str, int] | None = None
        self.idx2word: dict[int, str] | None = None
        self.ix2word: dict[int, str] | None = None
        self.history = History()
        self.result: Array | None = None
        self.val_label: Array | None = None
        self._optimizer_options: dict[str, Any] = {}
        self._definition = Definition()
        self._calls = 0
        self._waiting: list[tuple[Any, str | None, str | None, dict[str, Any]]] = []
        self._data: Data | None = None
        self._net: Net | None = None
        self._loaded: Checkpoint | None = None

    # ---- data ----------------------------------------------------------------------------------

    def load_img_data(
        self,
        data_path: str | Path,
        classes: Any = None,
        batch_size: int = 32,
        train_val_ratio: float = 1.0,
        shuffle: bool = True,
        batch_mode: bool = False,
        transform: Any = None,
        color: str = "RGB",
        num_workers: int = 0,
        batch_model: bool = False,
    ) -> Any:
        """Load class folders of pictures; see `onnxnn.data.load_images`.

        Returns:
            The training batches, or (training, validation) where train_val_ratio is below 1.
        """
        loaded = loading.load_images(
            data_path,
            self.task,
            classes=classes,
            batch_size=batch_size,
            train_val_ratio=train_val_ratio,
            shuffle=shuffle,
            batch_mode=batch_mode or batch_model,
            transform=transform,
            color=color,
            num_workers=num_workers,
        )
        return self._use(loaded)

    def load_tab_data(
        self,
        data_path: str | Path,
        batch_size: int = 32,
        train_val_ratio: float = 1.0,
        shuffle: bool = True,
        y_type: str = "long",
        num_workers: int = 0,
        standardize: bool = False,
    ) -> Any:
        """Load a CSV file, label last; see `onnxnn.data.load_table`.

        `y_type` and `num_workers` are accepted as BaseNN has them: the task decides the labels' type,
        and a table is in memory.

        Returns:
            The training batches, or (training, validation) where train_val_ratio is below 1.
        """
        return self._use(
            loading.load_table(data_path, self.task, batch_size, train_val_ratio, shuffle, standardize)
        )

    def load_npz_data(
        self,
        data_path: str | Path,
        batch_size: int = 32,
        shuffle: bool = True,
        classes: Any = None,
        train_val_ratio: float = 1.0,
        num_workers: int = 0,
    ) -> Any:
        """Load a .npz file with the arrays `data` and `label`; see `onnxnn.data.load_npz`.

        Returns:
            The training batches, or (training, validation) where train_val_ratio is below 1.
        """
        return self._use(
            loading.load_npz(data_path, self.task, classes, batch_size, train_val_ratio, shuffle)
        )

    def load_dataset(
        self,
        x: Any,
        y: Any = None,
        num_workers: int = 0,
        classes: Any = None,
        batch_size: int | None = None,
        train_val_ratio: float = 1.0,
        shuffle: bool = True,
        word2idx: Mapping[str, int] | None = None,
    ) -> Any:
        """Take arrays or lists; see `onnxnn.data.from_arrays`. Without batch_size all are one batch.

        Returns:
            The training batches, or (training, validation) where train_val_ratio is below 1.
        """
        return self._use(
            loading.from_arrays(x, y, self.task, classes, batch_size, train_val_ratio, shuffle, word2idx)
        )

    def _use(self, data: Data) -> Any:
        self._definition.set_input(data.sample, data.normalize)
        self._data, self._net = data, None
        self.color = data.preprocess.color if data.preprocess else None
        self._set_vocabulary(data.vocabulary)
        waiting, self._waiting = self._waiting, []
        for layer, activation, optimizer, options in waiting:
            self.add(layer, activation, optimizer, **options)
        return data.train if data.validation is None else (data.train, data.validation)

    def _set_vocabulary(self, vocabulary: dict[str, int] | None) -> None:
        if vocabulary is not None:
            self.word2idx = dict(vocabulary)
            self.idx2word = self.ix2word = {number: word for word, number in vocabulary.items()}

    # ---- layers --------------------------------------------------------------------------------

    def add(
        self,
        layer: str | nn.Module | None = None,
        activation: str | None = None,
        optimizer: str | None = None,
        **options: Any,
    ) -> None:
        """Append a layer, an activation, or choose the optimizer.

        Args:
            layer: A layer's name in any case, or a `torch.nn.Module`.
            activation: An activation's name in any case.
            optimizer: SGD, Adam, AdamW, Adagrad, ASGD or RMSprop; without a layer, the options are the
                optimizer's, e.g. add(optimizer="SGD", momentum=0.8).
            options: The layer's options, such as size=(4, 10).

        Raises:
            LayerError: Something is unknown or does not fit; the network is as it was.
            TrainingError: The optimizer or an option of it is unknown.
        """
        if "optimmizer" in options:
            warnings.warn("add(optimmizer=...) is read as optimizer=.", stacklevel=2)
            optimizer = optimizer or options.pop("optimmizer")
            options.pop("optimmizer", None)
        if layer is None and activation is None:
            if optimizer is None:
                raise LayerError("add(): name a layer, an activation or an optimizer.")
            name = optimizers.optimizer_name(optimizer)
            optimizers.check_optimizer_options(name, options)
            self.optimizer, self._optimizer_options = name, options
            self._calls += 1
            return
        name = self.optimizer if optimizer is None else optimizers.optimizer_name(optimizer)
        if self._has_to_wait(layer):
            self._waiting.append((layer, activation, optimizer, options))
            return
        if isinstance(layer, str):
            options = self._with_classes(layer, options)
            self._read_as_tokens(layer)
        added = self._definition.add(self._calls + 1, layer, activation, options)
        if name != self.optimizer:
            self.optimizer, self._optimizer_options = name, {}
        self._calls += 1
        self._net = None
        if self.verbose:
            print(describe_added(added, self._data.train.batch_size if self._data else None))

    def _has_to_wait(self, layer: str | nn.Module | None) -> bool:
        """Tell whether a call of `add` waits for data or a checkpoint.

        A module of the user's own in front says nothing about what it takes; so it waits, and what is
        added after it.
        """
        first = isinstance(layer, nn.Module) and not self._definition.entries
        return self._definition.input_shape is None and (bool(self._waiting) or first)

    def _with_classes(self, layer: str, options: dict[str, Any]) -> dict[str, Any]:
        """Give a whole classifier the number of classes in the data, where it was not told."""
        whole = layer.strip().lower() in ("mobilenet", "mobilenetv2")
        if whole and self._data is not None and self._data.classes and "num_classes" not in options:
            return {**options, "num_classes": len(self._data.classes)}
        return options

    def _read_as_tokens(self, layer: str) -> None:
        """Read a table of whole numbers as tokens, where the network begins with a layer that wants them."""
        data = self._data
        if data is not None and data.kind == "table" and not self._calls and find(layer).reads_tokens:
            self._use(data.as_tokens())

    @property
    def model(self) -> Net:
        """The torch module."""
        if self._net is None:
            if not self._definition.entries:
                raise LayerError("the network has no layers yet: add some, or load a checkpoint.")
            self._net = self._definition.build()
        return self._net

    # ---- training ------------------------------------------------------------------------------

    def train(
        self,
        lr: float | None = None,
        epochs: int = 30,
        batch_num: int = 1,
        batch_size: int | None = None,
        save_fold: str | None = None,
        loss: str | None = None,
        metrics: str | Sequence[str] | None = None,
        filename: str = "basenn.pth",
        checkpoint: str | Path | None = None,
        resume: str | Path | None = None,
        schedule: str | Mapping[str, Any] | None = None,
        clip: float | None = None,
        patience: int | None = None,
        monitor: str | None = None,
        device: str = "auto",
        devices: int = 1,
        strategy: str = "auto",
        precision: str = "32-true",
        callbacks: Iterable[Callback] = (),
    ) -> History:
        """Train, write checkpoints into `save_fold`, and return the history.

        `basenn.pth` holds the last epoch, `best.pth` the best one where there is validation data, and
        `basenn.csv` the history. Ctrl-C ends training and keeps what was learned.

        Args:
            lr, epochs, batch_size, loss, metrics, schedule, clip, patience, monitor: See
                `onnxnn.settings.Settings`.
            batch_num: Accepted as BaseNN has it, without effect there and here.
            save_fold: Where checkpoints go, from now on.
            filename: The checkpoint's name.
            checkpoint: Go on from this checkpoint for `epochs` more, with its optimizer's and random
                state, and its learning rate unless `lr` is given. The schedule begins anew.
            resume: Finish the interrupted training of this checkpoint, with its own settings, and write
                to it. The other settings of this call do not count.
            device, devices, strategy, precision: See `onnxnn.device.Machine`.
            callbacks: Objects with `on_start`, `on_step`, `on_epoch`, `on_end`.

        Raises:
            TrainingError: A name is unknown, sizes do not fit, or the loss became NaN.
            CheckpointError: The checkpoint cannot be used, or is of another network.
            OutputError: The folder cannot be written; known before the first epoch.
        """
        data = self._need_data()
        self._give_last_step_only(data)
        if checkpoint is not None and resume is not None:
            raise TrainingError("train(): give checkpoint= to add epochs, or resume= to finish, not both.")
        self.save_fold = save_fold or self.save_fold
        wanted = Settings(
            lr,
            epochs,
            batch_size,
            self.optimizer,
            self._optimizer_options,
            loss,
            metrics,  # type: ignore[arg-type]  # any spelling comes in, names come out
            schedule,
            clip,
            patience,
            monitor,
        )
        source = resume or checkpoint
        before = None if source is None else self._go_on_from(source)
        settings = training.settings_of(wanted, before, resume is not None, source or "")
        job = training.Job(
            self.task,
            self._definition,
            self.model,
            data,
            settings,
            Path(resume) if resume else Path(self.save_fold) / filename,
            self._card,
            self.verbose,
            callbacks,
        )
        self.history = job.run(Machine(device, devices, strategy, precision), before, resume is not None)
        return self.history

    def evaluate(
        self,
        data: Any = None,
        loss: str | None = None,
        metrics: str | Sequence[str] | None = None,
        batch_size: int = 32,
    ) -> dict[str, float]:
        """Return the loss and the metrics on data.

        Args:
            data: (x, y) as for `load_dataset`, batches, or a path as for the loader that was used for
                training; None takes the validation data.
            loss: As for `train`; None takes the task's usual one.
            metrics: As for `train`; None takes acc for classes, mae for values, acc and exact (the share
                of whole sequences) for pairs.
            batch_size: How many samples to run at once.

        Raises:
            DataError: The data does not fit the network.
        """
        if metrics is None:
            metrics = "mae" if self.task in ("reg", "gen") else "acc"
            metrics = pairs.METRICS if self.model.teacher_forcing else metrics
        if data is None:
            data = self._need_data().validation
            if data is None:
                raise DataError("there is no validation data: load with train_val_ratio=0.8, or give data.")
        card = self.card()
        batches = batches_of(data, self.task, card.input, card.output.classes, batch_size)
        return training.evaluate_network(
            self.task, self._definition, self.model, batches, len(card.output.classes), loss, metrics
        )

    def set_seed(self, seed: int) -> None:
        """Make what follows repeatable: same seed, same processor, same bits."""
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True

    def plot_history(self, path: str = "history.png", title: str = "") -> Path:
        """Draw the last training's history into a picture; see `onnxnn.plot`."""
        return plot_history(self.history, path, title)

    # ---- using it ------------------------------------------------------------------------------

    def inference(
        self,
        data: Any = None,
        show: bool = False,
        checkpoint: str | Path | None = None,
        hidden: Any = None,
        label: bool = False,
        batch_size: int = 32,
    ) -> Any:
        """Return the network's output for a file, a folder, a CSV file, an array, or a list of those.

        Given text, a network that generates tells what comes next and what it remembers:

            probabilities, hidden = model.inference("长")
            probabilities, hidden = model.inference("江", hidden=hidden)

        Args:
            data: What to look at. A CSV file may have the label column or not.
            show: Whether to print the result.
            checkpoint: A checkpoint to load first; it brings network, weights and preprocessing.
            hidden: What the call before returned, to go on from there.
            label: Accepted as BaseNN has it: a label column is recognised by the number of columns.
            batch_size: How many samples to run at once.

        Returns:
            float32 (N, classes), probabilities where the network ends in softmax or sigmoid; for text
            (how likely each token comes next (vocabulary,), hidden state).

        Raises:
            InputError: Something of it does not fit; the message names it.
            CheckpointError: The checkpoint cannot be used.
        """
        if checkpoint is not None:
            self.load(checkpoint)
        if hidden is not None or text.is_text(data, self.card()):
            self.result, hidden = text.follow(self.model, self.card(), data, hidden)
            if show:
                print(self.result)
            return self.result, hidden
        labels: list[Array] = []
        source = running.unlabelled(data, labels)
        self.result = running.infer(self.model, source, self.card().input, batch_size, self._reader())
        self.val_label = np.concatenate(labels) if labels else None
        if show:
            print(self.result)
        return self.result

    def generate(
        self,
        prompt: Any,
        length: int = 24,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int | None = None,
        stop: Text | None = None,
        max_length: int | None = None,
        beams: int = 1,
    ) -> Any:
        """Go on with a text, character by character; or write the target of a source.

            model.generate("长", length=24, temperature=0.8, top_k=20, seed=0)
            model.generate([[5, 7, 3], [8, 4]], max_length=10, beams=4)

        Args:
            prompt: How the text begins; for a transformer the tokens of one source, or of several.
            length, temperature, top_k, seed, stop: See `onnxnn_runtime.generate.generate`.
            max_length, beams: For a transformer; see `onnxnn_runtime.translate.translate`.

        Returns:
            The whole text, prompt included; a list of words where the prompt was one. For a transformer a
            list of tokens for each source, without start and end.

        Raises:
            CardError: The network does not generate.
            InputError: An option is out of range or of the other kind of network, or the vocabulary lacks a
                token of the prompt.
        """
        check_options(
            self._definition.teacher_forcing, length, temperature, top_k, seed, stop, max_length, beams
        )
        if self._definition.teacher_forcing:
            return pairs.write(self.model, self.card().input, prompt, max_length, beams)
        return text.write(self.model, self.card(), prompt, length, temperature, top_k, seed, stop)

    def print_result(self, result: Array | None = None) -> dict[int, dict[str, Any]]:
        """Print and return results as {i: {"预测值": label, "置信度": score}}.

        Args:
            result: What `inference` returned; None takes the last one.
        """
        found = self.result if result is None else np.asarray(result)
        if found is None:
            raise DataError("there is no result yet: call inference first.")
        named = running.readable(found, self.card().output)
        print(named)
        return named

    def print_model(self) -> None:
        """Print the torch module."""
        print(self.model)

    def summary(self) -> str:
        """Print and return the table of layers, output shapes, parameters and multiply-adds."""
        shown = table(self._definition, self._data.train.batch_size if self._data else None)
        print(shown)
        return shown

    # ---- looking inside ------------------------------------------------------------------------

    def visual_feature(
        self, img: Any = None, in1img: bool = False, save_fold: str | Path = "layers", data: Any = None
    ) -> list[Path]:
        """Write what each layer makes of one sample: pictures, or a text file for a vector.

        Args:
            img: A picture, a row or a sequence, as for `inference`; of several the first.
            in1img: Whether to make one picture of all layers.
            save_fold: The folder to write into.
            data: BaseNN's name for `img`.

        Returns:
            The files written; see `onnxnn.visual`.
        """
        source = data if img is None else img
        sample = next(running.arrays(source, self.card().input, 1, self._reader()))[0]
        classes = self.card().output.classes
        written = visual_feature(self.model, self._definition, sample, classes, in1img, save_fold)
        if self.verbose:
            print(
                f"what the layers give: {written[0]}"
                + (f" .. {written[-1].name}" if len(written) > 1 else "")
            )
        return written

    def visual_filters(self, path: str | Path = "filters.png", before: str | Path | None = None) -> Path:
        """Draw the filters of the first layer.

        Args:
            path: The picture's file, .png or .jpg.
            before: A checkpoint of the same network, whose filters are drawn above on the same scale.
        """
        weights_before = None if before is None else checkpoints.load(before).state_dict
        return visual_filters(path, self.model, self._definition, weights_before)

    def extract_feature(
        self, img: Any = None, pretrain: str | Path | None = None, batch_size: int = 32, data: Any = None
    ) -> Array:
        """Return feature vectors: the numbers that the network's head sees.

        Args:
            img: Whatever `inference` takes.
            pretrain: The weights file of a published network to use instead of this one; see
                `onnxnn.pretrained`. Nothing is downloaded.
            batch_size: How many samples to run at once.
            data: BaseNN's name for `img`.

        Returns:
            float32 (N, D), one row for each sample in order.
        """
        source = data if img is None else img
        if pretrain is not None:
            return pretrained_features(source, pretrain, batch_size)
        card = self.card()
        output_is_vector = card.output.kind == "embedding"
        device = next((weight.device for weight in self.model.parameters()), torch.device("cpu"))
        found = [
            feature_vectors(self.model, self._definition, torch.from_numpy(x).to(device), output_is_vector)
            for x in running.arrays(source, card.input, batch_size, self._reader())
        ]
        return np.concatenate(found)

    # ---- files ---------------------------------------------------------------------------------

    def card(self) -> ModelCard:
        """Return what the model says about itself."""
        return self._card(None)

    def _card(self, how: Mapping[str, Any] | None) -> ModelCard:
        before = self._loaded.card if self._loaded else None
        return describe(self.task, self._definition, self._data, before, how)

    def save(self, model_path: str | Path = "basenn.pth") -> Path:
        """Write a checkpoint of the network as it is, without the state that training goes on from."""
        net, shape = self.model, self._definition.input_shape
        assert shape is not None
        sample = {"sizes": list(shape.sizes), "axes": list(shape.axes)}
        return checkpoints.save(
            model_path, self.card(), net.state_dict(), self._example(), {"sample": sample}
        )

    def load(self, model_path: str | Path) -> None:
        """Take network, weights and preprocessing from a checkpoint.

        Custom modules have to be added first, since no file carries code.

        Raises:
            CheckpointError: The checkpoint cannot be used; the network is as it was.
            LayerError: A custom module is missing; the network is as it was.
        """
        loaded = checkpoints.load(model_path)
        if self._definition.to_data() == loaded.card.network:
            checkpoints.fill(self.model, loaded.state_dict, model_path)
        else:
            added = self._definition.entries
            modules = [e.layer.module for e in added if isinstance(e.layer, Custom) and e.layer.module]
            modules += [layer for layer, *_ in self._waiting if isinstance(layer, nn.Module)]
            shape = _sample_shape(loaded, model_path)
            definition = Definition.from_data(loaded.card.network, shape, modules)
            net = definition.build()
            checkpoints.fill(net, loaded.state_dict, model_path)
            self._definition, self._net, self._waiting = definition, net, []
            self._calls = max((entry.index for entry in definition.entries), default=0)
            if self._data is not None and not _is_like(self._data, shape, loaded.card):
                self._data = None
        self._remember(loaded)

    def load_weights(self, path: str | Path, sha256: str | None = None, head: bool = True) -> None:
        """Take trained weights from a file of tensors: a published one of torchvision, or a checkpoint.

        They go to the layers of the same name where all names are equal, else to the layers in order, each
        of which must have the same shapes.

        Args:
            path: The file, or an https address.
            sha256: The file's checksum; needed for an address.
            head: False keeps the last layer with weights as it is, for other classes than the file's.

        Raises:
            CheckpointError: The file is missing, cannot be read or does not fit; the network is as it was.
            LayerError: An address is not https or comes without its checksum.
        """
        if "://" not in str(path) and not Path(path).is_file():
            raise MissingCheckpointError(f"{path}: no such file of weights.")
        weights.check_source(f"load_weights({str(path)!r})", str(path), sha256)
        take_over(self.model, weights.read(str(path), sha256), str(path), head)

    def convert(
        self,
        checkpoint: str | Path | None = None,
        out_file: str | Path = "convert_model.onnx",
        backend: str = "ONNX",
        opset_version: int = 13,
        ir_version: int = 7,
    ) -> ExportReport:
        """Write an ONNX file and, beside it, a short script that runs it on a real sample.

        Args:
            checkpoint: The checkpoint to convert; None takes the network as it is.
            out_file: Where to.
            backend: "ONNX", the only one.
            opset_version, ir_version: As for `export`.
        """
        if backend.upper() != "ONNX":
            raise ExportError(f"backend={backend!r}: only 'ONNX' is written.")
        return self.export(
            out_file, checkpoint=checkpoint, opset_version=opset_version, ir_version=ir_version, script=True
        )

    def export(
        self,
        path: str | Path,
        checkpoint: str | Path | None = None,
        opset_version: int = 13,
        ir_version: int = 7,
        preprocess: str = "runtime",
        script: bool = False,
        tolerance: float = 1e-4,
    ) -> ExportReport:
        """Write one ONNX file that carries everything, compared with torch before it is kept.

        Args:
            path: Where to.
            checkpoint: The checkpoint to export; None takes the network as it is.
            opset_version, ir_version, preprocess, script, tolerance: See `onnxnn.export.export_onnx`.

        Raises:
            ExportError: It cannot be written as asked, or differs from torch; no file is left.
        """
        if checkpoint is not None:
            self.load(checkpoint)
        example = self._example()
        return export_onnx(
            self._definition,
            self.model,
            self.card(),
            path,
            opset_version=opset_version,
            ir_version=ir_version,
            preprocess=preprocess,
            example=None if example is None else example.numpy(),
            script=script,
            tolerance=tolerance,
        )

    # ---- inside --------------------------------------------------------------------------------

    def _need_data(self) -> Data:
        if self._data is None:
            raise DataError(
                "there is no data to learn from: call load_img_data, load_tab_data, load_npz_data "
                "or load_dataset first."
            )
        return self._data

    def _give_last_step_only(self, data: Data) -> None:
        """Let the network give one output per sequence, where the data has one label for each."""
        shape = self._definition.output_shape
        if shape is None or shape.axes != ("time", "feature") or shape["time"] == 1:
            return
        if self._definition.teacher_forcing:
            return
        if data.train.num_targets in (shape["time"], shape.numel):
            return  # a target for each step
        name = self._definition.give_last_step_only()
        if name is None:
            raise TrainingError(
                f"the network gives {shape.describe()}, and the data has one label for each sequence: put "
                "add('global_avgpool') or add('flatten') before the last linear layers."
            )
        self._net = None
        if self.verbose:
            print(f"{name}: return_sequences=False, since the data has one label for each sequence")

    def _go_on_from(self, path: str | Path) -> Checkpoint:
        """Load a checkpoint to train on: into the layers that were added, or with its own."""
        if not self._definition.entries:
            self.load(path)
            assert self._loaded is not None
            return self._loaded
        loaded = checkpoints.load(path)
        checkpoints.fill(self.model, loaded.state_dict, path)
        self._remember(loaded)
        return loaded

    def _remember(self, loaded: Checkpoint) -> None:
        self._loaded = loaded
        self.task = loaded.card.task
        self.history = History(loaded.training.get("history", ()))
        self._set_vocabulary(loaded.card.input.vocabulary)
        if loaded.card.input.preprocess is not None:
            self.color = loaded.card.input.preprocess.color

    def _reader(self) -> running.Reader | None:
        """How a picture is read where training read it by a function of the user's own."""
        return None if self._data is None else self._data.read

    def _example(self) -> torch.Tensor | None:
        if self._data is not None:
            return torch.from_numpy(self._data.example.copy())
        return self._loaded.example if self._loaded else None


def _is_like(data: Data, shape: Shape, card: ModelCard) -> bool:
    """Tell whether data says the same about a network's input and classes as a checkpoint does."""
    same = data.preprocess == card.input.preprocess and data.classes == card.output.classes
    return same and data.sample == shape


def _sample_shape(loaded: Checkpoint, path: str | Path) -> Shape:
    sample = loaded.training.get("sample", {})
    try:
        return Shape(tuple(sample["sizes"]), tuple(sample["axes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: does not say what one sample looks like ({error}). Train or save the network anew."
        ) from error
