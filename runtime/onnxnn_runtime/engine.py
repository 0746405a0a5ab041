"""Running a graph: sessions, checks, and many inputs at once.

A single picture is fastest when all cores work on it together. Many pictures are fastest when each
core takes its own few through decoding and network alike: nothing waits, and an operator need not be
split. So there are two sessions: one with all threads, made at once, and one with a single thread that
all cores share, made when there are many inputs.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, Sequence

import numpy as np

from .arrays import as_array, as_floats, too_small
from .card import InputSpec
from .errors import CardError, InputError, OnnxnnError
from .inputs import Sample, Skipped, find_samples
from .onnxfile import FileFacts
from .pipeline import Batch, check_count, chunks, default_batch_size, ordered, read_chunk
from .providers import Placement, create_session, loads, num_threads, runtime_version

if TYPE_CHECKING:
    from .generate import Step

_MANY = 64
"""From this many inputs on, the second session pays for the time that creating it takes."""

_MOST_THREADS = 1024

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(bool)": "bool",
}


class Engine:
    """The sessions of one model.

    Args:
        read: Returns the whole ONNX file, or None when it is no longer the one that was opened.
        name: What errors call it.
        facts: What `inspect` found in it.
        placement: What `place` decided.
        threads: Processor cores to use; None takes all that this process may use.
        spec: What the card says about the input, whose states begin with zeros where nothing is fed; None
            without a card.

    Raises:
        CardError: The graph has other states.
        InputError: ONNX Runtime cannot load the model, or `threads` is no whole number from 1.
        DeviceError: The device was asked for explicitly and does not start.
    """

    def __init__(
        self,
        read: Callable[[], bytes | None],
        name: str,
        facts: FileFacts,
        placement: Placement,
        threads: int | None = None,
        spec: InputSpec | None = None,
    ) -> None:
        self._read = read
        self._name = name
        self._facts = facts
        self._placement = placement
        self._lock = threading.Lock()
        self._single: Any = None
        if threads is not None:
            check_count("threads", threads, _MOST_THREADS)
        self._threads = num_threads() if threads is None else int(threads)
        created = self._create(0 if threads is None else self._threads)
        if created is None:
            raise InputError(f"{name}: changed while it was opened; open it again.")
        self._session, self.device = created
        self.inputs = {each.name: _describe(each) for each in self._session.get_inputs()}
        self.outputs = {each.name: _describe(each) for each in self._session.get_outputs()}
        self._spec = spec
        self._states = () if spec is None else spec.states
        held = {state.name for state in self._states}
        self.arrays = [each for each in self.inputs if each not in held]
        if spec is not None:
            self._check_states()

    def run(self, feeds: Mapping[str, Any], outputs: Sequence[str]) -> list[np.ndarray]:
        """Check arrays and run the graph on them.

        Raises:
            InputError: A name, shape or type does not fit, or a number is NaN or infinite.
        """
        unknown, missing = set(feeds) - set(self.inputs), set(self.arrays) - set(feeds)
        if unknown or missing:
            raise InputError(
                "{}: arrays arrive for {}; what fits is {}.".format(
                    self._name, ", ".join(map(str, feeds)) or "nothing", ", ".join(self.inputs)
                )
            )
        checked = {name: _check(name, value, *self.inputs[name]) for name, value in feeds.items()}
        first = self.arrays[0]
        problem = None if self._spec is None else too_small(checked[first].shape[1:], self._spec)
        if problem is not None:
            raise InputError(f"{first}: {problem}")
        return self._run(self._session, self._with_states(checked), outputs)

    def _check_states(self) -> None:
        """Refuse a card that tells of other states than the graph has."""
        for state in self._states:
            _, shape = self.inputs.get(state.name, ("", None))
            if shape is None or state.next not in self.outputs:
                raise CardError(
                    f"{self._name}: its card tells of the state {state.name!r}, which the graph does not "
                    "have. Export it again."
                )
            if _sizes(shape) != _sizes(state.shape):
                told, real = (", ".join(map(str, each)) for each in (state.shape, shape))
                raise CardError(
                    f"{self._name}: its card gives the state {state.name!r} the shape ({told}), the graph "
                    f"({real}). Export it again."
                )
        forgotten = [each for each in self.arrays if f"next_{each}" in self.outputs]
        if forgotten or not self.arrays:
            which = f"not of its state {forgotten[0]!r}" if forgotten else "of states alone, and of no input"
            raise CardError(f"{self._name}: its card tells {which}. Export it again.")

    def stepper(self) -> Step:
        """Return a function that runs a network which generates, for `onnxnn_runtime.generate`."""
        feed, output = self.arrays[0], next(iter(self.outputs))
        names = [state.name for state in self._states]
        outputs = [output, *(state.next for state in self._states)]
        zeros = self._with_states({feed: np.zeros((1, 1), np.int64)})

        def step(tokens: np.ndarray, states: Any) -> tuple[np.ndarray, Any]:
            feeds = dict(zeros) if states is None else dict(zip(names, states))
            feeds[feed] = tokens
            y, *after = self._run(self._session, feeds, outputs)
            return y[0, -1], after

        return step

    def denoiser(self) -> Callable[[np.ndarray, int, np.ndarray | None], np.ndarray]:
        """Return a function that runs the network of a diffusion model, for `onnxnn_runtime.sampling`."""
        outputs = [next(iter(self.outputs))]
        t = np.zeros(0, np.int64)

        def predict(x: np.ndarray, step: int, labels: np.ndarray | None) -> np.ndarray:
            nonlocal t
            if len(t) != len(x):
                t = np.empty(len(x), np.int64)
            t.fill(step)
            feeds = {"x": x, "t": t} if labels is None else {"x": x, "t": t, "label": labels}
            return self._run(self._session, feeds, outputs)[0]

        return predict

    def _with_states(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what is fed, with zeros for the states that are not."""
        batch = len(feeds[self.arrays[0]]) if self._states else 0
        zeros = {
            state.name: np.zeros([batch if isinstance(n, str) else n for n in state.shape], np.float32)
            for state in self._states
            if state.name not in feeds
        }
        return {**feeds, **zeros}

    def stream(
        self, source: Any, spec: InputSpec, output: str, errors: str, batch_size: int | None
    ) -> Iterator[tuple[int | None, list[str], np.ndarray, list[Skipped]]]:
        """Read inputs and run the graph on them, in order and in bounded memory.

        Args:
            source, spec, errors: As for `onnxnn_runtime.pipeline.batches`.
            output: The output to return.
            batch_size: Inputs that run together; None follows the device, see `default_batch_size`.

        Yields:
            (number of inputs or None, names, one output's values, what was left out).
        """
        if batch_size is None:
            batch_size = default_batch_size(spec, self.device)
        skipped: list[Skipped] = []
        samples = find_samples(source, spec, skipped, errors)
        total = len(samples) if isinstance(samples, Sequence) else None
        iterator = iter(samples)
        first = list(itertools.islice(iterator, _MANY))
        session = self._for_many() if len(first) == _MANY else self._session
        shared = session is self._session
        everything = itertools.chain(first, iterator)
        for names, values, broken in self._work(
            session, shared, everything, spec, output, errors, batch_size
        ):
            yield total, names, values, skipped + broken
            skipped = []
        if skipped:
            yield total, [], np.zeros((0, 0), np.float32), skipped

    def _work(
        self,
        session: Any,
        shared: bool,
        samples: Any,
        spec: InputSpec,
        output: str,
        errors: str,
        batch_size: int,
    ) -> Iterator[tuple[list[str], np.ndarray, list[Skipped]]]:
        feed = self.arrays[0]

        def infer(batch: Batch) -> np.ndarray:
            return self._run(session, self._with_states({feed: batch.array}), [output])[0]

        def both(chunk: list[Sample]) -> tuple[list[tuple[list[str], np.ndarray]], list[Skipped]]:
            read, broken = read_chunk(chunk, spec, errors)
            return [(batch.names, infer(batch)) for batch in read], broken

        def only_read(chunk: list[Sample]) -> tuple[list[Batch], list[Skipped]]:
            return read_chunk(chunk, spec, errors)

        if not shared:
            for results, broken in ordered(both, chunks(samples, batch_size), self._threads):
                for names, values in results:
                    yield names, values, broken
                    broken = []
                if broken:
                    yield [], np.zeros((0, 0), np.float32), broken
            return
        for read, broken in ordered(only_read, chunks(samples, batch_size), self._threads):
            for batch in read:
                yield batch.names, infer(batch), broken
                broken = []
            if broken:
                yield [], np.zeros((0, 0), np.float32), broken

    def _for_many(self) -> Any:
        """Return the session that several threads run at once, or the first one where it is as good."""
        if self._threads == 1 or self.device != "cpu":
            return self._session
        with self._lock:
            if self._single is None:
                created = self._create(1)
                self._single = self._session if created is None else created[0]
        return self._single

    def _create(self, threads: int) -> tuple[Any, str] | None:
        data = self._read()
        if data is None:
            return None
        try:
            return create_session(data, self._placement, threads)
        except OnnxnnError:
            raise
        except Exception as error:  # ONNX Runtime's own classes differ between versions.
            raise InputError(self._why_not(error)) from error

    def _why_not(self, error: Exception) -> str:
        version = runtime_version()
        opset, ir_version = loads(version)
        wanted = self._facts.opset.get("", 0)
        installed = "ONNX Runtime {}.{}".format(*version)
        if wanted > opset or self._facts.ir_version > ir_version:
            fitting = (
                f"opset_version={min(wanted, opset)}, ir_version={min(self._facts.ir_version, ir_version)}"
            )
            return (
                f"{self._name}: asks for opset {wanted} and IR {self._facts.ir_version}; {installed} loads "
                f"up to opset {opset} and IR {ir_version}. Export it with {fitting}, or install a newer "
                "onnxruntime."
            )
        lines = str(error).strip().splitlines()
        return f"{self._name}: {installed} cannot load it ({lines[0] if lines else type(error).__name__})."

    def _run(self, session: Any, feeds: dict[str, np.ndarray], outputs: Sequence[str]) -> list[np.ndarray]:
        try:
            return list(session.run(list(outputs), feeds))
        except Exception as error:  # ONNX Runtime's own classes differ between versions.
            self._explain(feeds, error)
            shapes = ", ".join(f"{name} {value.shape}" for name, value in feeds.items())
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"{self._name}: cannot run on {shapes} ({line}).") from error

    def _explain(self, feeds: Mapping[str, np.ndarray], error: Exception) -> None:
        """Raise an InputError where inputs disagree in an axis that they share, such as the batch."""
        sizes: dict[str, tuple[str, int]] = {}
        for name, value in feeds.items():
            for axis, size in zip(self.inputs[name][1], value.shape):
                if isinstance(axis, str) and axis and sizes.setdefault(axis, (name, size))[1] != size:
                    first, other = sizes[axis]
                    raise InputError(
                        f"{self._name}: {name} has {size} along {axis!r}, and {first} has {other}; what "
                        "fits is the same in both."
                    ) from error


