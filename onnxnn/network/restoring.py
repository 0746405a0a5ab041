"""The network of a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import CheckpointError, DataError, LayerError
from onnxnn_runtime.messages.catalogue import coded

from onnxnn.checkpoint import checkpoint as checkpoints
from onnxnn.checkpoint.checkpoint import Checkpoint
from onnxnn.data import Preparation
from onnxnn.definition import memory
from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of
from onnxnn.training.ending import closing_of

from .state import NetworkState


def restored(
    before: NetworkState, loaded: Checkpoint, path: str | Path, own_layers: bool = False
) -> NetworkState:
    """Return the network of a checkpoint, with the data of the one before prepared as it knows it.

    The network before stays as it is, weights included, but for custom modules, which are filled themselves:
    call it within `custom_weights_kept`.

    Args:
        before: The network before.
        loaded: The checkpoint.
        path: Its path, for messages.
        own_layers: Whether its weights have to match the layers that were added.

    Raises:
        CheckpointError: The weights do not match the layers, or the shape of a sample is missing.
        LayerError: A custom module is missing.
        DataError: The data is of another kind, or has other columns, words or classes.
    """
    card = loaded.card
    if not card.network:
        raise CheckpointError(
            coded(
                "E-CKPT-02",
                "{path}: expected a network with layers, got one without. Train or save it again.",
                path=path,
            )
        )
    is_same = own_layers or before.definition.to_data() == card.network
    definition, owned = _defined(before, loaded, path, is_same)
    state = replace(
        before,
        task=card.task,
        is_task_open=False,
        definition=definition,
        calls=max((entry.index for entry in definition.entries), default=0),
        waiting=(),
        data=None,
        owned=owned,
        checkpoint=loaded,
        training=None,
    )
    data = before.data
    if data is not None:
        try:
            data = state.data_of(data)
        except (DataError, LayerError):
            if is_same or not before.definition.has_layers:
                raise
            data = None  # it belongs to the network that was there before
    checkpoints.fill(definition.net, loaded.state_dict, path)
    color = card.input.preprocess.color if card.input.preprocess is not None else before.color
    return replace(state, data=data, color=color)


def _defined(
    before: NetworkState, loaded: Checkpoint, path: str | Path, is_same: bool
) -> tuple[Definition, Preparation | None]:
    """Return the layers of a checkpoint, new weights for them, and how its data was prepared.

    Args:
        before: The network before.
        loaded: The checkpoint.
        path: Its path, for messages.
        is_same: Whether the layers are those that were added.
    """
    card = loaded.card
    if is_same:
        definition, shape = before.definition.with_own_weights(), present(before.definition.input_shape)
        if (
            card.input.kind == "table"
        ):  # columns that hold more than numbers become as many as it learned from
            shape = _sample_shape(loaded, path)
    else:
        shape = _sample_shape(loaded, path)
        definition = Definition.from_data(card.network, shape, before.custom_modules())
        _check_stored(definition, loaded, path)
    owned = Preparation.of_card(card, shape)
    if is_same and owned is not None:
        if shape == before.definition.input_shape:
            definition = definition.with_normalize(owned.normalize)
        else:
            definition = definition.with_input(shape, owned.normalize)
    if kind_of(card.task, definition).takes_ending:
        definition = definition.with_closing(closing_of(definition, card))
    return definition, owned


def _sample_shape(loaded: Checkpoint, path: str | Path) -> Shape:
    sample = loaded.training.get("sample", {})
    try:
        return Shape(tuple(sample["sizes"]), tuple(sample["axes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            coded(
                "E-CKPT-02",
                "{path}: expected the sizes and axes of one sample, got none ({reason}). Train or save the "
                "network again.",
                path=path,
                reason=error,
            )
        ) from error


def _check_stored(definition: Definition, loaded: Checkpoint, path: str | Path) -> None:
    """Refuse, before it is built, a network that is far larger than the weights that stand in its file.

    Raises:
        CheckpointError: It is.
    """
    needed = sum(
        memory.cost_of(each.layer, each.in_shape, each.out_shape).weights for each in definition.placed()
    )
    stored = sum(value.numel() * value.element_size() for value in loaded.state_dict.values())
    if needed > 4 * stored + (1 << 26):
        raise CheckpointError(
            coded(
                "E-CKPT-02",
                "{path}: expected weights of {expected}, as its network has, got {got}. Copy or save the "
                "file again.",
                path=path,
                expected=memory.gigabytes(needed),
                got=memory.gigabytes(stored),
            )
        )
