from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime import InputError, get_similarity
from onnxnn_runtime import similarity as module

METHODS = ["cosine", "euclidean", "manhattan", "chebyshev", "pearson", "dot"]

# Each written for one pair, from the definitions.
ONE_PAIR = {
    "cosine": lambda a, b: a.dot(b) / (np.linalg.norm(a) * np.linalg.norm(b)),
    "euclidean": lambda a, b: 1 / (1 + np.linalg.norm(a - b)),
    "manhattan": lambda a, b: 1 / (1 + np.linalg.norm(a - b, 1)),
    "chebyshev": lambda a, b: 1 / (1 + np.linalg.norm(a - b, np.inf)),
    "pearson": lambda a, b: np.corrcoef(a, b)[0, 1],
    "dot": lambda a, b: a.dot(b),
}


def vectors(rows, seed=0):
    return np.random.RandomState(seed).randn(rows, 6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_pair_follows_the_definition(method, dtype, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 200)  # many blocks, the last ones smaller
    a, b = vectors(7), vectors(5, seed=1)
    expected = [[ONE_PAIR[method](x, y) for y in b] for x in a]
    result = get_similarity(a.astype(dtype), b.astype(dtype), method)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_result_has_the_axes_of_the_arguments(method):
    a, b = vectors(3), vectors(4, seed=1)
    whole = get_similarity(a, b, method)
    assert whole.shape == (3, 4)
    np.testing.assert_allclose(get_similarity(a[1], b, method), whole[1], rtol=1e-5)
    np.testing.assert_allclose(get_similarity(a, b[2], method), whole[:, 2], rtol=1e-5)
    single = get_similarity(a[1], b[2], method)
    assert isinstance(single, float)
    assert single == pytest.approx(whole[1, 2], rel=1e-5)


@pytest.mark.parametrize("method", ["cosine", "euclidean", "manhattan", "chebyshev", "pearson"])
def test_a_vector_is_most_like_itself(method):
    a = vectors(5).astype(np.float32) * 1e3
    np.testing.assert_allclose(np.diagonal(get_similarity(a, a, method)), 1, atol=1e-4)
    assert get_similarity(a, a, method).max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_pair_does_not_depend_on_the_other_pairs(method):
    a, b = vectors(3), vectors(4, seed=1)
    far = np.concatenate([b, 1000 + b])
    np.testing.assert_allclose(get_similarity(a, far, method)[:, :4], get_similarity(a, b, method), rtol=1e-5)


def test_softmax_turns_rows_into_shares():
    scores = get_similarity(vectors(3), vectors(4, seed=1))
    shares = get_similarity(vectors(3), vectors(4, seed=1), use_softmax=True)
    np.testing.assert_allclose(shares, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), rtol=1e-5)
    assert get_similarity([1, 2], [3, 4], use_softmax=True) == 1.0
    assert np.isfinite(get_similarity([[1e4]], [[1e4], [0]], "dot", use_softmax=True)).all()


def test_zero_vectors_are_like_nothing():
    assert get_similarity([0, 0], [1, 2]) == 0
    assert get_similarity([5, 5], [1, 2], "pearson") == 0


def test_tiny_and_huge_numbers_keep_their_direction():
    assert get_similarity([1e-30, 1e-30], [2e-30, 2e-30]) == pytest.approx(1)
    assert get_similarity(np.float32([1e30, 0]), np.float32([1e30, 1e30])) == pytest.approx(0.5**0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [1], "cosin"), r"method 'cosin' is unknown, did you mean 'cosine'\? Choose one of"),
        (([1], [1], ["cosine"]), r"method \['cosine'\] is unknown"),
        (([[1, 2]], [1, 2, 3]), "length 2 .a. and 3 .b."),
        ((1, [1]), r"a has shape \(\); what fits"),
        (([1], [[]]), r"b has shape \(1, 0\)"),
        (([float("nan")], [1]), "a holds NaN"),
        (([1], ["x"]), "b must hold numbers"),
        (([1], [[1, 2], [3]]), "b must hold numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        get_similarity(*arguments)
