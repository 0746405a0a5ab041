"""A network from sequence to sequence in torch: what it writes, and how likely each token comes next."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.generation.options import GenerationOptions
from onnxnn_runtime.generation.seq2seq import Follow, Predict, translate
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shapes import shape_text
from torch.utils.data import DataLoader

from onnxnn.data import Batches
from onnxnn.data.label_arrays import ragged
from onnxnn.definition.module import Net, evaluating
from onnxnn.layers.encoder_decoder import Cache, TransformerModule

from .predict import joined

Array = np.ndarray[Any, Any]


def infer(net: Net, source: object) -> Array:
    """Return how likely each token comes next after every step of targets, float32 (N, T, vocabulary).

    Args:
        net: The network; it runs in evaluation mode and comes back in the mode it was in.
        source: A tuple (source, target) of tokens (N, S) and (N, T), or batches of those.

    Raises:
        InputError: It is no such pair, or tokens are wrong.
    """
    pairs = map(tuple, source) if isinstance(source, Batches | DataLoader) else [source]
    return joined([_next_tokens(net, pair) for pair in pairs])


def _next_tokens(net: Net, pair: object) -> Array:
    """Return how likely each token comes next after every step of targets (N, T, vocabulary)."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise InputError.coded(
            "E-INPUT-05",
            "inference(): expected two sequences for a transformer. Call generate(source), or "
            "inference((source, target)) for how likely each token comes next.",
        )
    source, target = (
        _rows_of_tokens(name, rows) for name, rows in zip(("source", "target"), pair, strict=True)
    )
    for name, tokens in (("source", source), ("target", target)):
        if tokens.ndim != 2 or tokens.dtype.kind not in "iu" or not tokens.size:
            raise InputError.coded(
                "E-INPUT-07",
                "{name}: expected integers (N, T), at least one sequence of at least one token, got "
                "{dtype} of shape {shape}.",
                name=name,
                dtype=tokens.dtype,
                shape=shape_text(tokens.shape),
            )
    if len(source) != len(target):
        raise InputError.coded(
            "E-INPUT-03",
            "inference(): expected one target for each source, got {sources} and {targets}.",
            sources=ngettext("{count} source", "{count} sources", len(source)),
            targets=ngettext("{count} target", "{count} targets", len(target)),
        )
    return predictor(net)(source.astype(np.int64), target.astype(np.int64))


def _rows_of_tokens(name: str, rows: object) -> Array:
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise InputError(ragged(rows, name)) from error


def write(net: Net, spec: InputSpec, options: GenerationOptions) -> list[int] | list[list[int]]:
    """Write the targets of sources; see `onnxnn_runtime.generation.seq2seq.translate`."""
    return translate(lambda source: follower(net, source), spec, options)


def predictor(net: Net) -> Predict:
    """Return a function that runs a network in evaluation mode and leaves it in the mode it was in."""
    device = net.device

    def predict(source: Array, target: Array) -> Array:
        with evaluating(net), torch.inference_mode():
            y = net((torch.from_numpy(source).to(device), torch.from_numpy(target).to(device)))
        found: Array = y.float().cpu().numpy()
        return found

    return predict


def follower(net: Net, source: Array) -> Follow:
    """Return what writes the targets of sources with a cache, as `Model.decoder` of the runtime does."""
    module, *ending = net
    decoder = instance(module, TransformerModule)
    cache: Cache | None = None

    def follow(targets: Array, rows: Array | None) -> Array:
        nonlocal cache
        tokens = torch.from_numpy(targets[:, -1:] if cache else targets).to(net.device)
        with evaluating(net), torch.inference_mode():
            if cache is None:
                cache = decoder.encode(torch.from_numpy(source).to(net.device))
            elif rows is not None:
                cache = cache.rows(torch.from_numpy(rows).to(net.device))
            y, cache = decoder.decode(tokens, cache)
            for each in ending:
                y = each(y)
        found: Array = y[:, -1].float().cpu().numpy()
        return found

    return follow
