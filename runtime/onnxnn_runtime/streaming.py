"""A camera loop: frames in, what a model says about each out, without a queue.

A network is often slower than a camera. A thread takes the frames as they come and keeps the newest alone, so
that each result is about what the camera sees now; the others are dropped and counted. Memory stays the same,
however long the loop runs.
"""

from __future__ import annotations

import inspect
import itertools
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generator, Iterable, Iterator, Sized, Tuple

import numpy as np

from .api.calls import checked_class
from .card.card import InputSpec, ModelCard
from .card.kind import ModelKind
from .embedding import parts_of, vector_output, vectors_of
from .errors import InputError
from .inputs.options import ReadOptions, StreamOptions
from .inputs.reading import Sample, in_channel_order
from .inputs.samples import find_samples
from .messages.shapes import shape_text
from .messages.shorten import shortened
from .results import Prediction, check_predicts, prediction
from .session.forks import generation
from .unknown import References, references_of

if TYPE_CHECKING:
    from .session.engine import Engine

__all__ = ["FrameResult", "stream"]

_LOOK = 0.5
"""Seconds between looks whether the process was forked; on Windows a longer wait would hold Ctrl-C up."""

_LAST_FRAME = 2.0
"""Seconds that closing waits for a camera to hand out the frame that it is at."""


@checked_class()
@dataclass(frozen=True, eq=False)
class FrameResult:
    """What a model says about one frame of a stream.

    Args:
        index: The number of the frame among all that came, from 0; those that were dropped count.
        seconds: When it came, in seconds since the stream began.
        latency: Seconds from then until this result.
        dropped: How many frames were dropped so far, since newer ones came before the model was free.
        skipped: How many frames were left out so far, since they could not be read (`errors="skip"`).
        frame: The frame itself, e.g. to show it; a copy of an array where frames are dropped.
        prediction: Of a model that predicts, else None.
        vector: Of a model that embeds, float32 (D,), else None.
    """

    index: int
    seconds: float
    latency: float
    dropped: int
    skipped: int
    frame: object
    prediction: Prediction | None
    vector: np.ndarray | None


@dataclass(frozen=True, eq=False)
class _Taken:
    index: int
    moment: float
    frame: object


class _InOrder:
    """All frames, one after the other, taken when they are asked for."""

    dropped = 0

    def __init__(self, frames: Iterator[object]) -> None:
        self._frames = frames
        self._numbered = enumerate(frames)

    def take(self) -> _Taken | None:
        """Return the next frame; None after the last."""
        for index, frame in self._numbered:
            return _Taken(index, time.monotonic(), frame)
        return None

    def close(self) -> None:
        """End the iterator."""
        _end(self._frames)


class _Newest:
    """The newest frame that came, taken by a thread.

    Attributes:
        dropped: How many frames newer ones took the place of.
    """

    def __init__(self, frames: Iterator[object]) -> None:
        self.dropped = 0
        self._changed = threading.Condition()
        self._waiting: _Taken | None = None
        self._error: BaseException | None = None
        self._is_over = False
        self._is_closed = False
        self._begun = generation()
        # A daemon: a camera that never hands out its next frame does not keep the program from ending.
        self._thread = threading.Thread(target=self._read, args=(frames,), name="onnxnn camera", daemon=True)
        self._thread.start()

    def take(self) -> _Taken | None:
        """Return the newest frame that was not taken yet, and wait for one; None after the last.

        Raises:
            InputError: The process was forked meanwhile.
            BaseException: What the camera raised.
        """
        while generation() == self._begun:
            with self._changed:
                if self._waiting is None and not self._is_over:
                    self._changed.wait(_LOOK)
                taken, self._waiting = self._waiting, None
                if taken is not None:
                    return taken
                if self._is_over:
                    break
        else:
            raise InputError.coded(
                "E-INPUT-08",
                "this stream was begun before the process was forked, and the thread that takes its "
                "frames is not in the child. Begin it again there, with another call of stream().",
            )
        if self._error is not None:
            raise self._error
        return None

    def close(self) -> None:
        """Have the thread end after the frame that it waits for."""
        if generation() != self._begun:
            return
        with self._changed:
            self._is_closed, self._waiting = True, None
        if threading.current_thread() is not self._thread:
            self._thread.join(_LAST_FRAME)

    def _read(self, frames: Iterator[object]) -> None:
        try:
            for index, frame in enumerate(frames):
                taken = _Taken(index, time.monotonic(), _copied(frame))
                del frame
                with self._changed:
                    if self._is_closed:
                        break
                    self.dropped += self._waiting is not None
                    self._waiting = taken
                    self._changed.notify()
                del taken
            _end(frames)
        except BaseException as error:  # the loop raises it
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify()


def _copied(frame: object) -> object:
    """Return a frame that stays as it is: many cameras fill one array with every frame."""
    if isinstance(frame, (bytearray, memoryview)):
        return bytes(frame)
    return frame.copy() if isinstance(frame, np.ndarray) else frame