def _sizes(shape: Sequence[Any]) -> list[int | None]:
    """Return the sizes of a shape, None where an axis is free."""
    return [size if isinstance(size, int) else None for size in shape]


def _describe(value: Any) -> tuple[str, tuple[Any, ...]]:
    return _DTYPES.get(value.type, value.type), tuple(value.shape)


def _check(name: str, value: Any, dtype: str, shape: tuple[Any, ...]) -> np.ndarray:
    try:
        array = as_array(value)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    described = f"{array.dtype} ({', '.join(map(str, array.shape))})"
    if array.dtype == object and not array.ndim:
        described = type(value).__name__
    wanted = "{} ({})".format(dtype, ", ".join("free" if size is None else str(size) for size in shape))
    if not _castable(array.dtype, dtype):
        raise InputError(f"{name}: {described} arrives; what fits is {wanted}.")
    fits = array.ndim == len(shape) and all(
        given == size or not isinstance(size, int) for given, size in zip(array.shape, shape)
    )
    if not fits or 0 in array.shape:
        least = ", at least 1 along each axis" if 0 in array.shape else ""
        raise InputError(f"{name}: {described} arrives; what fits is {wanted}{least}.")
    if dtype.startswith("float"):
        array = as_floats(array, f"{name}:", dtype)
    return np.ascontiguousarray(array, dtype=dtype)


def _castable(given: np.dtype[Any], wanted: str) -> bool:
    """Tell whether numbers of one type can stand for another without a change of meaning.

    uint8 is a raw picture and never becomes 0..1 by a mere change of type.
    """
    if str(given) == wanted:
        return True
    if wanted.startswith("float"):
        return given.kind in "fib" or (given.kind == "u" and given.itemsize > 1)
    if wanted in ("int64", "int32"):
        return given.kind in "iu"
    return False
