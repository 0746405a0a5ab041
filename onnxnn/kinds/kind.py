"""What training, checkpoints and export ask a network that differs between kinds of networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.card import InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.generation.options import Generated, GenerationOptions

from onnxnn.checkpoint.card import describe_input, describe_output, output_kind
from onnxnn.data import Data, Preparation
from onnxnn.definition.definition import Definition, Net
from onnxnn.definition.dynamic_axes import fixed_input
from onnxnn.export import preprocessing
from onnxnn.export.example_script import ScriptBody, input_body
from onnxnn.export.model import output_axis
from onnxnn.export.verification import Parity, Trial, compare_outputs
from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape
from onnxnn.inference import predict, text
from onnxnn.training import losses, metrics
from onnxnn.training.callbacks import Callback
from onnxnn.training.learner import Learner, LossModule
from onnxnn.training.losses import Loss
from onnxnn.training.metrics import Metric

Array = np.ndarray[Any, Any]


Batch = tuple[torch.Tensor, torch.Tensor]
"""Samples and their targets."""


@dataclass(frozen=True, eq=False)
class NetworkKind:
    """A feed-forward network, and the base class of every other kind.

    Training, checkpoints and export ask this object whatever differs between kinds of networks, and never
    which kind it is. Another kind is one class that overrides what differs and is decorated with `register`.

    Args:
        task: "cls", "reg", "gen" or "embed".
        definition: The network's layers.
    """

    task: str
    definition: Definition

    ema: ClassVar[float] = 0.0
    """The decay of the moving average of weights by default; 0 keeps none."""

    runs_in_xedu: ClassVar[bool] = True
    """Whether XEduHub, which feeds a graph one array of floats, can run the file."""

    samples_images: ClassVar[bool] = False
    """Whether the network samples images from noise, instead of an output for an input."""

    takes_ending: ClassVar[bool] = True
    """Whether what a loss wants, such as softmax or the targets' scale, may follow the last layer."""

    writes_tokens: ClassVar[bool] = False
    """Whether it writes tokens, unless it is to predict values or to compare vectors."""

    learns_each_step: ClassVar[bool] = False
    """Whether every step of a sequence has a target of its own, whatever the data."""

    @classmethod
    def matches(cls, task: str, definition: Definition) -> bool:
        """Return whether a network is of this kind."""
        return True

    # ---- training ------------------------------------------------------------------------------

    @property
    def classifies(self) -> bool:
        """Whether accuracy on classes says how well it has learned."""
        return self.task == "cls"

    @property
    def default_metrics(self) -> str | Sequence[str]:
        """The metrics of `evaluate` by default."""
        return "mae" if self.task in ("reg", "gen") else "acc"

    def check_data(self, data: Data) -> None:
        """Refuse data that the network cannot learn from.

        Raises:
            DataError: It is such data.
            TrainingError: The task is one that this kind does not learn.
        """

    def checked(self, batches: Iterable[Batch]) -> Iterable[Batch]:
        """Return batches to evaluate on as they are, or refuse one when it comes.

        Raises (as they are iterated):
            DataError: A batch does not match the network.
        """
        return batches

    def loss_and_metrics(
        self, net: Net, num_classes: int, loss: str | None, names: Sequence[str]
    ) -> tuple[Loss, list[Metric]]:
        """Return what to minimise, and what else to report.

        Args:
            net: The network.
            num_classes: The number of classes in the data, 0 where there are none.
            loss: The loss's name; None takes the usual one.
            names: The metrics' names.

        Raises:
            TrainingError: They do not match each other or the network.
        """
        shape = present(self.definition.output_shape)
        made = losses.make(loss, net, shape, self.task, num_classes)
        return made, metrics.make(names, net, made, self.task, num_classes)

    def learner(self, net: Net, loss: Loss) -> LossModule:
        """Return a network and its loss as one module, in the network's mode."""
        return in_mode_of(net, Learner(net, loss))

    def callbacks(self, folder: Path, data: Data, every: int | None, verbose: int) -> list[Callback]:
        """Return what this kind does besides training, such as images sampled in between.

        Args:
            folder: Where it writes.
            data: What the network learns from.
            every: After how many epochs; None chooses.
            verbose: 0 says nothing.
        """
        return []

    @property
    def image_size(self) -> int | None:
        """The size that images have to be resized to; None where the data or the layers decide."""
        return None

    # ---- inference -----------------------------------------------------------------------------

    def check_takes_data(self, call: str) -> None:
        """Refuse a call that gives a network data, where it takes none.

        Raises:
            InputError: It takes none; the message begins with the call.
        """

    def check_one_input(self, call: str) -> None:
        """Refuse a call that gives a network one input, where it takes two.

        Raises:
            InputError: It takes two; the message begins with the call.
        """

    def infer(
        self,
        net: Net,
        data: object,
        spec: InputSpec,
        batch_size: int | None,
        read: predict.Reader | None,
        names: list[str],
        labels: list[Array],
    ) -> Array:
        """Return the network's output for each sample, float32 (N, ...).

        Args:
            net: The network.
            data: See `onnxnn.inference.predict.infer`.
            spec: What the network takes.
            batch_size: Samples at once; None follows the device.
            read: How to read an image where training read it by a custom function.
            names: The name of each sample is added to it.
            labels: The labels of data that has some are added to it.
        """
        return predict.infer(net, predict.unlabelled(data, labels), spec, batch_size, read, names)

    def generate(self, net: Net, card: ModelCard, options: GenerationOptions) -> Generated:
        """Continue a prompt; see `onnxnn.Network.generate`.

        Args:
            net: The network.
            card: Its card.
            options: How the text begins, or the sources, and how it is continued.

        Raises:
            CardError: The network does not generate.
            InputError: An option is out of range, or of another kind of network.
        """
        options.check_for(translates=False)
        return text.write(net, card, options)

    # ---- card ----------------------------------------------------------------------------------

    @property
    def card_task(self) -> str:
        """The task that the card names."""
        return self.task

    def input_spec(self, known: Preparation | None) -> InputSpec:
        """Return what goes in; `known` is how its data is prepared, None where it never had any."""
        return describe_input(self.definition, known)

    def output_spec(self, known: Preparation | None) -> OutputSpec:
        """Return what comes out; `known` as for `input_spec`."""
        classes = () if known is None else known.classes
        return describe_output(self.output_kind(len(classes)), self.definition, known)

    def output_kind(self, num_classes: int) -> str:
        """Return "classes", "binary", "values", "embedding", "tokens" or "image"."""
        if self.writes_tokens and self.task not in ("embed", "reg"):
            return "tokens"
        return output_kind(self.task, self.definition, num_classes)

    def diffusion_spec(self, known: Preparation | None) -> DiffusionSpec | None:
        """Return what sampling images with the network needs; None where it samples none."""
        return None

    # ---- export --------------------------------------------------------------------------------

    def check_export(self, card: ModelCard, opset: int, in_graph: bool) -> None:
        """Refuse options that this kind is not exported with.

        Args:
            card: The network's card.
            opset: Opset of the ONNX domain.
            in_graph: Whether preprocessing goes into the graph.

        Raises:
            ExportError: The message names the option.
        """
        if in_graph:
            preprocessing.check(card.input, opset)

    def fixed_shape(self, free: Shape) -> Shape:
        """Return one sample as in training, for a file whose sizes are fixed.

        Args:
            free: One sample, None for the sizes that are free.

        Raises:
            ExportError: A network of this kind cannot have fixed sizes.
        """
        return fixed_input(self.definition) or free

    def value_names(self, card: ModelCard) -> tuple[str, str]:
        """Return the names of the graph's first input and first output."""
        return "input", "output"

    def emit(
        self, graph: GraphBuilder, x: Value, net: Net, card: ModelCard, free: Shape
    ) -> tuple[Value, Value | None]:
        """Write the network's nodes; return the output, and the feature vector before the head, if any.

        Args:
            graph: Where to.
            x: The graph's input, preprocessed.
            net: The network's module, in evaluation mode.
            card: Its card.
            free: One sample, None for the sizes that stay free.
        """
        return self.definition.emit(graph, x, net, free)

    def output_axis(self, axis: str) -> str:
        """Return how the file names a free axis of the output."""
        return output_axis(self.definition, axis)

    def script_body(self, model: Path, card: ModelCard, example: Array | None) -> ScriptBody:
        """Return what the sample script beside a file does with the model.

        Args:
            model: The file.
            card: Its card.
            example: One raw training sample; None takes random numbers of the right shape.

        Raises:
            OutputError: A sample that the script reads cannot be written.
        """
        return input_body(model, card, example)

    def compared(self, parity: Parity, trial: Trial) -> Parity:
        """Return a parity joined with the difference between file and torch in one trial.

        Raises:
            ExportError: Their shapes differ.
        """
        return compare_outputs(self.definition, trial, parity)


def in_mode_of(net: Net, learner: LossModule) -> LossModule:
    """Return a new learner in its network's mode; a new module is in training mode."""
    learner.training = net.training
    return learner


_KINDS: list[type[NetworkKind]] = []


def register(kind: type[NetworkKind]) -> type[NetworkKind]:
    """Make a kind known; those that were registered later are asked first whether they match."""
    _KINDS.insert(0, kind)
    return kind


def registered() -> tuple[type[NetworkKind], ...]:
    """Return the kinds that are known, in the order in which they are asked."""
    return tuple(_KINDS)


def kind_of(task: str, definition: Definition) -> NetworkKind:
    """Return a network as its kind.

    Args:
        task: "cls", "reg", "gen" or "embed".
        definition: The network's layers.
    """
    found = next((kind for kind in _KINDS if kind.matches(task, definition)), NetworkKind)
    return found(task, definition)
