"""Many inputs as a stream: decode ahead, batch, keep order, report broken files.

At any moment only a few batches exist, however many inputs there are.
"""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Generator, Iterable, Iterator, Sequence, TypeVar

import numpy as np
from PIL import Image

from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.images.decode import upright_size
from onnxnn_runtime.inputs.folders import Skipped, skipped_for
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.inputs.reading import Sample, read_sample
from onnxnn_runtime.inputs.samples import find_samples

from .cores import num_threads
from .devices import is_processor
from .forks import generation

if TYPE_CHECKING:
    from concurrent.futures import Future

PER_WORKER = 2
"""Images that one processor core takes through a network together.

More are no faster there, and a network's activations need memory in proportion: 32 images of 224 x 224 in
MobileNetV2 take 350 MB more than 2, and 4 take 20 MB more, in the same time.
"""

ON_DEVICE = 32
"""Inputs that run together on a GPU, and rows, sequences and tokens everywhere."""

MOST = 256 * 2**20
"""Bytes of images that wait, ready, for the network."""

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Batch:
    """Some samples, ready for the graph.

    Args:
        names: The name of each sample: a path, or "input[3]".
        array: The samples, batch axis first.
    """

    names: list[str]
    array: np.ndarray


def batches(
    source: object,
    spec: InputSpec,
    batch_size: int | None = None,
    errors: str = "raise",
    workers: int | None = None,
    skipped: list[Skipped] | None = None,
) -> Generator[Batch, None, None]:
    """Read inputs ahead in threads and yield them in batches, in order.

    Args:
        source: What `find_samples` takes: path, folder, bytes, image, array, rows, or a list of those.
        spec: What the model takes.
        batch_size: Samples in a batch; samples of different shapes never share one, so that a
            batch may be smaller. None takes what suits a processor, see `default_batch_size`.
        errors: "raise" stops at the first broken sample; "skip" leaves broken ones out.
        workers: Threads that read; None takes one per processor core.
        skipped: What was left out is added to this list.

    Raises:
        InputError: A sample is broken or does not match the model, and `errors` is "raise".
    """
    options = ReadOptions(errors, batch_size)
    left_out: list[Skipped] = [] if skipped is None else skipped
    samples = find_samples(source, spec, left_out, options.errors)

    def read(chunk: list[Sample]) -> tuple[list[Batch], list[Skipped]]:
        return read_chunk(chunk, spec, errors)

    size = default_batch_size(spec) if batch_size is None else batch_size
    with closing(in_chunks(read, samples, spec, size, workers or num_threads())) as ahead:
        for read_batches, broken in ahead:
            left_out.extend(broken)
            yield from read_batches


def default_batch_size(spec: InputSpec, device: str = "cpu") -> int:
    """Return how many inputs run together where no batch size is given, whatever their number.

    Args:
        spec: What the model takes.
        device: Where it runs: "cpu", "cuda:0", "openvino", ...
    """
    return PER_WORKER if _is_large(spec) and is_processor(device) else ON_DEVICE


def batch_sizes(count: int, most: int, spec: InputSpec) -> list[int]:
    """Return how many of several inputs run together, one batch after the other.

    ONNX Runtime keeps what it sets up for a shape: a plan of the memory, and on a GPU the fastest algorithms,
    which it tries out. So images and arrays come in batches of `most`, and what is left in powers of two.
    Other inputs are small, and their length differs anyhow.

    Args:
        count: The inputs, at least 1.
        most: How many run together at most.
        spec: What the model takes.
    """
    if not _is_large(spec):
        return [count]
    full, rest = divmod(count, most)
    powers = [1 << bit for bit in reversed(range(rest.bit_length()))]
    return [most] * full + [power for power in powers if rest & power]


def _is_large(spec: InputSpec) -> bool:
    return spec.kind in ("image", "array")


def no_values(outputs: Sequence[str]) -> list[np.ndarray]:
    """Return the values of outputs for no input at all."""
    return [np.zeros((0, 0), np.float32) for _ in outputs]


