"""Running a trained network in torch, on the same inputs as the runtime takes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.arrays.conversion import too_small, without_gradient
from onnxnn_runtime.card.card import InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.card.labels import best_classes
from onnxnn_runtime.card.labels import readable as readable_label
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.images.decode import decode
from onnxnn_runtime.inputs.folders import Skipped, warn_of
from onnxnn_runtime.inputs.reading import Sample, in_channel_order
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.session.pipeline import batches, default_batch_size
from onnxnn_runtime.session.promises import check_finite, check_rows
from torch.utils.data import DataLoader

from onnxnn.data import Batches
from onnxnn.data.batches import to_float
from onnxnn.data.foreign import is_foreign, unpacked
from onnxnn.definition.module import Net, evaluating

Array = np.ndarray[Any, Any]

_RAW_SCORE = "原始分数 (raw score)"
"""What `print_result` calls a score that is no probability, and no confidence therefore."""
Reader = Callable[[Any], Array]


def infer(
    net: Net,
    source: object,
    spec: InputSpec,
    batch_size: int | None = None,
    read: Reader | None = None,
    names: list[str] | None = None,
) -> Array:
    """Return the network's output for whatever `onnxnn_runtime.session.pipeline.batches` reads.

    The network runs in evaluation mode and comes back in the mode it was in.

    Args:
        net: The network.
        source: A file, a folder, a CSV file, an array, or a list of those.
        spec: What the network takes.
        batch_size: How many samples to run at once; None follows the device, see
            `onnxnn_runtime.session.pipeline.default_batch_size`.
        read: How to read an image where training read it by a custom function.
        names: The name of each sample is added to it: a path, or "input[3]".

    Returns:
        float32 (N, ...), one row for each sample in order.

    Raises:
        InputError: Something of it does not match; or the network returns NaN or infinite numbers, or another
            number of rows than samples.
    """
    device = net.device
    batch_size = default_batch_size(spec, device.type) if batch_size is None else batch_size
    read_ahead = closing(arrays(source, spec, batch_size, read, names))
    with evaluating(net), torch.inference_mode(), read_ahead as samples:
        found = [_checked(net.answer(torch.from_numpy(x).to(device)), len(x)) for x in samples]
    return joined(found)


def _checked(output: torch.Tensor, rows: int) -> Array:
    """Return a batch's output as the runtime would: one row for each sample, of finite numbers."""
    array: Array = output.float().cpu().numpy()
    check_rows("inference()", "output", array.shape, rows)
    check_finite("inference()", "output", array)
    return array


def in_order(spec: InputSpec, channel_order: str | None, data: object) -> InputSpec:
    """Return what a network takes where arrays hold their channels in another order than usual.

    Args:
        spec: What the network takes.
        channel_order: "rgb" or "bgr"; None as the network was trained.
        data: What it is to look at; batches that were loaded are RGB already.

    Raises:
        InputError: It is another order, or the network takes no images.
    """
    if isinstance(data, Batches) and spec.preprocess is not None:
        in_channel_order(spec, channel_order)  # which may refuse it
        channel_order = "rgb"
    return in_channel_order(spec, channel_order)


def check_given(data: object, call: str) -> None:
    """Refuse a call without data.

    Raises:
        InputError: There is none.
    """
    if data is None:
        raise InputError.coded(
            "E-CALL-02",
            "{call}: expected data, got none. Give a file, a folder, an array, or a list of those.",
            call=call,
        )


def joined(batches: list[Array]) -> Array:
    """Return batches in one array.

    Raises:
        InputError: There is none, or they differ in shape.
    """
    if not batches:
        raise InputError.coded("E-INPUT-03", "expected at least one sample, got none. Give one or more.")
    shapes = sorted({batch.shape[1:] for batch in batches})
    if len(shapes) > 1:
        raise InputError.coded(
            "E-INPUT-03",
            "expected sequences of one length, got several, with outputs of shape {one} and {other}, "
            "which make no one array. Call inference for each, or fill the short ones up in front.",
            one=shape_text(shapes[0]),
            other=shape_text(shapes[1]),
        )
    return np.concatenate(batches)


def arrays(
    source: object,
    spec: InputSpec,
    batch_size: int | None = None,
    read: Reader | None = None,
    names: list[str] | None = None,
) -> Generator[Array, None, None]:
    """Yield batches as the network takes them; the arguments are those of `infer`."""
    names = [] if names is None else names
    skipped: list[Skipped] = []
    if read is None or spec.kind != "image":
        with closing(batches(source, spec, batch_size, skipped=skipped)) as ahead:
            for batch in ahead:
                names.extend(batch.names)
                yield batch.array
        warn_of(skipped)
        return
    for sample in find_samples(source, spec, skipped):
        array = np.asarray(_read(sample, spec, read), np.float32)
        problem = too_small(array.shape, spec)
        if problem is not None:
            raise InputError.coded("E-INPUT-03", "{source}: {problem}", source=sample.name, problem=problem)
        names.append(sample.name)
        yield array[np.newaxis]
    warn_of(skipped)


def _read(sample: Sample, spec: InputSpec, read: Reader) -> Array:
    """Return a sample as a function of the user reads it, whatever the order of its channels."""
    preprocess, value = spec.preprocess, sample.value
    if preprocess is None or not isinstance(value, np.ndarray):
        return value if sample.ready else read(value)
    if sample.ready:
        return preprocess.ready(value)
    return read(decode(value, "RGB", channel_order=preprocess.channel_order))


