"""Adding layers to a network, and printing what it is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.messages.warn import warn
from torch import nn

from onnxnn.console.display import PrintedText, say_or_show
from onnxnn.definition.summary import html_table, table
from onnxnn.layers.adding import check_arguments, check_fallback
from onnxnn.layers.efficientnet import MissingWeightsError
from onnxnn.layers.registry import find, immutable
from onnxnn.training import optimizers

from .core import NetworkCore
from .representation import as_line
from .state import OptimizerChoice


def add(
    self: NetworkCore,
    layer: str | nn.Module | None = None,
    activation: str | None = None,
    optimizer: str | None = None,
    *,
    fallback: str | None = None,
    **options: object,
) -> None:
    """Append a layer, an activation, or choose the optimizer.

    Args:
        layer: A layer's name in any case, or a `torch.nn.Module`.
        activation: An activation's name in any case.
        optimizer: SGD, Adam, AdamW, Adagrad, ASGD or RMSprop; without a layer, the options are the
            optimizer's, e.g. add(optimizer="SGD", momentum=0.8).
        fallback: The layer to append instead where the package of weights="auto" is not installed; a warning
            says what to install.
        options: The layer's options, such as size=(4, 10).

    Raises:
        LayerError: Something is unknown or does not match; the network is as it was.
        TrainingError: The optimizer or an option of it is unknown.
    """
    if "optimmizer" in options:
        warn(gettext("add(optimmizer=...) is read as optimizer=."))
        misspelled = cast(str, options.pop("optimmizer"))  # what it is, is checked below
        optimizer = optimizer or misspelled
    check_arguments(layer, activation, optimizer, options)
    check_fallback(fallback)
    if layer is None and activation is None:
        if optimizer is None:
            raise LayerError.coded(
                "E-CALL-02",
                "add(): expected a layer, an activation or an optimizer, got none. Name one, such as "
                "add('linear', size=(4, 3)).",
            )
        name, options = optimizers.optimizer_name(optimizer), immutable(options)
        optimizers.check_optimizer_options(name, options)
        choice = OptimizerChoice(name, options, is_chosen=True)
        self._state = replace(self._state, calls=self._state.calls + 1, optimizer=choice)
        return
    chosen = None if optimizer is None else optimizers.optimizer_name(optimizer)
    try:
        self._become(self._state.with_layer(layer, activation, options))
    except MissingWeightsError as error:
        if fallback is None:
            raise
        found = find(fallback).kind
        self._become(self._state.with_layer(found, activation, {}))
        warn(
            gettext(
                "{error} Until then {fallback} stands in for it, which has to learn everything from your "
                "images.",
                error=error,
                fallback=shortened(found),
            )
        )
    if chosen is not None:
        self.optimizer = chosen


def print_model(self: NetworkCore) -> None:
    """Print the torch module."""
    say(self.model)


def summary(self: NetworkCore) -> str:
    """Print and return the table of layers, output shapes, parameters and multiply-adds."""
    batch = self._data.train.batch_size if self._data else None
    shown, html = table(self._definition, batch), html_table(self._definition, as_line(self), batch)
    say_or_show(shown, html)
    return PrintedText(shown, html)