def read_chunk(chunk: Iterable[Sample], spec: InputSpec, errors: str) -> tuple[list[Batch], list[Skipped]]:
    """Read samples; those that follow each other and have the same shape become one batch.

    Returns:
        The batches in order, and what was left out.

    Raises:
        InputError: A sample is broken and `errors` is "raise".
    """
    names: list[str] = []
    arrays: list[np.ndarray] = []
    broken: list[Skipped] = []
    for sample in chunk:
        try:
            arrays.append(read_sample(sample, spec))
            names.append(sample.name)
        except InputError as error:
            if errors == "raise":
                raise
            broken.append(skipped_for(sample.name, error))
    result: list[Batch] = []
    start = 0
    for _, group in itertools.groupby(arrays, key=np.shape):
        same = list(group)
        array = np.stack(same) if len(same) > 1 else same[0][np.newaxis]  # a single one is not copied
        result.append(Batch(names[start : start + len(same)], array))
        start += len(same)
    return result, broken


def in_chunks(
    function: Callable[[list[Sample]], _Out],
    samples: Iterable[Sample],
    spec: InputSpec,
    size: int,
    workers: int,
) -> Generator[_Out, None, None]:
    """Yield function(chunk) for each `size` samples, computed ahead in threads; see `ordered`."""
    weigh = _weight_of(spec)
    total = None if weigh is None else lambda chunk: sum(map(weigh, chunk))
    return ordered(function, chunks(samples, size, weigh), workers, total)


def _weight_of(spec: InputSpec) -> Callable[[Sample], int] | None:
    """Return what weighs samples before they are read, None where all are of one size, or small."""
    preprocess = spec.preprocess
    if spec.kind != "image" or preprocess is None or None not in preprocess.output_size():
        return None
    return lambda sample: _memory_of(sample, spec)


def _memory_of(sample: Sample, spec: InputSpec) -> int:
    """Return how many bytes an image takes once it is read as it is, without being resized."""
    value, channels = sample.value, spec.preprocess.channels if spec.preprocess is not None else 3
    if isinstance(value, (str, bytes)):
        size = upright_size(value)
    elif isinstance(value, Image.Image):
        size = value.size
    else:
        array_size: int = getattr(value, "size", 0)
        return 4 * array_size
    return 0 if size is None else 4 * channels * size[0] * size[1]


def chunks(items: Iterable[_In], size: int, weigh: Callable[[_In], int] | None = None) -> Iterator[list[_In]]:
    """Yield lists of `size` items; the last one may be shorter, and so are those that weigh `MOST` or more.

    Args:
        items: What to group.
        size: How many make a list.
        weigh: The bytes that an item will take; None for items that are small.
    """
    chunk: list[_In] = []
    weight = 0
    for item in items:
        more = 0 if weigh is None else weigh(item)
        if chunk and (len(chunk) == size or weight + more > MOST):
            yield chunk
            chunk, weight = [], 0
        chunk.append(item)
        weight += more
    if chunk:
        yield chunk


def ordered(
    function: Callable[[_In], _Out],
    items: Iterable[_In],
    workers: int,
    weigh: Callable[[_In], int] | None = None,
    ahead: int | None = None,
) -> Generator[_Out, None, None]:
    """Yield function(item) for each item in order, computed ahead in threads.

    At most `ahead` results are under way or waiting, and only one where more would weigh more than
    `MOST`. An exception is raised where its result would have been.

    Args:
        function: What to compute.
        items: Of what.
        workers: Threads.
        weigh: The bytes that the result for an item will take; None where it is small.
        ahead: At least 1, and a single thread computes ahead, too; None takes 2 x `workers`, and computes
            each result when it is asked for where one thread would be all.
    """
    iterator = iter(items)
    first = list(itertools.islice(iterator, 2))
    most = ahead or 2 * workers
    if len(first) < 2 or (workers <= 1 and ahead is None):
        for item in itertools.chain(first, iterator):
            yield function(item)
        return
    from concurrent.futures import ThreadPoolExecutor  # here, because a single image does without

    waiting: deque[tuple[Future[_Out], int]] = deque()
    total, begun = 0, generation()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in itertools.chain(first, iterator):
                weight = 0 if weigh is None else weigh(item)
                while waiting and (len(waiting) >= most or total + weight > MOST):
                    total -= waiting[0][1]
                    yield _result(waiting.popleft()[0], begun)
                waiting.append((pool.submit(function, item), weight))
                total += weight
            while waiting:
                yield _result(waiting.popleft()[0], begun)
        finally:
            for future, _ in waiting:
                future.cancel()


def _result(future: Future[_Out], begun: int) -> _Out:
    """Return what a thread computed, unless this process was forked since and the thread is not here."""
    if generation() != begun:
        raise InputError.coded(
            "E-INPUT-08",
            "these results were begun before the process was forked, and the threads that compute them "
            "are not in the child. Begin them again there, with another call of embed_stream() or the "
            "like.",
        )
    return future.result()
