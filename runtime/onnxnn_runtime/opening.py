"""How a model was opened, so that it can be opened again: in another process, or from a copy."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Mapping

from .arrays.numbers import is_number, plain_number
from .card.card import METADATA_KEY, ModelCard
from .errors import CardError, InputError, located
from .files.paths import expanded, path_text
from .messages.shorten import shortened

_LONGEST = 1e9
"""Seconds of the longest timeout: what threads can wait for."""


@dataclass(frozen=True)
class Opening:
    """The arguments of `load`; a path becomes absolute, since another process may run in another folder.

    Args:
        path, device, card, threads, draft, timeout, low_memory, tune: See `onnxnn_runtime.load`.
        runs: How many threads run it at once, with one processor core each.

    Raises:
        InputError: `card` is no card, `timeout` no number of seconds, or `tune` excludes another option.
    """

    path: str | os.PathLike[str] | bytes
    device: str
    card: ModelCard | None
    threads: int | None
    draft: bool | None
    timeout: float | None
    low_memory: bool = False
    tune: bool = False
    runs: int = 1
    _state: tuple[int, int] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.card is not None and not isinstance(self.card, ModelCard):
            raise InputError.coded(
                "E-CALL-03",
                "load(card={card}): expected a ModelCard, or None for the file's own.",
                card=shortened(self.card),
            )
        _check_timeout(self.timeout)
        if self.tune and self.low_memory:
            raise InputError.coded(
                "E-INPUT-06",
                "load(tune=True, low_memory=True): expected one of the two, for the fastest setting takes "
                "more memory. Leave out tune, or low_memory.",
            )
        if isinstance(self.path, (str, os.PathLike)):
            path = os.path.abspath(expanded(path_text(self.path)))
            object.__setattr__(self, "path", path)
            object.__setattr__(self, "_state", _state(path))

    def check_unchanged(self) -> None:
        """Refuse a file that was replaced since: it may be another model.

        Raises:
            InputError: It has another size or time than when it was opened first.
        """
        if (
            isinstance(self.path, str)
            and self._state is not None
            and _state(self.path) not in (None, self._state)
        ):
            raise InputError.coded(
                "E-INPUT-02",
                "{path}: changed after the model was opened, so this copy would be another model. "
                "Call load() again.",
                path=self.path,
            )


def _state(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns


def card_of(
    metadata: Mapping[str, str], name: str, card: ModelCard | None, draft: bool | None
) -> ModelCard | None:
    """Return the card that a model is used with.

    Args:
        metadata: The file's.
        name: What errors call it.
        card: That of the caller; None takes the file's own.
        draft: Whether large JPEG files are decoded at less than their size; None takes what the card says.

    Raises:
        CardError: The file's card is damaged.
    """
    if card is None and METADATA_KEY in metadata:
        try:
            card = ModelCard.from_json(metadata[METADATA_KEY])
        except CardError as error:
            if error.code != "E-CARD-02":
                raise CardError(located(name, error)) from error
            raise CardError.coded(
                "E-CARD-02",
                "{name}: {error} The file was changed or damaged: export the model again, or "
                "get the file again.",
                name=name,
                error=error,
            ) from error
    if card is None or draft is None or card.input.preprocess is None:
        return card
    return replace(card, input=replace(card.input, preprocess=replace(card.input.preprocess, draft=draft)))


def require_card(card: ModelCard | None, name: str, what: str) -> ModelCard:
    """Return a model's card.

    Args:
        card: The card, where there is one.
        name: What errors call the model.
        what: The call that needs it.

    Raises:
        CardError: There is none.
    """
    if card is not None:
        return card
    raise CardError.coded(
        "E-CARD-01",
        "{name}: no onnxnn card in its metadata, which {what} needs. Export it with `onnxnn export`, "
        "pass card=ModelCard(...), or use infer() on arrays.",
        name=name,
        what=what,
    )


def _check_timeout(timeout: object) -> None:
    """Refuse a timeout that is no number of seconds.

    Raises:
        InputError: It is none.
    """
    timeout = plain_number(timeout)
    if timeout is not None and not (is_number(timeout) and 0 < timeout <= _LONGEST):
        raise InputError.coded(
            "E-INPUT-06",
            "timeout={timeout}: expected seconds, a number above 0, or None for no limit.",
            timeout=shortened(timeout),
        )
