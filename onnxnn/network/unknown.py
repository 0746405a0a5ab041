"""Reference vectors of an exported file, by which it detects inputs that are like none of its training."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
import torch
from onnxnn_runtime import unknown
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.labels import best_classes
from onnxnn_runtime.card.unknown import UnknownSpec
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.session.promises import check_finite

from onnxnn.data import Batches
from onnxnn.definition.module import evaluating
from onnxnn.inference import predict as running
from onnxnn.inference.features import feature_vectors

from .own_samples import arrays_of
from .state import NetworkState

Array = np.ndarray[Any, Any]

_BATCH = 32

_TRAINED_ON = 0.99
"""The share of the training samples that the threshold accepts where none are held out.

A network knows the samples that it was trained on better than others of their classes: with 0.95 of them,
0.71 to 0.88 of other digits counted as known, with 0.99 of them 0.89 to 0.96.
"""


def reference_vectors(state: NetworkState, given: object) -> UnknownSpec:
    """Return the reference vectors of a network and the threshold.

    At most `unknown.MOST_REFERENCES` samples run through it. The threshold is found on the validation data
    where the network holds some: it accepts 95 % of them. Otherwise it is found on the training samples, each
    left out once, and accepts 99 %.

    Args:
        state: The network.
        given: Training samples: a folder, a file or arrays; None takes the data that the network holds.

    Raises:
        DataError: There are none, or too few.
        InputError: They do not match the network, or its feature vectors are NaN or infinite.
    """
    card = state.card()
    if given is not None:
        return _fit(state, *_vectors_of(state, given, card), None)
    if state.data is None:
        raise DataError.coded(
            "E-DATA-12",
            "export(unknown=True): expected training samples to compare with, got none: this network holds "
            "no training data. Load it, or give calibration= (--calibration): a folder of images, a .csv, "
            ".npy or .npz file, or arrays.",
        )
    held = state.data.validation
    vectors, labels = _of_batches(state, state.data.train, card)
    return _fit(state, vectors, labels, None if held is None else _of_batches(state, held, card)[0])


def _fit(state: NetworkState, vectors: Array, labels: Array, held_out: Array | None) -> UnknownSpec:
    check_finite("export(unknown=True)", "embedding", vectors)
    is_held_out = held_out is not None and len(held_out) >= unknown.MIN_HELD_OUT
    return unknown.fit(
        vectors,
        labels,
        held_out,
        num_classes=len(state.card().output.classes),
        accepted=unknown.ACCEPTED if is_held_out else _TRAINED_ON,
    )


def _of_batches(state: NetworkState, batches: Batches, card: ModelCard) -> tuple[Array, Array]:
    """Return the feature vector and the class index of each sample of the network's own data."""
    x, names = arrays_of(batches, card, in_graph=False)
    vectors, labels = _vectors_of(state, x, card)
    known = {name: index for index, name in enumerate(card.output.classes)}
    if names is not None:
        labels = np.array([known.get(str(each), each) for each in names], np.int64)
    return vectors, labels


def _vectors_of(state: NetworkState, given: object, card: ModelCard) -> tuple[Array, Array]:
    """Return the feature vector of each sample, and the class that the network predicts."""
    skipped: list[Skipped] = []
    found = list(find_samples(given, card.input, skipped))
    order = np.random.RandomState(0).permutation(len(found))[: unknown.MOST_REFERENCES]
    chosen = (found[place] for place in np.sort(order))
    vectors, labels, net = [], [], state.net
    with (
        closing(running.arrays(chosen, card.input, _BATCH, state.reader)) as samples,
        evaluating(net),
        torch.inference_mode(),
    ):
        for array in samples:
            x = torch.from_numpy(array).to(net.device)
            vectors.append(feature_vectors(net, state.definition, x, output_is_vector=False))
            scores = net.answer(x).float().cpu().numpy()
            labels += [best_classes(card.output, each)[0][0] for each in scores]
    return running.joined(vectors), np.array(labels, np.int64)
