"""The parts of a recipe, each read and checked by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.defaults import TASKS
from onnxnn_runtime.errors import InputError, TrainingError, located
from onnxnn_runtime.messages.catalogue import following, gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import nearest

from onnxnn.layers.registry import immutable
from onnxnn.network import Network
from onnxnn.training.optimizers import check_optimizer_options, optimizer_name

from .options import Kinds, Place, kinds_of_layer, kinds_of_method, line_of
from .tree import beside

MOST_LAYERS = 1000
"""Lines of `layers`."""

SOURCES = ("images", "table", "npz", "digits")


@dataclass(frozen=True)
class LayerEntry:
    """One line of `layers`: what `add` is called with.

    Args:
        name: The layer's name.
        activation: Its activation, or None.
        options: Its other options.
        line: Where it stands in the recipe.
    """

    name: str
    activation: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0


def task_of(place: Place | None) -> str:
    task = "cls" if place is None else str(place.text())
    if task not in TASKS:
        place = present(place)
        problem = gettext("expected one of {known}, got {got}.", known=", ".join(TASKS), got=shortened(task))
        meant = nearest(task[:100], TASKS)
        hint = gettext("Did you mean {meant}?", meant=shortened(meant)) if meant else ""
        raise place.error(problem + following(hint))
    return task


def options_of(place: Place, kinds: Kinds) -> dict[str, Any]:
    """Return the options of a method that a mapping gives."""
    given = place.inside()
    place.known(given, tuple(kinds))
    return {name: each.option(kinds[name]) for name, each in given.items()}


def data_of(place: Place) -> tuple[str, Any, dict[str, Any]]:
    given = place.inside()
    sources = [name for name in SOURCES if name in given]
    loaders: dict[str, Callable[..., Any]] = {
        "images": Network.load_img_data,
        "table": Network.load_tab_data,
        "npz": Network.load_npz_data,
        "digits": Network.load_dataset,
    }
    if len(sources) != 1:
        place.known(given, (*SOURCES, *kinds_of_method(Network.load_img_data)))
        known = ", ".join(SOURCES)
        if sources:
            raise place.error(
                gettext("expected one of {known}, got {got}.", known=known, got=", ".join(sources))
            )
        raise place.error(gettext("expected one of {known}, got none of them.", known=known))
    source = sources[0]
    kinds = kinds_of_method(loaders[source])
    place.known(given, (source, *kinds))
    options = {name: each.option(kinds[name]) for name, each in given.items() if name != source}
    if source == "digits":
        size = given[source].integer()
        if size is None or not 8 <= size <= 512:
            raise given[source].error(
                gettext("expected a size of 8 to 512 pixels, got {got}.", got=shortened(size))
            )
        return source, size, options
    return source, beside(place.file, str(given[source].text())), options


def layers_of(place: Place) -> tuple[LayerEntry, ...]:
    nodes = place.node.value
    if not isinstance(nodes, list) or not nodes:
        raise place.error(
            gettext(
                "expected a list of lines '- name' or '- name: {{option: value}}', got {got}.",
                got=shortened(place.plain()),
            )
        )
    if len(nodes) > MOST_LAYERS:
        raise place.error(
            gettext("expected at most {most:,} layers, got {count:,}.", most=MOST_LAYERS, count=len(nodes))
        )
    return tuple(
        _layer(Place(place.file, gettext("layer {number}", number=number), node))
        for number, node in enumerate(nodes, start=1)
    )


def _layer(place: Place) -> LayerEntry:
    if isinstance(place.node.value, str) and place.node.value:
        return LayerEntry(place.node.value, line=place.line)
    if not isinstance(place.node.value, dict) or len(place.node.value) != 1:
        raise place.error(
            gettext(
                "expected one 'name' or 'name: {{option: value}}', got {got}.", got=shortened(place.plain())
            )
        )
    ((name, node),) = place.node.value.items()
    given = Place(place.file, f"{place.key} ({name})", node)
    if given.node.is_nothing:
        return LayerEntry(name, line=place.line)
    options, kinds = given.inside(), kinds_of_layer(name)
    activation = options.pop("activation", None)
    return LayerEntry(
        name,
        None if activation is None else activation.text(optional=True),
        {key: each.option(kinds.get(key, "Any")) for key, each in options.items()},
        place.line,
    )


def optimizer_of(place: Place | None) -> tuple[str | None, dict[str, Any]]:
    """Read "NAME" or {name: NAME, option: value}."""
    if place is None:
        return None, {}
    if not isinstance(place.node.value, dict):
        name, options = place.text(optional=True), {}
        if name is None:
            return None, {}
    else:
        given = place.inside()
        name = place.required(given, "name").text()
        options = {key: each.option("Any") for key, each in given.items()}
    try:
        check_optimizer_options(optimizer_name(str(name)), immutable(options))
    except TrainingError as error:
        raise InputError(located(line_of(place.file, place.line, place.key), error)) from error
    return name, options


def file_with_options(place: Place | None, method: Callable[..., Any]) -> tuple[Path | None, dict[str, Any]]:
    """Read "FILE" or {path: FILE, option: value} with the options of a method."""
    if place is None or place.node.is_nothing:
        return None, {}
    if not isinstance(place.node.value, dict):
        return beside(place.file, str(place.text())), {}
    given, kinds = place.inside(), kinds_of_method(method)
    place.known(given, ("path", *kinds))
    target = place.required(given, "path").text()
    options = {name: each.option(kinds[name]) for name, each in given.items()}
    return beside(place.file, str(target)), options


def lines_of(found: Mapping[str, Place]) -> dict[str, int]:
    lines = {place.key: place.line for place in found.values()}
    for place in found.values():
        if isinstance(place.node.value, dict):
            lines.update({inside.key: inside.line for inside in place.inside().values()})
    return lines
