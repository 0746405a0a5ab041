"""What the parts of a card's input have to agree on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Sequence

from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.shorten import shortened

if TYPE_CHECKING:
    from .card import InputSpec, StateSpec


def check_vocabulary(spec: InputSpec) -> None:
    """Refuse tokens whose ids are not 0, 1, 2, ..., each once.

    Raises:
        CardError: They are not.
    """
    if spec.vocabulary is None:
        return
    size = len(spec.vocabulary)
    left = set(range(size))
    for token, number in spec.vocabulary.items():
        if number not in left:
            raise CardError.coded(
                "E-CARD-02",
                "card: 'input.vocabulary': expected the ids 0..{last}, each once, got {id} for {token}.",
                last=size - 1,
                id=shortened(number),
                token=shortened(token),
            )
        left.remove(number)
    if spec.num_tokens is not None and size > spec.num_tokens:
        raise CardError.coded(
            "E-CARD-02",
            "card: 'input.vocabulary': expected at most as many tokens as 'input.num_tokens' ({most}), "
            "got {size}.",
            most=spec.num_tokens,
            size=size,
        )


def check_states(states: Sequence[StateSpec]) -> None:
    """Refuse states that share a name.

    Raises:
        CardError: Two do.
    """
    for names in ([state.name for state in states], [state.next for state in states]):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise CardError.coded(
                "E-CARD-02",
                "card: 'input.states': expected each name once, got {name} twice.",
                name=shortened(twice[0]),
            )
