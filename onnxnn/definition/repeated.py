"""Layers that are added a second time, as when a notebook's cell runs again."""

from __future__ import annotations

from collections.abc import Sequence

from onnxnn_runtime.messages.catalogue import following, gettext
from onnxnn_runtime.messages.warn import warn

from onnxnn.layers.activation import Softmax

from .entries import Entry


def run_twice() -> str:
    return gettext(
        "The same layers stand in the network already: if this cell or these lines ran before, run "
        "model = nn() again before adding layers."
    )


def stands_already(added: Sequence[Entry], entry: Entry) -> bool:
    """Whether a call of `add` is the next of a list that was added before, and is being added again."""
    calls = [(each.layer, each.activation) for each in added]
    call = entry.layer, entry.activation
    return any(calls[i] == call and calls[len(calls) - i :] == calls[:i] for i in range(len(calls)))


def warn_of_stacking(added: Sequence[Entry]) -> None:
    """Warn where a whole network, up to its softmax, has been added a second time."""
    calls = [(each.layer, each.activation) for each in added]
    half = len(calls) // 2
    closed = bool(calls) and any(isinstance(each, Softmax) for each in calls[-1])
    if half > 1 and closed and calls[:half] == calls[half:]:
        stand = gettext("the same {count} layers stand twice now.", count=half)
        warn(stand + following(run_twice()))
