"""The options of `generate`, of both kinds of network that do."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, List, Sequence, Union

from onnxnn_runtime.arrays.numbers import check_integer, is_number
from onnxnn_runtime.card.tokens import Text
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened

if TYPE_CHECKING and sys.version_info >= (3, 10):
    from dataclasses import KW_ONLY

Generated = Union[str, List[str], List[int], List[List[int]]]
"""A text, or a list of words where the prompt was one; or the tokens of one source, or of several."""

LONGEST = 1_000_000
"""Tokens of the longest text: hours of work, and some hundred megabytes."""

_OF_TEXT = ("length", "temperature", "top_k", "seed", "stop")
_OF_PAIRS = ("max_length", "beams")


@dataclass(frozen=True, eq=False)
class GenerationOptions:
    """How a text is continued, or the target of a source is written.

    Args:
        prompt: How the text begins: text, each character a token, or a list of words. From sequence to
            sequence the tokens of one source, or of several, which may differ in length; 0 is padding.
        length: Tokens of the whole text, the prompt's counted; None is 24.
        temperature: Below 1 likely tokens become likelier: p^(1/temperature), scaled to sum to 1. At 0
            the likeliest is taken. None is 1.
        top_k: Draw among this many of the likeliest tokens; None among all.
        seed: The same seed writes the same text; None another one each time.
        stop: Writing ends where this text, or one of these texts, appears; it is left out. Where the
            prompt is a list of words, a text is a word or several with spaces between them.
        max_length: From sequence to sequence: the longest target with its end; None takes the longest that
            the network can write.
        beams: From sequence to sequence: how many beginnings are followed at once; 1, as None, always takes
            the likeliest token (greedy).

    Raises:
        InputError: One is out of range.
    """

    prompt: object
    length: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: Text | None = None
    if TYPE_CHECKING and sys.version_info >= (3, 10):  # older ones have no fields given by name alone
        _: KW_ONLY
    max_length: int | None = None
    beams: int | None = None

    def __post_init__(self) -> None:
        for name, lowest in (("length", 1), ("top_k", 1), ("seed", 0), ("max_length", 1), ("beams", 1)):
            value = getattr(self, name)
            if value is not None:
                check_integer(name, value, lowest)
        if self.length is not None and self.length > LONGEST:
            raise InputError.coded(
                "E-INPUT-06",
                "length={length}: expected at most {longest:,} tokens.",
                length=shortened(self.length),
                longest=LONGEST,
            )
        temperature = self.temperature
        if temperature is not None and (not is_number(temperature) or not 0 <= temperature < math.inf):
            raise InputError.coded(
                "E-INPUT-06",
                "temperature={temperature}: expected a number of at least 0. 0 takes the likeliest token.",
                temperature=shortened(temperature),
            )
        stops = self.stops
        if not isinstance(stops, (list, tuple)) or not all(isinstance(each, str) and each for each in stops):
            raise InputError.coded(
                "E-INPUT-06",
                "stop={stop}: expected a text or a list of texts, none of them empty.",
                stop=shortened(self.stop),
            )

    @property
    def stops(self) -> Sequence[str]:
        """The texts of `stop`."""
        return [self.stop] if isinstance(self.stop, str) else [] if self.stop is None else self.stop

    def check_for(self, translates: bool) -> None:
        """Refuse an option that the other kind of network has: writing text, or translating.

        Raises:
            InputError: There is one; the message names it.
        """
        others, own = (_OF_TEXT, _OF_PAIRS) if translates else (_OF_PAIRS, _OF_TEXT)
        refused = [name for name in others if getattr(self, name) is not None]
        if not refused:
            return
        options = ", ".join(own)
        if translates:
            raise InputError.coded(
                "E-CALL-01",
                "{option}=...: expected an option of a sequence-to-sequence network: {options}.",
                option=refused[0],
                options=options,
            )
        raise InputError.coded(
            "E-CALL-01",
            "{option}=...: expected an option of a network that continues a text: {options}.",
            option=refused[0],
            options=options,
        )
