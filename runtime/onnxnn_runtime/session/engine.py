"""Running a graph: sessions, checks, and many inputs at once.

A single image is fastest when all cores work on it together. Many images are fastest when each
core takes its own few through decoding and network alike: nothing waits, and an operator need not be
split. So there are two sessions: one with all threads, made at once, and one with a single thread that
all cores share, made when there are many inputs.
"""

from __future__ import annotations

import itertools
from contextlib import closing
from typing import TYPE_CHECKING, Callable, Generator, Iterable, Mapping, Sequence

import numpy as np

from onnxnn_runtime.arrays.conversion import too_small
from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.errors import InputError, OnnxnnError
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.reading import Sample
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.messages.catalogue import Message, gettext
from onnxnn_runtime.messages.shorten import printable

from .cores import is_limited, num_threads
from .devices import Placement, create_session, is_processor
from .failures import cannot_load, cannot_run
from .feeds import as_samples, check_divisor, check_feed
from .fixed_batch import any_batch, in_parts
from .forks import generation
from .onnxfile import FileFacts
from .pipeline import Batch, batch_sizes, default_batch_size, in_chunks, no_values, read_chunk
from .promises import Promises
from .resources import FEW, Resources
from .session import Share, TimeLimitError
from .signature import check_readable, described, fixed_batch
from .states import cache_of, check_states, zeros_of

if TYPE_CHECKING:
    from onnxnn_runtime.generation.generate import Step
    from onnxnn_runtime.generation.seq2seq import Begin

    from .session import Session

_MANY = 64
"""From this many inputs on, the second session pays for the time that creating it takes."""

ENDLESS_SECONDS = 8.0
"""How long one run may take, where no timeout is given, of a graph with a loop that may run forever."""