def unlabelled(source: object, labels: list[Array]) -> Any:
    """Return `source` without its labels where it is batches (x, y), a torch Dataset or a Bunch.

    Args:
        source: What `infer` is to look at.
        labels: Where it is batches, the labels of each are added to it as they are read.
    """
    if is_foreign(source) and not isinstance(source, DataLoader):
        x, y, _ = unpacked(source, "inference", labelled=False)
        if y is not None:
            labels.append(np.asarray(y))
        return x.numpy() if isinstance(x, torch.Tensor) else x
    if not isinstance(source, Batches | DataLoader):
        return source
    return _inputs(source, labels)


def _inputs(batches: Batches | DataLoader[object], labels: list[Array]) -> Iterator[Array]:
    for batch in batches:
        parts = batch if isinstance(batch, list | tuple) else (batch,)
        x, y = parts if len(parts) == 2 else (parts[0], None)
        if y is not None:
            labels.append(np.asarray(y))
        try:
            x = to_float(torch.as_tensor(x))
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError.coded(
                "E-INPUT-05",
                "inference(DataLoader): expected batches x or (x, y), tensors or arrays, got a {got} "
                "without numbers. Let the DataLoader return such batches.",
                got=type(x).__name__,
            ) from error
        yield without_gradient(x).numpy()


def readable(result: object, card: ModelCard | None, files: Sequence[str] = ()) -> dict[int, dict[str, Any]]:
    """Return results as BaseNN prints them: {i: {"预测值": label, "置信度": score}}.

    Scores that are no probabilities stand under "原始分数 (raw score)" instead.
    Labels are class names where the data has them; those that are exactly an integer are integers, as in
    BaseNN ("7", not "07"), and the names of image folders are texts whatever they are. Regression returns its
    values. A network that classifies every step has a list of labels and a list of scores for each sample.
    One that writes text has the likeliest next token, by its word where the data has a vocabulary.

    Args:
        result: What `inference` returned, or one row of it.
        card: The network's card; None where there are no layers yet, then the classes are their indices.
        files: The image file of each sample, which stands under "文件" then.

    Raises:
        InputError: It is something else.
    """
    if card is None:
        return _without_network(result)
    named = _named(result, card)
    for row, file in zip(named.values(), files, strict=False):
        row["文件"] = file
    return named


def _without_network(result: object) -> dict[int, dict[str, Any]]:
    """Return index and score of the best class in each row of any array (N, classes) or (classes,)."""
    try:
        rows = np.atleast_2d(np.asarray(without_gradient(result), np.float64))
    except (TypeError, ValueError):
        rows = np.zeros((0, 0))
    if rows.ndim != 2 or not rows.size:
        expected = "({})".format(gettext("N, classes"))
        raise InputError.coded(
            "E-INPUT-03",
            "print_result({got}): expected what inference returned, an array {shape}.",
            got=shortened(result),
            shape=expected,
        )
    check_finite("print_result()", "scores", rows)
    best = rows.argmax(1).tolist()
    title = "置信度" if rows.min() >= 0 and rows.max() <= 1 else _RAW_SCORE
    return {i: {"预测值": index, title: float(rows[i, index])} for i, index in enumerate(best)}


def _named(result: object, card: ModelCard) -> dict[int, dict[str, Any]]:
    output, labels = card.output, _labels(card)
    if output.kind == "tokens" and isinstance(result, tuple) and result:
        result = result[0]  # (probabilities, hidden)
    return {i: _readable(row, output, labels) for i, row in enumerate(_rows(result, output))}


def _labels(card: ModelCard) -> Sequence[str | int]:
    """Return what the outputs of a network stand for, in order."""
    words, classes = card.input.vocabulary, card.output.classes
    if card.output.kind == "tokens" and words is not None:
        return sorted(words, key=lambda word: words[word])
    return classes if card.input.kind == "image" else [readable_label(name) for name in classes]


def _rows(result: object, output: OutputSpec) -> Array:
    """Return results with the samples first."""
    try:
        array = np.asarray(without_gradient(result), np.float64)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.ndim == len(output.shape) - 1 or (array.ndim == 1 and output.kind == "tokens"):
        array = array[np.newaxis]
    is_result = array.ndim == len(output.shape) or (array.ndim == 2 and output.kind == "tokens")
    if not is_result or (isinstance(output.shape[-1], int) and array.shape[-1] != output.shape[-1]):
        raise InputError.coded(
            "E-INPUT-03",
            "print_result({got}): expected what inference returned, an array {shape}.",
            got=type(result).__name__,
            shape=shape_text(output.shape),
        )
    check_finite("print_result()", kind_name(output.kind), array)
    return array


def _readable(row: Array, output: OutputSpec, labels: Sequence[str | int]) -> dict[str, Any]:
    if row.ndim == 2 and output.kind != "values":
        steps = [_readable(step, output, labels) for step in row]
        return {key: [step[key] for step in steps] for key in steps[0]}
    values: Sequence[float] = row.reshape(-1).tolist()
    if output.kind == "values":
        return {"预测值": values[0] if len(values) == 1 else list(values)}
    index, score = best_classes(output, row)[0]
    is_raw = output.scores != "probability" or output.kind == "embedding"
    title = _RAW_SCORE if is_raw else "置信度"
    return {"预测值": labels[index] if index < len(labels) else index, title: score}
