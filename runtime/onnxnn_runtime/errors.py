"""Every error that the three packages raise on purpose.

OnnxnnError
 ├─ LayerError       (ValueError)    the network's definition does not hold together
 ├─ DataError        (ValueError)    training data cannot be used
 │   └─ MissingDataError (FileNotFoundError)
 ├─ TrainingError    (ValueError)    an optimizer, loss or metric is unknown; a loss became NaN
 ├─ CheckpointError  (ValueError)    a checkpoint is truncated, foreign or of another network
 │   └─ MissingCheckpointError (FileNotFoundError)
 ├─ ExportError      (RuntimeError)  a network cannot be written as asked, or failed verification
 ├─ CardError        (ValueError)    a model file's card is missing, malformed or newer
 ├─ InputError       (ValueError)    an input or option of a model or a command is wrong
 │   └─ MissingInputError (FileNotFoundError)
 ├─ DeviceError      (RuntimeError)  a device was asked for that is not there
 ├─ OutputError      (OSError)       a file cannot be written
 ├─ CallError        (TypeError)     an option is unknown, missing or given twice
 └─ UnknownAttributeError (AttributeError)  an attribute is unknown

A message says where, what was expected and what was given, and what to do.
"""

from __future__ import annotations

from typing import Callable, Iterable, TypeVar

from .messages.catalogue import Message, following, gettext
from .messages.shorten import bounded, shortened

E = TypeVar("E", bound="OnnxnnError")


class OnnxnnError(Exception):
    """Base class of all errors that onnxnn raises on purpose.

    Its text is of bounded length, and holds no character that steers a terminal, whatever it quotes.
    It ends in the code of its kind in brackets, [E-LAYER-03], which `onnxnn explain` explains.
    """

    @classmethod
    def coded(cls: type[E], __code: str, __message: str, **values: object) -> E:
        """Return an error of this class, with a text in the language of the user and the code of its kind.

        Args:
            __code: A key of `onnxnn_runtime.messages.codes.CODES`.
            __message: The English text, a literal, with a {name} for each of the values.
            values: What to put in; of an error of ours its text without its code.
        """
        return cls(Message(gettext(__message, **values), __code))

    def __str__(self) -> str:
        return f"{self.text} [{self.code}]" if self.code else self.text

    def _render_traceback_(self) -> list[str]:
        """Return what notebooks show: IPython asks for this."""
        from .messages.user_lines import rendered  # here, because only a notebook needs it

        return rendered(self)

    @property
    def code(self) -> str:
        """The stable code of its kind, e.g. "E-LAYER-03"."""
        return getattr(self.args[0], "code", "") if self.args else ""

    @property
    def text(self) -> str:
        """What it says in the language of the user, without the code."""
        return bounded(super().__str__())


class LayerError(OnnxnnError, ValueError):
    """A layer is unknown, has wrong options, or does not match the layer before it."""


class DataError(OnnxnnError, ValueError):
    """Training data cannot be used as it is."""


class MissingDataError(DataError, FileNotFoundError):
    """A training file or folder does not exist."""


class TrainingError(OnnxnnError, ValueError):
    """Training was asked for something that does not exist, or its loss became NaN."""


class CheckpointError(OnnxnnError, ValueError):
    """A checkpoint is truncated, foreign, from a newer version, or does not match the network."""


class MissingCheckpointError(CheckpointError, FileNotFoundError):
    """A checkpoint does not exist."""


class ExportError(OnnxnnError, RuntimeError):
    """A network cannot be exported as asked, or the exported file failed its verification."""


class CardError(OnnxnnError, ValueError):
    """A model file's card is missing, malformed, or written by a newer version."""


class InputError(OnnxnnError, ValueError):
    """An input or option of a model or a command is wrong."""


class MissingInputError(InputError, FileNotFoundError):
    """An input file or folder does not exist."""


class DeviceError(OnnxnnError, RuntimeError):
    """A device was asked for that this machine or its ONNX Runtime does not offer."""


class OutputError(OnnxnnError, OSError):
    """A file cannot be written: no space, no permission, or no such folder."""


class OutOfMemoryError(OnnxnnError, MemoryError):
    """There is not enough memory for what was asked, on this machine or on its GPU."""


class CallError(OnnxnnError, TypeError):
    """A call has an unknown, missing or repeated option, too many arguments, or too large an integer."""


class UnknownAttributeError(OnnxnnError, AttributeError):
    """An attribute is unknown, or cannot be set."""


def located(where: object, error: OnnxnnError) -> Message:
    """Return the text of an error after where it was found, with the code of its kind."""
    return Message(gettext("{where}: {error}", where=where, error=error), error.code)


def raise_together(*checks: Callable[[], object]) -> None:
    """Run all checks, and raise what they found as one error of the first one's class and code.

    Args:
        checks: Functions that raise an error of ours where something is wrong.

    Raises:
        OnnxnnError: At least one check raised it; with a sentence of each that did.
    """
    found = []
    for check in checks:
        try:
            check()
        except OnnxnnError as error:
            found.append(error)
    if len(found) > 1:
        said = found[0].text + "".join(following(error.text) for error in found[1:])
        raise type(found[0])(Message(said, found[0].code))
    if found:
        raise found[0]


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return ". Did you mean 'x'?" for the known name that a word means, or "" when none is near."""
    from .messages.suggestions import nearest  # here, because only a mistake needs it

    name = nearest(word, known)
    return gettext(". Did you mean {name}?", name=shortened(name)) if name else ""


def name_hint(word: object, known: Iterable[str]) -> str:
    """Return how a sentence about an unknown name ends: ". Did you mean 'x'?", or "." when none is near."""
    return did_you_mean(word, known) or gettext(".")