class Engine:
    """The sessions of one model.

    Args:
        read: Returns the whole ONNX file, or None when it is no longer the one that was opened.
        name: What errors call it.
        facts: What `inspect` found in it.
        placement: What `place` decided.
        card: What the file says about itself; None without a card. States begin with zeros where nothing is
            fed.
        resources: How much it may take.

    Raises:
        CardError: The graph has other states or outputs.
        InputError: ONNX Runtime cannot load the model.
        DeviceError: The device was asked for explicitly and does not start, or does not run the model.
    """

    def __init__(
        self,
        read: Callable[[], bytes | None],
        name: str,
        facts: FileFacts,
        placement: Placement,
        card: ModelCard | None,
        resources: Resources,
    ) -> None:
        self._read = read
        self._name = name
        self._facts = facts
        self._placement = placement
        self._single: Session | None = None
        self._timeout = ENDLESS_SECONDS if resources.timeout is None and facts.endless else resources.timeout
        self._low_memory, threads = resources.low_memory, resources.threads
        tuned = self._tuned = resources.tuned
        if threads is None and self._low_memory:
            threads = min(FEW, num_threads())
        elif threads is None and tuned is not None:
            threads = tuned.threads
        self._threads = num_threads() if threads is None else int(threads)
        # Threads that share many inputs.
        self._workers = self._threads if tuned is None or resources.threads is not None else tuned.workers
        # 0: ONNX Runtime takes as many as it finds cores, whatever limits this process.
        self._width = 0 if threads is None and not is_limited() else self._threads
        self._runs = resources.runs
        self._generation = generation()
        self._session = self._begin()
        self.inputs, outputs, optional = described(self._session, name)
        self._cache = {} if card is None else cache_of(self.inputs, optional, outputs)
        hidden = {f"next_{state}" for state in self._cache}
        self.outputs = {name: each for name, each in outputs.items() if name not in hidden}
        self._spec = None if card is None else card.input
        self._states = () if card is None else card.input.states
        held = {state.name for state in self._states}
        self.arrays = [each for each in self.inputs if each not in held]
        if card is not None:
            check_states(name, self._states, self.inputs, self.outputs)
        self._fixed_batch = fixed_batch(self.arrays, self.inputs)
        self._promises = Promises(name, card, self.outputs, self._fixed_batch)
        # How many samples a run takes, where a card says that they may come in any number.
        self._part = self._fixed_batch if self._promises.batched and not self._states else None

    @property
    def device(self) -> str:
        """Where the model really runs."""
        return self._session.device

    @property
    def operators(self) -> Mapping[str, int]:
        """How many operators each device runs; {} where that is not known."""
        return self._session.operators

    def _begin(self) -> Session:
        """Return the first session."""
        created = self._create(Share(self._width, self._runs, self._low_memory))
        if created is None:
            raise self._changed()
        return created

    def content(self) -> bytes:
        """Return the whole file.

        Raises:
            InputError: It was replaced after it was opened.
        """
        content = self._read()
        if content is None:
            raise self._changed()
        return content

    def _changed(self) -> InputError:
        return InputError.coded(
            "E-INPUT-02", "{name}: changed after it was opened. Open it again.", name=self._name
        )

    def _renew(self) -> None:
        """Make the sessions again in a process that was forked; see `forks`."""
        if self._generation != generation():
            self._session, self._single = self._begin(), None
            self._generation = generation()

    def run(self, feeds: Mapping[str, object], outputs: Sequence[str]) -> list[np.ndarray]:
        """Check arrays and run the graph on them.

        Raises:
            InputError: A name, shape or type does not match the graph, or a number is NaN or infinite.
        """
        unknown, missing = set(feeds) - set(self.inputs), set(self.arrays) - set(feeds)
        if unknown or missing:
            raise InputError.coded(
                "E-INPUT-03",
                "{name}: expected arrays for {inputs}, got {given}.",
                name=self._name,
                inputs=", ".join(printable(each, 40) for each in self.inputs) or gettext("no input"),
                given=", ".join(printable(each, 40) for each in list(feeds)[:20]) or gettext("none"),
            )
        self._renew()
        inputs = self.inputs if self._part is None else any_batch(self.inputs, self._part)
        gaps = bool(self._spec and self._spec.columns)
        checked = {name: check_feed(name, value, *inputs[name], gaps) for name, value in feeds.items()}
        first = self.arrays[0] if self.arrays else None
        problem = None
        if self._spec is not None and first is not None:
            problem = too_small(checked[first].shape[1:], self._spec)
        if problem is not None:
            raise InputError(Message(gettext("{where}: {error}", where=first, error=problem), "E-INPUT-03"))
        batch = len(checked[first]) if first is not None and checked[first].ndim else None
        if self._part not in (None, batch) and {len(each) for each in checked.values()} == {batch}:
            part = self._part
            return in_parts(checked, part, lambda feeds: self._checked(self._session, feeds, outputs, part))
        return self._checked(self._session, self._with_states(checked), outputs, batch)

    def run_first(self, feeds: Mapping[str, object]) -> np.ndarray:
        """Return the first output; as `run`."""
        return self.run(feeds, [next(iter(self.outputs))])[0]

    def _checked(
        self, session: Session, feeds: dict[str, np.ndarray], outputs: Sequence[str], batch: int | None
    ) -> list[np.ndarray]:
        """Run the graph, and compare its outputs with what the card promises."""
        values = self._run(session, feeds, outputs)
        return [self._promises.check(name, value, batch) for name, value in zip(outputs, values)]

    def stepper(self) -> Step:
        """Return a function that runs a network which generates, for `onnxnn_runtime.generation.generate`."""
        feed, output = self.arrays[0], next(iter(self.outputs))
        names = [state.name for state in self._states]
        outputs = [output, *(state.next for state in self._states)]
        self._renew()
        zeros = self._with_states({feed: np.zeros((1, 1), np.int64)})
        one_by_one = self.inputs[feed][1][1:] == (1,)  # a file of fixed shapes

        def step(
            tokens: np.ndarray, states: Sequence[np.ndarray] | None
        ) -> tuple[np.ndarray, Sequence[np.ndarray]]:
            after = [zeros[name] for name in names] if states is None else states
            for part in np.split(tokens, tokens.shape[1], axis=1) if one_by_one else [tokens]:
                feeds = {**dict(zip(names, after)), feed: part}
                y, *after = self._checked(self._session, feeds, outputs, 1)
            return y[0, -1], after

        return step

    def translator(self) -> Begin:
        """Return a function that runs a network from sequence to sequence, for `translate`.

        It keeps a cache where the graph has one, and otherwise runs all of the graph for each token.
        """
        from onnxnn_runtime.generation.seq2seq import whole  # here, so that other models open without it

        if not (self._cache and self._session.takes_optional):
            return whole(lambda source, target: self.run_first({"input": source, "target": target}))
        from .cache import begin

        self._renew()
        return begin(self._name, self._cache, next(iter(self.outputs)), self._run_cached)

    def _run_cached(self, feeds: dict[str, np.ndarray], outputs: Sequence[str]) -> list[np.ndarray]:
        return self._checked(self._session, feeds, outputs, len(feeds["target"]))

    def loop(self) -> Callable[[np.ndarray, np.ndarray | None], np.ndarray]:
        """Return a function that runs a graph with the whole sampling loop, for `draw_with_graph`."""
        return lambda noise, labels: self.run_first(
            {"noise": noise} if labels is None else {"noise": noise, "label": labels}
        )

    def denoiser(self) -> Callable[[np.ndarray, int, np.ndarray | None], np.ndarray]:
        """Return a function that runs the network of a diffusion model, for `sample_images`."""
        outputs = [next(iter(self.outputs))]
        self._renew()
        t = np.zeros(0, np.int64)

        def predict(x: np.ndarray, step: int, labels: np.ndarray | None) -> np.ndarray:
            nonlocal t
            if len(t) != len(x):
                t = np.empty(len(x), np.int64)
            t.fill(step)
            feeds = {"x": x, "t": t} if labels is None else {"x": x, "t": t, "label": labels}
            found: np.ndarray = in_parts(feeds, self._part or len(x), predicted)[0]
            return found

        def predicted(feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            found = self._run(self._session, feeds, outputs)[0]
            shape = feeds["x"].shape
            if found is None or found.shape != shape:
                raise self._promises.other_shape(outputs[0], shape, found)
            return [found]

        return predict

    def _with_states(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what is fed, with zeros for the states that are not."""
        batch = len(feeds[self.arrays[0]]) if self._states else 0
        absent = [state for state in self._states if state.name not in feeds]
        return {**feeds, **zeros_of(absent, batch)}

    def stream(
        self, source: object, spec: InputSpec, outputs: Sequence[str], errors: str, batch_size: int | None
    ) -> Generator[tuple[int | None, list[str], list[np.ndarray], list[Skipped]], None, None]:
        """Read inputs and run the graph on them, in order and in bounded memory.

        Args:
            source, spec, errors: As for `onnxnn_runtime.session.pipeline.batches`.
            outputs: The outputs to return.
            batch_size: Inputs that run together; None follows the device, see `default_batch_size`.

        Yields:
            (number of inputs or None, names, the values of each output, what was left out).
        """
        if len(self.arrays) != 1:
            inputs = printable(", ".join(self.arrays), 200)
            raise InputError.coded(
                "E-INPUT-08",
                "{name}: takes {count} inputs ({inputs}), where predict() and embed() give one. Use "
                "infer({{name: array, ...}}).",
                name=self._name,
                count=len(self.arrays),
                inputs=inputs,
            )
        if batch_size is None and self._tuned is not None:
            batch_size = self._tuned.batch_size
        if batch_size is None:
            batch_size = 1 if self._low_memory else default_batch_size(spec, self.device)
        batch_size += -batch_size % (self._fixed_batch or 1)  # copies fill up the last batch alone
        skipped: list[Skipped] = []
        samples = find_samples(source, spec, skipped, errors)
        total = len(samples) if isinstance(samples, Sequence) else None
        self._renew()
        iterator = iter(samples)
        first = list(itertools.islice(iterator, _MANY))
        session = self._for_many() if len(first) == _MANY else self._session
        shared = session is self._session
        everything = itertools.chain(first, iterator)
        with closing(self._work(session, shared, everything, spec, outputs, errors, batch_size)) as done:
            for names, values, broken in done:
                yield total, names, values, skipped + broken
                skipped = []
        if skipped:
            yield total, [], no_values(outputs), skipped

    def _work(
        self,
        session: Session,
        shared: bool,
        samples: Iterable[Sample],
        spec: InputSpec,
        outputs: Sequence[str],
        errors: str,
        batch_size: int,
    ) -> Generator[tuple[list[str], list[np.ndarray], list[Skipped]], None, None]:
        def infer(batch: Batch) -> tuple[list[str], list[np.ndarray]]:
            sizes = batch_sizes(len(batch.array), batch_size, spec)
            return batch.names, self._in_batches(session, self.arrays[0], batch.array, outputs, sizes)

        def work(chunk: list[Sample]) -> tuple[Iterable[tuple[list[str], list[np.ndarray]]], list[Skipped]]:
            read, broken = read_chunk(chunk, spec, errors)
            results = map(infer, read)  # a shared session runs them one by one, when they are asked for
            return results if shared else list(results), broken

        workers = 1 if self._low_memory else max(self._threads, self._workers)
        with closing(in_chunks(work, samples, spec, batch_size, workers)) as ahead:
            for results, broken in ahead:
                for names, values in results:
                    yield names, values, broken
                    broken = []
                if broken:
                    yield [], no_values(outputs), broken

    def _in_batches(
        self, session: Session, feed: str, array: np.ndarray, outputs: Sequence[str], sizes: Sequence[int]
    ) -> list[np.ndarray]:
        """Run samples in batches of these sizes; a graph of a fixed batch takes its own number at once."""

        def infer(part: dict[str, np.ndarray]) -> list[np.ndarray]:
            samples = as_samples(self._name, feed, part[feed], *self.inputs[feed])
            return self._checked(session, self._with_states({feed: samples}), outputs, len(samples))

        if self._fixed_batch:
            return in_parts({feed: array}, self._fixed_batch, infer)
        starts = list(itertools.accumulate(sizes))[:-1]
        results = [infer({feed: part}) for part in np.split(array, starts)]
        return results[0] if len(results) == 1 else [np.concatenate(values) for values in zip(*results)]

    def _for_many(self) -> Session:
        """Return the session that several threads run at once, or the first one where it is as good."""
        if self._workers == 1 or not is_processor(self.device) or self._low_memory:
            return self._session
        if self._single is None:  # without a lock, which a fork could leave held: at worst two are made
            self._single = self._create(Share(1, self._workers)) or self._session
        return self._single

    def _create(self, share: Share) -> Session | None:
        data = self._read()
        if data is None:
            return None
        try:
            return create_session(data, self._placement, share)
        except (OnnxnnError, MemoryError) as error:
            if isinstance(error, OnnxnnError):
                raise
            raise InputError.coded(
                "E-MEMORY-01",
                "{name}: there is not enough memory to load it. Close programs, or take a smaller model.",
                name=self._name,
            ) from error
        except Exception as error:  # ONNX Runtime's own classes differ between versions.
            raise InputError(cannot_load(self._name, self._facts, error, data)) from error

    def _run(
        self, session: Session, feeds: dict[str, np.ndarray], outputs: Sequence[str]
    ) -> list[np.ndarray]:
        check_readable(self._name, self.outputs, outputs)
        for name in self._facts.divisors:
            if name in feeds:
                check_divisor(name, feeds[name])
        try:
            return session.run(list(outputs), feeds, self._timeout)
        except TimeLimitError as error:
            raise InputError.coded(
                "E-MODEL-03",
                "{name}: one run took more than {seconds:g} s and was stopped. Where that is not "
                "enough, open it with load(..., timeout=SECONDS).",
                name=self._name,
                seconds=self._timeout,
            ) from error
        except Exception as error:  # the engine's own classes.
            raise InputError(cannot_run(self._name, self.inputs, feeds, error, session.engine)) from error
