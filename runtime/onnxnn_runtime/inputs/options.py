"""How many inputs are read and run: the options that `predict` and `embed` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Union

from onnxnn_runtime.arrays.numbers import check_integer
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of

Progress = Callable[[int, Union[int, None]], object]
"""Called with the number of inputs done and, where it is known, of all."""

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    class Reading(TypedDict, total=False):
        """The options of `ReadOptions` for type checkers: the signature of all calls that read inputs."""

        errors: str
        batch_size: int | None
        progress: Progress | None
        channel_order: str | None

    class Streaming(TypedDict, total=False):
        """The options of `StreamOptions` for type checkers."""

        drop: bool | None
        k: int
        normalize: bool
        call: str | None
        errors: str
        channel_order: str | None
        unknown: bool


@dataclass(frozen=True)
class ReadOptions:
    """How inputs are read and run.

    Args:
        errors: "raise" stops at a broken input; "skip" leaves it out and says so.
        batch_size: Inputs that run together; None takes 2 images on a processor, else 32 inputs.
        progress: Called as progress(done, total or None) after each batch.
        channel_order: "rgb", or "bgr" where arrays of images hold blue first, as OpenCV reads them; None
            takes what the card says. Files, bytes and PIL images are RGB always.

    Raises:
        InputError: `errors`, `batch_size` or `progress` is none of these.
    """

    errors: str = "raise"
    batch_size: int | None = None
    progress: Progress | None = None
    channel_order: str | None = None

    def __post_init__(self) -> None:
        _check_errors(self.errors)
        if self.batch_size is not None:
            check_integer("batch_size", self.batch_size)
        if self.progress is not None and not callable(self.progress):
            raise InputError.coded(
                "E-INPUT-06",
                "progress={progress}: expected a function of (done, total), or None. Pass e.g. "
                "progress=print.",
                progress=shortened(self.progress),
            )

    def report(self, done: int, total: int | None) -> None:
        """Say how many inputs are done, and of how many."""
        if self.progress is not None:
            self.progress(done, total)


@dataclass(frozen=True)
class StreamOptions:
    """How the frames of a stream are taken and run.

    Args:
        drop: Whether frames are dropped that came while the model worked on another one; None drops them
            where the number of frames is not known, as a camera's, and none of a list.
        k: How many of the best classes stand in `Prediction.top`.
        normalize: Scale each vector to length 1.
        call: "predict" or "embed"; None predicts, and embeds where the model only has feature vectors.
        errors: "raise" stops at a broken frame; "skip" leaves it out and counts it.
        channel_order: "rgb", or "bgr" where frames hold blue first, as OpenCV's do; None takes what the card
            says.
        unknown: Whether a frame that is like none of the training has the label "unknown".

    Raises:
        InputError: `drop`, `k`, `call` or `errors` is none of these.
    """

    drop: bool | None = None
    k: int = 1
    normalize: bool = False
    call: str | None = None
    errors: str = "raise"
    channel_order: str | None = None
    unknown: bool = False

    def __post_init__(self) -> None:
        _check_errors(self.errors)
        check_integer("k", self.k)
        if self.call is not None and not is_one_of(self.call, ("predict", "embed")):
            raise InputError.coded(
                "E-INPUT-06",
                "call={call}: expected 'predict', 'embed', or None to choose.",
                call=shortened(self.call),
            )
        if not any(self.drop is each for each in (None, True, False)):
            raise InputError.coded(
                "E-INPUT-06",
                "drop={drop}: expected True, False, or None to choose.",
                drop=shortened(self.drop),
            )


def _check_errors(errors: object) -> None:
    if not is_one_of(errors, ("raise", "skip")):
        raise InputError.coded(
            "E-INPUT-06", "errors={errors}: expected 'raise' or 'skip'.", errors=shortened(errors)
        )
