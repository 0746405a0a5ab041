"""What a network becomes before it is trained: the task, outputs and ending that its data and loss want."""

from __future__ import annotations

from dataclasses import replace

import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.data.batches import InMemory
from onnxnn.training.ending import score_ending
from onnxnn.training.losses import REGRESSION_LOSSES, official_name
from onnxnn.training.target_scale import target_scale
from onnxnn.training.target_values import check_values

from .state import Changed, NetworkState


def adapted(state: NetworkState, loss: str | None) -> Changed:
    """Return the network as its data and a loss want it, and what to say about that.

    Args:
        state: The network, which has data and layers.
        loss: The loss's name in any spelling; None for the task's usual one.

    Raises:
        TrainingError: The network cannot return such targets, or returns an output for each step where the
            data has one label for each sequence.
    """
    state, regression = _as_regression(state, loss)
    state, labels = _with_labels_as_outputs(state)
    state, steps = _with_last_step_only(state)
    state, ending = _with_ending(state, loss)
    return state, (*regression, *labels, *steps, *ending)


def _as_regression(state: NetworkState, loss: str | None) -> Changed:
    """Return the network as a regression where nobody chose a task, and loss and outputs are one's.

    Such is a loss on values, and one output for labels that are numbers, and not 0 and 1 alone.
    """
    data, shape = state.data, state.definition.output_shape
    if state.task != "cls" or not state.is_task_open or state.owned is not None or data is None:
        return state, ()
    if loss is None or official_name(loss) not in REGRESSION_LOSSES or shape is None or shape.numel != 1:
        return state, ()
    values = data.preparation.labels.as_values() if data.classes != ("0", "1") else None
    if values is None or not isinstance(data.train.samples, InMemory) or state.definition.net.ending:
        return state, ()
    line = gettext(
        "loss={loss} and one output: the labels are values to predict, as for nn('reg')",
        loss=shortened(loss),
    )
    return replace(state, task="reg", data=data.with_values(values)), (line,)


def _with_labels_as_outputs(state: NetworkState) -> Changed:
    """Return the network with labels such as 1, 2, 3 as the outputs of their own numbers."""
    data, shape = state.data, state.definition.output_shape
    units = None if shape is None or "channel" in shape.axes else shape.sizes[-1]
    if data is None or units is None or state.task != "cls" or state.owned is not None:
        return state, ()
    if data.preparation.named:
        return state, ()
    labels = data.preparation.labels
    wider = labels.up_to(units)
    if wider is None:
        return state, ()
    definition = state.definition.with_num_classes(len(wider.names))
    data = data.relabelled(wider, wider.ids_of(labels))
    line = gettext(
        "the labels {labels} are taken as class indices, of 0 to {last}",
        labels=", ".join(labels.names),
        last=units - 1,
    )
    return replace(state, data=data, definition=definition), (line,)


def _with_last_step_only(state: NetworkState) -> Changed:
    """Return the network with one output per sequence, where its data has one label for each.

    Raises:
        TrainingError: It returns an output for each step, and cannot do otherwise.
    """
    data, shape = state.data, state.definition.output_shape
    data = present(data)
    if shape is None or shape.axes != ("time", "feature") or shape["time"] == 1:
        return state, ()
    if state.kind.learns_each_step or data.train.num_targets in (shape["time"], shape.numel):
        return state, ()  # a target for each step
    if data.train.num_targets > 1 and data.train.num_classes:
        raise TrainingError.coded(
            "E-DATA-07",
            "the output of the network is {shape}: expected one label for each sequence or for each "
            "of its steps ({steps}), got {got} for each. Change the labels.",
            shape=shape.describe(),
            steps=shape["time"],
            got=ngettext("{count} label", "{count} labels", data.train.num_targets),
        )
    found = state.definition.last_step_only()
    if found is None:
        raise TrainingError.coded(
            "E-DATA-07",
            "the output of the network is {shape}: expected one for each sequence, as the data has "
            "one label for each. Put add('global_avgpool') or add('flatten') before the last linear "
            "layers.",
            shape=shape.describe(),
        )
    definition, name = found
    with torch.random.fork_rng(devices=[]):  # what is drawn here is overwritten
        net = definition.net
    net.load_state_dict(state.net.state_dict())
    line = gettext(
        "{layer}: return_sequences=False, since the data has one label for each sequence", layer=name
    )
    return replace(state, definition=definition), (line,)


def _with_ending(state: NetworkState, loss: str | None) -> Changed:
    """Return the network with what a loss wants after its last layer; see `onnxnn.training.ending`.

    Raises:
        TrainingError: The network cannot return such targets.
    """
    data = present(state.data)
    definition = state.definition if state.owned is not None else state.definition.with_closing(None)
    if not state.kind.takes_ending:
        return replace(state, definition=definition), ()
    found = definition.closing or score_ending(state.task, definition, data.num_classes, loss)
    check_values(state.task, state.definition, data.train, loss)
    is_trained = state.owned is not None
    scale, lines = target_scale(state.task, definition, data.train, loss, is_trained)
    return replace(state, definition=definition.with_closing(found or scale)), lines
