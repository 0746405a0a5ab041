"""What `add` was given, before anything is made of it: options without names, and calls without a layer."""

from __future__ import annotations

from collections.abc import Mapping

from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import nearest
from torch import nn

from .other_names import OF_ADD
from .registry import find, option_names, registry

_OF_TRAIN = ("epochs", "learning_rate", "loss", "lr", "metrics")


def check_arguments(
    layer: object, activation: object, optimizer: object, options: Mapping[str, object]
) -> None:
    """Refuse calls of `add` in which something stands in another's place, with the line to write.

    Args:
        layer, activation, optimizer, options: As `add` was given them.

    Raises:
        LayerError: An option stands without its name, options stand without a layer, or the layer is a class.
    """
    if isinstance(layer, type) and issubclass(layer, nn.Module):
        name = layer.__name__
        raise LayerError.coded(
            "E-LAYER-07",
            "add({name}): expected a module, got its class. Write add({name}(...)).",
            name=name,
        )
    misplaced = [each for each in (activation, optimizer) if each is not None and not isinstance(each, str)]
    has_place = not isinstance(layer, str) or not set(option_names(layer)[:1]) & set(options)
    if misplaced and isinstance(layer, str | nn.Module) and has_place:
        raise _options_go_by_name(layer, activation, optimizer, options, misplaced)
    if layer is None and options and (activation is not None or optimizer is None):
        _check_mistyped(options)
        if activation is None:
            raise _without_layer(options)


def check_fallback(fallback: object) -> None:
    """Refuse what cannot stand in for a layer whose weights are not installed.

    Raises:
        LayerError: It is no layer's name.
    """
    if fallback is None:
        return
    if not isinstance(fallback, str):
        raise LayerError.coded(
            "E-LAYER-01",
            "add(..., fallback={fallback}): expected a layer's name, such as 'mobilenet_backbone'.",
            fallback=shortened(fallback),
        )
    find(fallback)


def _options_go_by_name(
    layer: str | nn.Module,
    activation: object,
    optimizer: object,
    options: Mapping[str, object],
    misplaced: list[object],
) -> LayerError:
    name = repr(layer) if isinstance(layer, str) else f"{type(layer).__name__}(...)"
    places = [shortened(each) for each in (activation, optimizer) if each is not None]
    given = [f"{key}={shortened(value)}" for key, value in options.items()]
    call = f"add({', '.join([name, *places, *given])})"
    if not isinstance(layer, str):
        return LayerError.coded(
            "E-LAYER-07",
            "{where}: a module has no options; its second argument is an activation's name."
            " Give options to the module itself when you make it.",
            where=call,
        )
    names = option_names(layer)
    if not names:
        return LayerError.coded(
            "E-LAYER-02", "{where}: {kind} has no options. Leave them out.", where=call, kind=shortened(layer)
        )
    written = [f"{key}={value}" for key, value in _named(names, misplaced, options).items()]
    texts = [each for each in (activation, optimizer) if isinstance(each, str)]
    written += given + [f"activation={shortened(each)}" for each in texts[:1]]
    return LayerError.coded(
        "E-LAYER-02",
        "{where}: options need their names. Write add({arguments}).",
        where=call,
        arguments=", ".join([name, *written]),
    )


def _named(names: list[str], values: list[object], options: Mapping[str, object]) -> dict[str, str]:
    """Return the options that values without names probably are, in the layer's own order."""
    free = [each for each in names if each not in options]
    if free[:1] == ["size"] and len(values) == 2 and all(type(each) is int for each in values):
        return {"size": shortened(tuple(values))}
    return {key: shortened(value) for key, value in zip(free, values, strict=False)}


def _without_layer(options: Mapping[str, object]) -> LayerError:
    given = ", ".join(f"{key}={shortened(value)}" for key, value in options.items())
    if all(key in _OF_TRAIN for key in options):
        return LayerError.coded(
            "E-LAYER-02",
            "add({given}): these are options of train(): train({given}). Move them there.",
            given=given,
        )
    return LayerError.coded(
        "E-LAYER-02",
        "add({given}): {option} is an option of which layer? Write add('linear', {given}), for example.",
        given=given,
        option=shortened(next(iter(options))),
    )


def _check_mistyped(options: Mapping[str, object]) -> None:
    """Refuse a name that is no option of any layer and is near to what `add` takes itself."""
    known = {option for name, cls in registry.items() if cls.named for option in option_names(name)}
    for key in options:
        meant = "" if key in (*known, *_OF_TRAIN) else nearest(key, OF_ADD)
        if meant:
            given = ", ".join(f"{each}={shortened(value)}" for each, value in options.items())
            raise LayerError.coded(
                "E-LAYER-02",
                "add({given}): unknown option {option}. Did you mean {name}?",
                given=given,
                option=shortened(key),
                name=shortened(meant),
            )
