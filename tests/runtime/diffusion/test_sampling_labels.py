"""Labels and guidance of class-conditional sampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.diffusion.sampling import (
    SamplingOptions,
    draw_with_graph,
    interpolate_images,
    sample_images,
)
from support.sampling import NAMED, SPEC, START, assert_close, soft

# ---- labels --------------------------------------------------------------------------------------


def predicted_labels(**options):
    seen = []

    def predict(x, t, labels):
        seen.append(labels.tolist())
        return soft(x, t, labels)

    sample_images(predict, NAMED, SamplingOptions(steps=1, **options))
    return seen[0]


@pytest.mark.parametrize(
    ("label", "num", "expected"),
    [
        ("1", 2, [1, 1]),
        (0, 2, [0, 0]),
        (np.int64(2), 1, [2]),
        (["seven", 0, "1"], None, [2, 0, 1]),
        (np.array([2, 2]), None, [2, 2]),
        ("none", 2, [3, 3]),
        (["0", "none"], None, [0, 3]),
    ],
)
def test_labels_by_name_and_by_number(label, num, expected):
    assert predicted_labels(label=label, num=num) == expected


def labels_of(counts, num, seed, label=None, names=("0", "1", "seven")):
    spec = replace(NAMED, classes=names, class_counts=counts)
    seen = []

    def predict(x, t, labels):
        seen.extend(labels.tolist())
        return soft(x, t, labels)

    sample_images(predict, spec, SamplingOptions(num, steps=1, seed=seed, label=label))
    return seen


def test_without_a_label_classes_are_as_frequent_as_in_training():
    shares = np.bincount(labels_of((900, 0, 100), 1000, 5), minlength=4) / 1000
    np.testing.assert_allclose(shares, [0.9, 0, 0.1, 0], atol=0.03)


@pytest.mark.parametrize("call", [sample_images, draw_with_graph, interpolate_images])
def test_without_a_label_in_a_file_without_counts_all_classes_are_as_frequent(call):
    seen = []

    def predict(x, *rest):
        seen.extend(rest[-1].tolist())
        return soft(x, 0, rest[-1])

    if call is interpolate_images:
        for seed in range(300):
            call(predict, NAMED, START, START, SamplingOptions(2, 1, strength=1.0, seed=seed))
    else:
        call(predict, NAMED, SamplingOptions(600, 1 if call is sample_images else None, seed=5))
    shares = np.bincount(seen, minlength=4) / 600
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 1 / 3, 0], atol=0.07)


def test_the_label_of_an_image_is_that_of_its_seed():
    whole = labels_of((5, 3, 2), 20, 7)
    assert labels_of((5, 3, 2), 5, 7) == whole[:5]
    assert labels_of((5, 3, 2), 20, 8) != whole
    assert labels_of((5, 3, 2), 20, None) != labels_of((5, 3, 2), 20, None)


def test_a_class_may_be_called_none():
    assert labels_of((), 2, 0, "none", ("a", "none", "b")) == [1, 1]


def test_guidance_follows_labels_that_are_drawn():
    seen = []
    sample_images(
        lambda x, t, labels: seen.append(labels) or soft(x, t, labels),
        NAMED,
        SamplingOptions(4, 1, seed=1, guidance=2.0),
    )
    assert seen[0][:4].max() < 3
    assert seen[0][4:].tolist() == [3] * 4


def test_guidance_runs_both_halves_as_one_batch():
    assert predicted_labels(label=["1", "seven"], guidance=1.5) == [1, 2, 3, 3]
    assert predicted_labels(label=["1", "seven"], guidance=1) == [1, 2]


def test_guidance_continues_from_none_to_the_label():
    def guided(x, t, labels):
        free = soft(x, t, np.full(len(x), 3))
        return free + 2.5 * (soft(x, t, np.full(len(x), 1)) - free)

    found = sample_images(soft, NAMED, SamplingOptions(3, label="1", guidance=2.5, seed=0))
    assert_close(found, sample_images(guided, SPEC, SamplingOptions(3, seed=0)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"label": "sevn"},
            "label='sevn': unknown class. Did you mean 'seven'.* Use a class name: 0, 1, seven; a class ind",
        ),
        ({"label": 3}, "label=3: unknown class. Use a class name: 0, 1, seven; a class index from 0 to 2"),
        ({"label": -1}, "label=-1: unknown class"),
        ({"label": True}, "label=True: unknown class"),
        ({"label": ["0", "x"]}, "label='x': unknown class"),
        ({"label": ["0", "1"], "num": 3}, "num=3: expected 3 entries in label.* got 2"),
        ({"label": []}, "num=0"),
        ({"label": "0", "guidance": -0.5}, "guidance=-0.5: expected a number from 0 to 1000"),
        ({"label": "0", "guidance": float("inf")}, "guidance=inf: expected"),
        ({"label": "0", "guidance": 1e38}, "guidance=1e\\+38: expected a number from 0 to 1000"),
        (
            {"guidance": 2.0, "label": "none"},
            "guidance=2.0: expected a label for images to follow, got none",
        ),
        (
            {"guidance": 2.0, "label": np.array("none")},
            "guidance=2.0: expected a label for images to follow, got none",
        ),
        ({"label": "None"}, "label='None': unknown class"),
    ],
)
def test_labels_that_do_not_fit(options, message):
    with pytest.raises(rt.InputError, match=message):
        sample_images(soft, NAMED, SamplingOptions(**options))
