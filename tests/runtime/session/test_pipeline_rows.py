"""Tables, sequences and tokens on their way into a model."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from onnxnn_runtime import InputError, InputSpec
from support.inputs import IMAGES, SEQUENCE, TABLE, TOKENS, read


@pytest.mark.parametrize("as_given", [np.asarray, list, np.ndarray.tolist])
def test_numbers_for_a_single_feature_are_samples(as_given):
    spec = InputSpec("table", ("batch", 1))
    names, arrays = read(as_given(np.linspace(0, 1, 5)), spec)
    assert names[-1] == "input[4]"
    np.testing.assert_allclose(np.stack(arrays), np.linspace(0, 1, 5)[:, None])


@pytest.mark.parametrize(
    "text",
    [
        "length,width\n1,2\n3,4\n",
        "width;length\n2;1\n4;3\n",
        "1,2,a\n3,4,b\n",
        "length,width,kind\n1,2,a\n3,4,b\n",
    ],
)
def test_tables_from_csv(tmp_path, text):
    (tmp_path / "表.csv").write_text(text, encoding="utf-8")
    names, rows = read(tmp_path / "表.csv", TABLE)
    assert np.array(rows).tolist() == [[1, 2], [3, 4]]
    first = 1 if text[0] == "1" else 2
    assert names == ["{}:{}".format(tmp_path / "表.csv", first + i) for i in range(2)]


def test_a_table_of_another_width_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("1,2,3,4\n5,6,7,8\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"expected 2 columns \(length, width\), .* got 4"):
        read(tmp_path / "a.csv", TABLE)


@pytest.mark.parametrize(
    "source",
    [
        [1, 2],
        [[1, 2]],
        np.array([1, 2]),
        np.array([[1.0, 2.0]]),
        [np.array([1, 2], np.float32)],
        {"width": 2, "length": 1},
        [(1, 2)],
    ],
)
def test_rows_in_all_their_forms(source):
    names, rows = read(source, TABLE)
    assert names == ["input[0]"]
    assert rows[0].dtype == np.float32
    assert rows[0].tolist() == [1, 2]


def test_sequences_of_different_length(tmp_path):
    short, long = np.zeros((2, 2)), np.ones((5, 2))
    names, arrays = read([short, long, long], SEQUENCE)
    assert names == ["input[0]", "input[1]", "input[2]"]
    assert [array.shape for array in arrays] == [(2, 2), (5, 2), (5, 2)]
    np.savez(str(tmp_path / "a.npz"), data=np.stack([long, long]), label=[0, 1])
    np.save(str(tmp_path / "b.npy"), short)
    names, arrays = read([tmp_path / "a.npz", tmp_path / "b.npy"], SEQUENCE)
    a = str(tmp_path / "a.npz")
    assert names == [a + "[0]", a + "[1]", str(tmp_path / "b.npy")]


def test_pickled_and_broken_numpy_files_are_refused(tmp_path):
    np.save(str(tmp_path / "a.npy"), np.array([object()]), allow_pickle=True)
    (tmp_path / "b.npz").write_bytes(b"PK")
    np.savez(str(tmp_path / "c.npz"), x=[1], y=[2])
    for name, message in (
        ("a.npy", "cannot be read"),
        ("b.npz", "cannot be read"),
        ("c.npz", "one named 'data'"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path / name, SEQUENCE)


@pytest.mark.parametrize("spec", [IMAGES, SEQUENCE, TABLE])
def test_arrays_and_tables_that_cannot_be_read_are_skipped_too(tmp_path, spec):
    np.save(str(tmp_path / "object.npy"), np.array([object()]), allow_pickle=True)
    (tmp_path / "uneven.csv").write_text("1,2\n1,2,3\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    good = tmp_path / "good.npy"
    np.save(str(good), np.zeros([size if isinstance(size, int) else 4 for size in spec.shape[1:]]))
    broken = [str(tmp_path / name) for name in ("object.npy", "uneven.csv", "empty", "none.npy")]
    for source in ([*broken, good], iter([*broken, good])):
        skipped = []
        names, _ = read(source, spec, errors="skip", skipped=skipped)
        assert names == [str(good)]
        assert sorted(each.name for each in skipped) == sorted(broken)
    for path in broken:
        with pytest.raises(InputError):
            read([path, good], spec)


def test_tokens_from_a_table(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("1,2,0\n2,2,1\n", encoding="utf-8")
    for spec in (
        InputSpec("tokens", ("batch", 2), num_tokens=3),
        InputSpec("tokens", ("batch", "time"), features=("a", "b"), num_tokens=3),
    ):
        assert [array.tolist() for array in read(path, spec)[1]] == [[1, 2], [2, 2]]
        with pytest.raises(InputError, match=r"expected 1 column, .* got 3"):
            read(path, replace(spec, shape=("batch", 1), features=()))
    with pytest.raises(InputError, match=r"an array: how many columns of a table are tokens is not known"):
        read(path, InputSpec("tokens", ("batch", "time"), num_tokens=3))


@pytest.mark.parametrize(
    "values",
    [[[1, 2.5]], [[True, 2]], [[10**30, 1]], [[Decimal("0.5"), 1.0]], [[np.float32(1), np.int64(2)]]],
)
def test_objects_that_are_numbers_are_numbers(values):
    (array,) = read(np.array(values, dtype=object), TABLE)[1]
    np.testing.assert_allclose(array, np.array(values, dtype=np.float64)[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "message"), [("a", "column 'width' holds 'a'"), (None, "column 'width' holds None")]
)
def test_objects_that_are_no_numbers_are_refused(value, message):
    with pytest.raises(InputError, match=message):
        read(np.array([[1, value]], dtype=object), TABLE)


def test_tokens_from_text_and_numbers():
    _, arrays = read(["b好", [0, 1, 1], "b"], TOKENS)
    assert [array.tolist() for array in arrays] == [[1, 0], [0, 1, 1], [1]]
    assert arrays[0].dtype == np.int64


@pytest.mark.parametrize(
    "vocabulary",
    [
        {"words": ["b", "好"]},
        {"word2idx": json.dumps({"b": 0, "好": 1})},
        {"word2idx": {"b": 0, "好": np.int64(1)}},  # a pickle, read without unpickling
    ],
)
def test_a_file_with_a_vocabulary_of_its_own_is_read_by_its_words(tmp_path, vocabulary):
    path = tmp_path / "text.npz"
    np.savez(str(path), data=np.array([[0, 1, 0]]), **vocabulary)
    assert read(path, TOKENS)[1][0].tolist() == [1, 0, 1]
    np.savez(str(path), data=np.array([[0, 2, 0]]), **vocabulary)
    with pytest.raises(InputError, match=r"expected token ids 0\.\.1, as in the vocabulary, got 0\.\.2"):
        read(path, TOKENS)
    other = InputSpec("tokens", ("batch", "token"), vocabulary={"好": 0, "c": 1})
    with pytest.raises(InputError, match="tokens of the network's vocabulary of 2, got 'b' in the data"):
        read(path, other)
