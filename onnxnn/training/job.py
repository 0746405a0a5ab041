"""One call of `train`: what it resumes from, where it writes, and the trainer between."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import CheckpointError, InputError, OnnxnnError, OutputError, TrainingError
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.messages.streams import say

from onnxnn.checkpoint import checkpoint
from onnxnn.checkpoint.card import how_trained
from onnxnn.checkpoint.checkpoint import Checkpoint
from onnxnn.data import BY_INDEX, Batches, Data
from onnxnn.definition import memory
from onnxnn.definition.module import Net

from . import losses, metrics
from .advice import advice, best_line
from .callbacks import Callback, Progress, Writer, check_files, files_of
from .class_weights import weighted
from .dead_outputs import outputs_kept_alive
from .device import Machine, threads_for
from .embedding import for_evaluation, for_pairs
from .learner import evaluate
from .optimizers import states_per_weight
from .settings import TrainSettings
from .state import TrainingState
from .trainer import Trainer

if TYPE_CHECKING:
    from onnxnn.kinds.kind import NetworkKind

__all__ = ["Job", "check", "evaluate_network", "settings_of"]

Describe = Callable[[Mapping[str, Any]], ModelCard]
"""How it was trained -> the model card."""


@dataclass(frozen=True)
class Job:
    """Everything one training needs.

    Args:
        kind: The network as its kind.
        net: Its torch module, which is trained itself.
        data: What to learn from.
        settings: How to train.
        path: The checkpoint to write.
        describe: Makes the model card.
        verbose: 0 says nothing.
        callbacks: What to do beside.
    """

    kind: NetworkKind
    net: Net
    data: Data
    settings: TrainSettings
    path: Path
    describe: Describe
    verbose: int = 1
    callbacks: Iterable[Callback] = ()

    def prepare(self, machine: Machine, before: Checkpoint | None = None, finish: bool = False) -> Trainer:
        """Return what trains, with everything checked that can be known before the first epoch.

        Args:
            machine: Where.
            before: The checkpoint to resume from; its weights are in the network already.
            finish: Whether to finish that training instead of adding epochs to it.

        Raises:
            OutputError: The checkpoint cannot be written.
            TrainingError: Loss, metrics, network and data do not match.
            CheckpointError: The state of the training to resume from does not match.
        """
        wanted = self.settings
        loss, found = self.kind.loss_and_metrics(self.net, self.data.num_classes, wanted.loss, wanted.metrics)
        train, validation = self.data.train, self.data.validation
        classes = self.data.classes if self.kind.classifies else ()
        loss = weighted(loss, wanted.class_weight, train, classes)
        if loss.name in losses.EMBEDDING_LOSSES:
            train, validation = for_pairs(train, validation, loss.name, machine.processes)
        trainer = Trainer(
            self.kind.learner(self.net, loss),
            train,
            validation,
            self.settings,
            metrics=found,
            machine=machine,
            callbacks=[
                Progress(self.verbose),
                Writer(self.path, self._write),
                *self._samples(),
                *self.callbacks,
            ],
            decay=_decay(self.kind, self.settings),
        )
        if before is not None and "epoch" in before.training:  # `save` keeps weights alone
            keep_best = machine.together(lambda: os.path.isfile(files_of(self.path)[1]))[0]
            state = cast(TrainingState, before.training)
            machine.together(lambda: trainer.resume(state, same_schedule=finish, keep_best=keep_best))
        # Last: it makes the folder, which nothing that is refused may leave.
        machine.together(lambda: check_files(self.path) if machine.is_main else None)
        return trainer

    def run(self, trainer: Trainer) -> dict[str, Any]:
        """Train and return how the network was trained, as the card says it.

        Raises:
            OutputError: The checkpoint cannot be written any more; what was learned is kept.
            TrainingError: The loss became NaN, or a batch of one sample is too small.
        """
        try:
            alive = outputs_kept_alive(self.kind.task, self.kind.definition, self.net)
            with threads_for(self._multiply_adds()), alive:
                trainer.run()
            self._say(trainer)
            return self._how(trainer.state(light=True))
        except OutputError as error:
            raise OutputError.coded(
                "E-OUTPUT-01",
                "{error} Training stopped after epoch {epoch}; its weights are in memory, and "
                "model.save('elsewhere/basenn.pth') keeps them.",
                error=error,
                epoch=trainer.epoch,
            ) from error
        except ValueError as error:
            if isinstance(error, OnnxnnError) or "more than 1 value per channel" not in str(error):
                raise
            raise TrainingError.coded(
                "E-DATA-12",
                "batch_size={batch_size}: batch normalisation (batchnorm, action_model) expected at "
                "least two samples in a batch, got one. Load at least two and use batch_size=2 or more.",
                batch_size=self.data.train.batch_size,
            ) from error

    def _say(self, trainer: Trainer) -> None:
        """Say which epoch was best, and what a user should know about the figures."""
        history, validation = trainer.history, trainer.validation
        if not self.verbose or validation is None or not trainer.machine.is_main:
            return
        if history.best_epoch is None:
            return
        lines = [best_line(history, self.settings.column(validated=True))]
        if self.kind.classifies and self.data.classes:
            classes = len(self.data.classes)
            lines += advice(history, classes, self.data.train.num_samples, validation.num_samples)
        for line in lines:
            say(line, to="stderr")

    def _multiply_adds(self) -> int | None:
        """Return those of a batch, None where a layer does not know its own."""
        of_a_sample = self.kind.definition.multiply_adds()
        return None if of_a_sample is None else of_a_sample * self.data.train.batch_size

    def _samples(self) -> list[Callback]:
        if self.settings.samples_every == 0:
            return []
        folder = self.path.parent / "samples"
        return self.kind.callbacks(folder, self.data, self.settings.samples_every, self.verbose)

    def _write(self, path: Path, weights: Mapping[str, torch.Tensor], state: TrainingState) -> None:
        sample = present(self.kind.definition.input_shape).to_data()
        example = torch.from_numpy(self.data.example.copy())
        checkpoint.save(path, self.describe(self._how(state)), weights, example, {**state, "sample": sample})

    def _how(self, state: TrainingState) -> dict[str, Any]:
        settings = state["settings"] | {"lr": state["lr"]}
        how = how_trained(settings, state["history"], self.data.train.num_samples)
        return how | {BY_INDEX: True} if self.data.preparation.by_index else how


def check(kind: NetworkKind, data: Data, settings: TrainSettings) -> None:
    """Refuse a training before weights are copied for it.

    Raises:
        TrainingError: The network cannot learn from such data, or there is too little memory.
        DataError: The data is of another kind.
    """
    kind.check_data(data)
    definition = kind.definition
    layers = ((each.layer, each.in_shape, each.out_shape) for each in definition.placed())
    batch = min(data.train.batch_size, data.train.num_samples)
    states = states_per_weight(settings.optimizer, settings.optimizer_options)
    copies = 1 + (_decay(kind, settings) > 0) + (data.validation is not None)  # 1: those that are trained
    memory.check_training(definition.net, layers, batch, states, copies)


def _decay(kind: NetworkKind, settings: TrainSettings) -> float:
    """Return the decay of the moving average of weights, 0 for none."""
    return kind.ema if settings.ema is None else settings.ema


def settings_of(
    settings: TrainSettings,
    before: Checkpoint | None,
    finish: bool,
    path: object,
    keep_optimizer: bool = False,
) -> TrainSettings:
    """Return the settings of a training that resumes from a checkpoint.

    Args:
        settings: What this call asks for.
        before: The checkpoint, or None.
        finish: Whether to finish that training: then its own settings count.
        path: The checkpoint's path, for messages.
        keep_optimizer: Whether nobody chose an optimizer for this network: then the checkpoint's counts.

    Raises:
        CheckpointError: The checkpoint was never trained, so there is nothing to finish.
    """
    if before is None:
        return settings
    if not {"settings", "epoch"} <= before.training.keys():
        if not finish:
            return settings
        raise CheckpointError.coded(
            "E-CKPT-03",
            "{path}: holds no training to finish. Use train(checkpoint=...) to train it.",
            path=path,
        )
    if finish or keep_optimizer or settings.loss is None or settings.class_weight is None:
        try:
            earlier = TrainSettings.from_data(before.training["settings"])
        except (TrainingError, TypeError, ValueError, AttributeError) as error:
            reason = printable(getattr(error, "text", str(error)))
            raise CheckpointError.coded(
                "E-CKPT-02",
                "{path}: the settings of its training state are not valid: {reason}"
                " Train from it with checkpoint= in place of resume=.",
                path=path,
                reason=reason,
            ) from error
        if finish:
            return earlier
        if keep_optimizer:
            options = earlier.optimizer_options
            settings = replace(settings, optimizer=earlier.optimizer, optimizer_options=options)
        if settings.loss is None:
            settings = replace(settings, loss=earlier.loss)
        if settings.class_weight is None:
            settings = replace(settings, class_weight=earlier.class_weight)
    lr = before.training.get("lr") if settings.lr is None else settings.lr
    return replace(settings, lr=lr, epochs=settings.epochs + int(before.training["epoch"]))


def evaluate_network(
    kind: NetworkKind,
    net: Net,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    num_classes: int,
    loss: str | None,
    names: str | Sequence[str] | None,
) -> dict[str, float]:
    """Return the loss and the metrics of a network over batches.

    Args:
        kind: What kind of network it is.
        net: The network; it runs in evaluation mode and comes back in the mode it was in.
        batches: Samples and targets.
        num_classes: The number of classes in the data, 0 where there are none.
        loss: The loss's name; None takes the task's usual one.
        names: Metrics; None takes the kind's usual ones.

    Raises:
        TrainingError: Loss or metrics do not match the network.
    """
    wanted = metrics.official_names(kind.default_metrics if names is None else names)
    made, found = kind.loss_and_metrics(net, num_classes, loss, wanted)
    if made.name in losses.EMBEDDING_LOSSES and isinstance(batches, Batches):
        batches = for_evaluation(batches, made.name)
    learner = kind.learner(net, made).to(net.device).train(net.training)  # a new module is in training mode
    figures = evaluate(learner, kind.checked(batches), found, net.device)
    if math.isnan(figures["loss"]):
        raise InputError.coded(
            "E-TRAIN-05",
            "evaluate(): the loss is NaN, since the network returns NaN or infinite numbers for this "
            "data. Check the range of the inputs, or train it again with a smaller lr.",
        )
    return figures
