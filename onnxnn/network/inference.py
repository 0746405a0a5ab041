"""Using a network."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
import torch
from onnxnn_runtime.api.options import takes
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.generation.options import Generated, GenerationOptions
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.tables.reader import read_table
from onnxnn_runtime.tables.table import Table

from onnxnn.console.display import PrintedResult, say_or_show
from onnxnn.data import Batches
from onnxnn.inference import predict as running
from onnxnn.inference import text
from onnxnn.inference.evaluation import data_of, is_table_file

from .core import NetworkCore
from .files import used
from .representation import as_table
from .state import NetworkState

if TYPE_CHECKING:
    from . import Network

Array = np.ndarray[Any, Any]
Hidden = tuple[torch.Tensor, ...]


@overload
def inference(
    self: Network,
    data: object,
    show: bool = False,
    checkpoint: str | Path | None = None,
    *,
    hidden: Sequence[object],
) -> tuple[Array, Hidden]: ...


@overload
def inference(
    self: Network,
    data: object = None,
    show: bool = False,
    checkpoint: str | Path | None = None,
    hidden: None = None,
    label: object = False,
    num: int | None = None,
    return_all_timesteps: bool = False,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    sampler: str | None = None,
    seed: int | None = None,
    guidance: float | None = None,
    channel_order: str | None = None,
    header: bool | None = None,
) -> Array: ...


def inference(
    self: Network,
    data: object = None,
    show: bool = False,
    checkpoint: str | Path | None = None,
    hidden: Sequence[object] | None = None,
    label: object = False,
    num: int | None = None,
    return_all_timesteps: bool = False,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    sampler: str | None = None,
    seed: int | None = None,
    guidance: float | None = None,
    channel_order: str | None = None,
    header: bool | None = None,
) -> Array | tuple[Array, Hidden]:
    """Return the network's output for a file, a folder, a CSV file, an array, or a list of those.

    Given text, a language model returns the probabilities of the next token and its state:

        probabilities, hidden = model.inference("长")
        probabilities, hidden = model.inference("江", hidden=hidden)

    A diffusion model draws images:

        images = model.inference(num=64, return_all_timesteps=True)

    Args:
        data: The input. A CSV file may have the label column or not.
        show: Whether to print the result.
        checkpoint: A checkpoint to load first; it brings network, weights and preprocessing.
        hidden: The state that the call before returned, to continue from.
        label: Accepted as BaseNN has it: a label column is recognised by the number of columns. For a
            diffusion model with classes the class to draw.
        num, return_all_timesteps, steps, sampler, seed, guidance: For a diffusion model; see `sample`.
            With `return_all_timesteps` and neither steps nor sampler, all steps of "ddpm" are taken.
        batch_size: How many samples to run at once; None takes 2 images on a processor, else 32 samples.
        channel_order: "rgb", or "bgr" for arrays of images that OpenCV read; None as the network was
            trained. Files are RGB always.
        header: Whether the first row of a CSV file is a heading; None decides by what stands there.

    Returns:
        float32 (N, classes), probabilities where the network ends in softmax or sigmoid; for text
        (probabilities of the next token (vocabulary,), hidden state). From a diffusion model
        (num, C, H, W) in 0..1, with `return_all_timesteps` (num, steps + 1, C, H, W).

    Raises:
        InputError: The data or an option is wrong; the message names it.
        CheckpointError: The checkpoint cannot be used.
    """
    drawing = {
        "num": num,
        "steps": steps,
        "sampler": sampler,
        "seed": seed,
        "guidance": guidance,
        "return_all_timesteps": return_all_timesteps or None,
    }
    asked = {name: value for name, value in drawing.items() if value is not None}
    with used(self, checkpoint) as network:
        state = network._state
        state.check_layers()
        if state.kind.samples_images:
            found = _Found(network.sample(**_sampling_options(data, label, asked, bool(self.verbose))))
        else:
            _check_not_asked(asked)
            given = data if header is None else _table(data, state.card().input, header)
            found = _found(state, given, hidden, batch_size, channel_order)
    self.result, self.val_label, self._files = found.result, found.labels, found.files
    if show and not state.kind.samples_images:
        say(self.result)
    return found.result if found.hidden is None else (found.result, found.hidden)


@dataclass(frozen=True, eq=False)
class _Found:
    """What an inference found.

    Args:
        result: The output.
        hidden: The state of a language model after a text; None for other data.
        labels: The labels of batches; None for other data.
        files: The image files that it looked at, where it was given several.
    """

    result: Array
    hidden: Hidden | None = None
    labels: Array | None = None
    files: tuple[str, ...] = ()


def _sampling_options(
    data: object, label: object, asked: Mapping[str, Any], progress: bool
) -> Mapping[str, Any]:
    """Return the options of `sample` with which a diffusion model draws.

    Raises:
        InputError: There is data.
    """
    if data is not None:
        raise InputError.coded(
            "E-INPUT-05",
            "inference(): expected no data, since a diffusion model draws images from noise. Use "
            "inference(num=16), or sample(start=image, strength=0.6) to start from an image.",
        )
    if "return_all_timesteps" in asked and "steps" not in asked:
        asked = {"sampler": "ddpm", **asked}
    return {"label": None if label is False else label, "progress": progress, **asked}


def _table(data: object, spec: InputSpec, header: bool) -> Table:
    """Return the table of a CSV file whose first row is a heading or not.

    Raises:
        InputError: There is no such file, or it is data of another kind.
    """
    if not is_table_file(data, spec):
        raise InputError.coded(
            "E-INPUT-06",
            "inference(header=...): expected the path of a CSV file, got {got}. Leave header out.",
            got=shortened(data, 40),
        )
    return read_table(cast(str, data), header)


def _check_not_asked(asked: Collection[str]) -> None:
    """Refuse options of a diffusion model.

    Raises:
        InputError: There are some.
    """
    if asked:
        raise InputError.coded(
            "E-INPUT-08",
            "inference({options}): expected a diffusion model, add('diffusion_model', img_size=28), "
            "got a network that takes data. Use inference(data).",
            options=", ".join(f"{name}=" for name in asked),
        )


def _found(
    state: NetworkState,
    data: object,
    hidden: Sequence[object] | None,
    batch_size: int | None,
    channel_order: str | None,
) -> _Found:
    """Return what a network that takes data finds; see `inference`."""
    running.check_given(data, "inference()")
    card = state.card()
    if hidden is not None:
        state.kind.check_one_input("inference(hidden=...)")
    if hidden is not None or text.is_text(data, card):
        return _Found(*text.follow(state.net, card, data, hidden))
    are_known = True
    if isinstance(data, Batches) and data.preparation is not None:
        data, are_known = _inputs_of(state, data)
    labels: list[Array] = []
    names: list[str] = []
    spec = running.in_order(card.input, channel_order, data)
    result = state.kind.infer(state.net, data, spec, batch_size, state.reader, names, labels)
    joined = np.concatenate(labels) if labels and are_known else None
    return _Found(result, None, joined, _image_files(data, names))


def _inputs_of(state: NetworkState, batches: Batches) -> tuple[Batches, bool]:
    """Return batches as the network has its data prepared, and whether it knows their labels."""
    data = data_of(batches)
    try:
        return state.prepared(data, "inference()").train, True
    except DataError:
        return state.prepared(data, "inference()", keep_classes=True).train, False


@takes(GenerationOptions, by_place=6)
def generate(self: NetworkCore, options: GenerationOptions) -> Generated:
    """Continue a text, token by token; or write the target of a source.

        model.generate("长", length=24, temperature=0.8, top_k=20, seed=0)
        model.generate([[5, 7, 3], [8, 4]], max_length=10, beams=4)

    Args:
        prompt: How the text begins; for a transformer the tokens of one source, or of several.
        length, temperature, top_k, seed, stop: See `onnxnn_runtime.generation.options.GenerationOptions`.
        max_length, beams: See `onnxnn_runtime.generation.options.GenerationOptions`.

    Returns:
        The whole text, prompt included; a list of words where the prompt was one. For a transformer a
        list of tokens for each source, without start and end.

    Raises:
        CardError: The network does not generate.
        InputError: An option is out of range or of the other kind of network, or the vocabulary lacks a
            token of the prompt.
    """
    self._state.kind.check_takes_data("generate()")
    return self._state.kind.generate(self.model, self.card(), options)


def print_result(self: NetworkCore, result: Array | None = None) -> dict[int, dict[str, object]]:
    """Print and return results as {i: {"预测值": label, "置信度": score}}.

    Scores of a network that was trained without softmax or sigmoid, as with loss="MSELoss", are no
    probabilities and stand under "原始分数 (raw score)".
    Of a folder, or a list of image files, each result also has its file under "文件". A network without
    layers gives the index of the best class and its score.

    Args:
        result: What `inference` returned, or one row of it; None takes the last one.

    Raises:
        DataError: There is no result yet.
        InputError: It is no result of this network.
    """
    self._state.kind.check_takes_data("print_result()")
    found = self.result if result is None else result
    if found is None:
        raise DataError.coded("E-CALL-02", "print_result(): there is no result yet. Call inference first.")
    without_layers = not self._definition.has_layers and result is not None
    files = self._files if found is self.result else ()
    named = running.readable(found, None if without_layers else self.card(), files)
    html = as_table(named)
    say_or_show(str(named), html)
    return PrintedResult(named, html)


def _image_files(data: object, names: list[str]) -> tuple[str, ...]:
    """Return the names of the samples where they are files of a folder or of a list, else nothing."""
    one = isinstance(data, str | bytes | Path) and not os.path.isdir(os.fsdecode(data))
    return () if one or not all(os.path.isfile(name) for name in names) else tuple(names)