def _end(frames: Iterator[object]) -> None:
    """Have a generator run its `finally`, where it may release its camera."""
    if inspect.isgenerator(frames):
        frames.close()


def stream(
    engine: Engine, name: str, card: ModelCard, frames: Iterable[object], options: StreamOptions
) -> Generator[FrameResult, None, None]:
    """Return what yields a result for each frame, or for the newest ones; see `Model.stream`.

    Args:
        engine: Runs the graph.
        name: What errors call the model.
        card: What the model says about itself.
        frames: Where frames come from.
        options: How they are read.

    Raises:
        CardError: The model neither predicts nor embeds.
        InputError: `frames` cannot be iterated.
    """
    answer_of = _Answers(engine, name, card, options)
    if isinstance(frames, (str, bytes)) or not isinstance(frames, Iterable):
        raise InputError.coded(
            "E-INPUT-05",
            "stream(frames={frames}): expected frames one after the other, as a list or a generator "
            "function makes them. Write one that yields the frames of the camera.",
            frames=shortened(frames),
        )
    if isinstance(frames, np.ndarray):
        _check_several(frames, card.input)
    drop = not isinstance(frames, Sized) if options.drop is None else options.drop
    return _results(answer_of, iter(frames), drop)


def _check_several(frames: np.ndarray, spec: InputSpec) -> None:
    """Refuse an array that is one frame, whose rows would be taken for frames.

    Raises:
        InputError: It is one.
    """
    try:
        found = list(itertools.islice(find_samples(frames, spec, []), 2))
    except InputError:  # the first frame says why
        return
    if len(found) == 1 and len(frames) != 1:
        raise InputError.coded(
            "E-INPUT-05",
            "stream(frames=...): expected frames one after the other, got one of shape {shape}. Give it in "
            "a list, or use predict() or embed().",
            shape=shape_text(frames.shape),
        )


def _results(answer_of: _Answers, frames: Iterator[object], drop: bool) -> Generator[FrameResult, None, None]:
    begun, skipped = time.monotonic(), 0
    source = _Newest(frames) if drop else _InOrder(frames)
    with closing(source):
        while True:
            taken = source.take()
            if taken is None:
                return
            answer = answer_of(taken)
            if answer is None:
                skipped += 1
                continue
            now = time.monotonic()
            yield FrameResult(
                taken.index,
                taken.moment - begun,
                now - taken.moment,
                source.dropped,
                skipped,
                taken.frame,
                *answer,
            )


_Answer = Tuple["Prediction | None", "np.ndarray | None"]
"""The prediction of a frame, or its vector."""


class _Answers:
    """What a model says about each frame."""

    def __init__(self, engine: Engine, name: str, card: ModelCard, options: StreamOptions) -> None:
        self._engine = engine
        self._card = card
        self._spec = in_channel_order(card.input, options.channel_order)
        self._options = options
        self._reading = ReadOptions(errors=options.errors, batch_size=1)
        self._vector: str | None = None
        self._references: References | None = None
        if options.call == "embed" or (options.call is None and ModelKind(card).call == "embed"):
            self._vector = vector_output(card, engine.outputs, name)
            return
        check_predicts(card, name)
        if options.unknown:
            self._references = references_of(card, name)

    def __call__(self, taken: _Taken) -> _Answer | None:
        """Return what the model says about a frame; None where it is broken and left out.

        Raises:
            InputError: It is broken, and `errors` is "raise"; or the graph cannot run.
        """
        try:
            sample = self._sample(taken)
        except InputError:
            if self._options.errors == "raise":
                raise
            return None
        if self._vector is None:
            return self._predicted(sample)
        parts = vectors_of(
            self._engine, self._spec, sample, self._vector, self._options.normalize, self._reading
        )
        with closing(parts):
            found = next(parts)[0]
        return None if found.skipped else (None, found.vectors[0])

    def _predicted(self, sample: Sample) -> _Answer | None:
        engine, references = self._engine, self._references
        outputs = [next(iter(engine.outputs))]
        if references is not None:
            outputs.append(vector_output(self._card, engine.outputs, sample.name))
        with closing(parts_of(engine, self._spec, sample, outputs, self._reading)) as parts:
            found = next(parts)[0]
        if found.skipped:
            return None
        distance = None if references is None else references.distances(found.values[1])[0]
        answer = prediction(self._card, sample.name, found.values[0][0], self._options.k, distance)
        return answer, None

    def _sample(self, taken: _Taken) -> Sample:
        name = f"frame[{taken.index}]"
        if taken.frame is None:
            raise InputError.coded(
                "E-INPUT-05",
                "{name}: expected a frame, got None, as OpenCV returns where a camera fails. Check that it "
                "is connected and that no other program uses it.",
                name=name,
            )
        found = list(itertools.islice(find_samples(taken.frame, self._spec, [], name=name), 2))
        if len(found) != 1:
            raise InputError.coded(
                "E-INPUT-05",
                "{name}: expected one frame, got several or none of them. Use predict() or embed() for "
                "many inputs.",
                name=name,
            )
        return found[0]
