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
        (([1], [1], "cosin"), r"method='cosin': unknown. Did you mean 'cosine'\? Choose one of"),
        (([1], [1], ["cosine"]), r"method=\['cosine'\]: expected one of"),
        (([[1, 2]], [1, 2, 3]), "same length, got 2 .a. and 3 .b."),
        ((1, [1]), r"a: expected the shape .* got \(\)"),
        (([1], [[]]), r"b: expected the shape .* got \(1, 0\)"),
        (([float("nan")], [1]), "a: expected finite numbers"),
        (([1], ["x"]), "b: expected numbers"),
        (([1], [[1, 2], [3]]), "b: expected rows of the same length"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        get_similarity(*arguments)


def masked(hidden):
    return np.ma.masked_array(vectors(3), mask=np.arange(18).reshape(3, 6) == hidden)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "wrap",
    [
        np.matrix,
        np.asfortranarray,
        lambda x: x.astype(">f8"),
        list,
        lambda x: x.astype(object),
        lambda x: masked(-1),
    ],
    ids=["matrix", "fortran", "big endian", "list of arrays", "objects", "nothing hidden"],
)
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_other_kinds_of_arrays(method, wrap):
    expected = get_similarity(vectors(3), vectors(4, seed=1), method)
    found = get_similarity(wrap(vectors(3)), vectors(4, seed=1), method)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(
        get_similarity(vectors(4, seed=1), wrap(vectors(3)), method), expected.T, rtol=1e-6
    )


@pytest.mark.parametrize("method", METHODS)
def test_tensors_with_gradient(method):
    torch = pytest.importorskip("torch")
    a, b = vectors(3).astype(np.float32), vectors(1, seed=1)[0].astype(np.float32)
    expected = get_similarity(a, b, method)
    tensor = torch.tensor(a, requires_grad=True)
    for given in (tensor, tensor * 1, list(tensor), tuple(tensor), tensor.double()):
        np.testing.assert_allclose(
            get_similarity(given, torch.tensor(b, requires_grad=True), method), expected, rtol=1e-5
        )
    half = get_similarity(tensor.to(torch.bfloat16), b, method)
    np.testing.assert_allclose(half, expected, atol=0.1)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
def test_tensors_that_numpy_does_not_read():
    torch = pytest.importorskip("torch")
    a, b = torch.tensor(vectors(3)), vectors(1, seed=1)[0]
    expected = get_similarity(a, b)
    for given in (
        a.to_sparse(),
        torch._neg_view(-a),
        torch.view_as_real(a + 0j)[:, :, 0],
        (a * -1j).conj().imag,
    ):
        np.testing.assert_allclose(get_similarity(given, b), expected, rtol=1e-6)
    with pytest.raises(InputError, match="a: expected a tensor with numbers"):
        get_similarity(a.to("meta"), b)
    for layout in (torch.strided, torch.jagged):
        nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout)
        with pytest.raises(InputError, match="rows of the same length"):
            get_similarity(nested, b)


@pytest.mark.parametrize(
    "bad",
    [
        vectors(3) + 1j,
        vectors(3).astype(complex),
        masked(4),
        np.array([["a", "b"]]),
        vectors(3).astype("M8[s]"),
    ],
    ids=["complex", "complex without imaginary part", "masked", "texts", "times"],
)
@pytest.mark.parametrize("side", ["a", "b"])
def test_what_holds_no_numbers_is_refused(bad, side):
    good = vectors(2)
    with pytest.raises(InputError, match=f"^{side}"):
        get_similarity(bad, good) if side == "a" else get_similarity(good, bad)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["a", "b"])
def test_numbers_are_finite_on_either_side(method, number, side):
    bad, good = vectors(900), vectors(3)
    bad[700, 2] = number
    for one, other in ((bad, good), (bad[700], good), (bad, good[0])):
        pair = (one, other) if side == "a" else (other, one)
        with pytest.raises(InputError, match=f"^{side}: expected finite numbers"):
            get_similarity(*pair, method)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e18, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cosine_of_tiny_and_huge_vectors(scale, dtype):
    a, b = vectors(50), vectors(1, seed=1)[0]
    expected = [ONE_PAIR["cosine"](row, b) for row in a]
    np.testing.assert_allclose(get_similarity((a * scale).astype(dtype), b), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(get_similarity(a, (b * scale).astype(dtype)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("side", ["a", "b"])
def test_many_vectors_are_not_copied(method, side):
    import tracemalloc

    many, one = np.ones((40_000, 256), np.float32), np.ones(256, np.float32)
    tracemalloc.start()
    try:
        get_similarity(*((many, one) if side == "a" else (one, many)), method)
        assert tracemalloc.get_traced_memory()[1] < 0.6 * many.nbytes
    finally:
        tracemalloc.stop()
