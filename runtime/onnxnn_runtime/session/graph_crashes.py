"""Nodes with which ONNX Runtime ends the whole process instead of refusing them.

Found by changing the attributes, inputs and outputs of ONNX's own operator tests, under ONNX Runtime 1.32.
"""

from __future__ import annotations

from typing import Sequence

from onnxnn_runtime.messages.catalogue import gettext, ngettext

from .graph_fields import Node, attributes_of
from .graph_scope import RefusedGraphError
from .graph_values import OMITTED, Fact

_ALL_INPUTS = ("Max", "Mean", "Min", "Sum", "LayerNormalization")
_ALL_OUTPUTS = ("Loop", "Split")
"""Operators none of whose inputs, or outputs, may have an empty name."""


def refuse_crash(node: Node, inputs: Sequence[Fact]) -> str:
    """Refuse a node of the standard operators that would end the process.

    Args:
        node: The node.
        inputs: What is known of its inputs.

    Returns:
        The input of the whole graph that must not be 0, "" for none.

    Raises:
        RefusedGraphError: It would.
    """
    if node.kind in _ALL_INPUTS and "" in node.inputs:
        raise RefusedGraphError(
            gettext("{node} has an input without a name; expected a name for each", node=node.kind)
        )
    if node.kind in _ALL_OUTPUTS and "" in node.outputs:
        raise RefusedGraphError(
            gettext("{node} has an output without a name; expected a name for each", node=node.kind)
        )
    if node.kind == "GatherND":
        for each in attributes_of(node, "batch_dims").values():
            if each.number is not None and each.number < 0:
                raise RefusedGraphError(
                    gettext("GatherND has batch_dims={got}; expected 0 or more", got=each.number)
                )
    elif node.kind == "Split":
        for each in attributes_of(node, "num_outputs").values():
            if each.number != len(node.outputs):
                raise RefusedGraphError(
                    gettext(
                        "Split has num_outputs={got} and {outputs}; expected as many",
                        got=each.number,
                        outputs=ngettext("{count} output", "{count} outputs", len(node.outputs)),
                    )
                )
    elif node.kind == "TfIdfVectorizer":
        _refuse_short_vocabulary(node)
    elif node.kind == "STFT":
        return _refuse_empty_frames(inputs)
    return ""


def _refuse_empty_frames(inputs: Sequence[Fact]) -> str:
    """Refuse frames that may hold no sample: their number is divided by their length.

    Args:
        inputs: Signal, step, window and length; the window's length counts where the last is left out.
    """
    window, length = [*inputs, *[OMITTED] * 4][2:4]
    if length.fed:
        return length.fed
    if length.low < 1 if length is not OMITTED else not window.filled:
        raise RefusedGraphError(
            gettext(
                "STFT has frames of a length that may be 0, which ends the whole process; expected a "
                "constant frame_length from 1"
            )
        )
    return ""


def _refuse_short_vocabulary(node: Node) -> None:
    """Refuse a vocabulary of n-grams without a place in the output for each.

    `ngram_counts` says where in the pool the n-grams of length 1, 2, ... begin.
    """
    found = attributes_of(node, "ngram_indexes", "ngram_counts", "pool_int64s", "pool_strings")
    pool = sum(len(found[name].numbers) + found[name].texts for name in found if name.startswith("pool"))
    starts = [*(found["ngram_counts"].numbers if "ngram_counts" in found else []), pool]
    count = sum(
        max(after - start, 0) // length for length, (start, after) in enumerate(zip(starts, starts[1:]), 1)
    )
    places = len(found["ngram_indexes"].numbers) if "ngram_indexes" in found else 0
    if places != count:
        raise RefusedGraphError(
            gettext(
                "TfIdfVectorizer has {got} n-grams and {places} ngram_indexes; expected as many",
                got=count,
                places=places,
            )
        )
