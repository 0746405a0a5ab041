"""Data sets from arrays: what shapes and labels mean, and what is refused."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.errors import DataError, MissingDataError

from onnxnn.data import from_arrays, load_npz
from onnxnn.data.class_names import class_names
from onnxnn.data.label_mapping import LabelMapping
from onnxnn.data.labels import class_numbers, targets
from onnxnn.data.options import ArrayOptions
from onnxnn.graph.shape import Shape

X = np.arange(12, dtype=np.float64).reshape(6, 2)
Y = [0, 1, 2, 0, 1, 2]


def only(batches):
    (batch,) = batches
    return batch


# ---- labels ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_every_form_of_labels_means_the_same(numbers):
    numbers = [0, *numbers]
    count = max(numbers) + 1
    array = np.array(numbers)
    forms = [
        numbers,
        torch.tensor(numbers),
        array[:, None],
        np.eye(count)[array],
        np.eye(count, dtype=np.int8)[array].tolist(),
        *(array.astype(kind) for kind in ("uint8", "int16", "int32", "uint64", "float32", "float64")),
    ]
    if count == 1:
        forms = [form for form in forms if np.ndim(form) == 1]
    for form in forms:
        found, names = class_numbers(form)
        assert found.dtype == torch.int64
        assert found.tolist() == numbers
        assert names == tuple(map(str, range(count)))


@pytest.mark.parametrize("form", [list, np.array, lambda y: np.array(y, object), torch.tensor])
def test_bools_are_called_as_in_tables(form):
    found, names = class_numbers(form([True, False, True]))
    assert (found.tolist(), names) == ([1, 0, 1], ("False", "True"))
    assert class_numbers(form([True, False, True]), ["no", "yes"])[1] == ("no", "yes")


@pytest.mark.parametrize("learned", [[False, True], ["false", "true"], [0, 1], ["TRUE", "FALSE"]])
@pytest.mark.parametrize("given", [[False, True], ["false", "true"], [0, 1], ["True", "False"]])
def test_bools_are_the_same_classes_however_they_are_written(learned, given):
    def mapping(y):
        return LabelMapping(class_numbers(y)[1])

    own = mapping(given)
    ids = mapping(learned).ids_of(own)
    assert ids is None or ids.tolist() == [0, 1]


def test_texts_are_numbered_in_sorted_order():
    found, names = class_numbers(["dog", "cat", "dog"])
    assert (found.tolist(), names) == ([1, 0, 1], ("cat", "dog"))
    assert class_numbers(np.array(["a", "b"], dtype=object))[1] == ("a", "b")


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 1 has no StringDType")
def test_texts_of_any_length_in_one_array_are_texts():
    texts = np.array(["猫", "a dog"] * 3, np.dtypes.StringDType())
    ids, names = class_numbers(texts, None, "y")
    assert (ids.tolist(), names) == ([1, 0] * 3, ("a dog", "猫"))
    missing = np.array(["a", None, "b"], np.dtypes.StringDType(na_object=None))
    with pytest.raises(DataError, match="expected a label for each sample, got None for entry 1"):
        class_numbers(missing, None, "y")


def test_columns_of_a_mixed_table_are_numbers():
    """As df.values gives them where one column is text."""
    table = np.array([[1, 0.5, "cat", 1], [2, 1.5, "dog", 0], [3, 2.5, "cat", 1]], dtype=object)
    data = from_arrays(table[:, :2], table[:, 2], "cls", ArrayOptions(shuffle=False))
    assert data.classes == ("cat", "dog")
    assert data.train.tensors()[0].tolist() == [[1, 0.5], [2, 1.5], [3, 2.5]]
    assert class_numbers(table[:, 3])[0].tolist() == [1, 0, 1]
    assert targets(table[:, 1]).tolist() == [[0.5], [1.5], [2.5]]


@pytest.mark.parametrize(
    "classes", [["dog", "cat"], {"dog": 0, "cat": 1}, {1: "cat", 0: "dog"}, np.array(["dog", "cat"])]
)
def test_names_in_every_form(classes):
    assert class_names(classes) == ("dog", "cat")
    assert class_numbers(["cat", "dog"], classes)[0].tolist() == [1, 0]
    assert class_numbers([1, 0], classes)[0].tolist() == [1, 0]


def test_a_class_without_samples():
    assert class_numbers([0, 2])[1] == ("0", "1", "2")
    assert class_numbers([0, 1], ["a", "b", "c"])[1] == ("a", "b", "c")


@pytest.mark.parametrize("labels", [[1, 2, 3], [-1, 1], [10.0, 20.0]])
def test_numbers_that_do_not_count_from_zero(labels):
    with pytest.warns(UserWarning, match="do not count from 0"):
        found, names = class_numbers(labels)
    assert found.tolist() == list(range(len(labels)))
    assert names == tuple(str(int(label)) for label in labels)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0.5, 1], None, r"expected classes, integers or names, got 0\.5\. .*nn\('reg'\)"),
        ([0, float("nan")], None, r"labels\[1\]: expected a finite number, got nan"),
        ([[0, 1], [1, 1]], None, r"rows with a single 1, got \[1, 1\] in row 1"),
        ([[[0]]], None, r"expected one label per sample .*, got shape \(1, 1, 1\)"),
        ([], None, "expected one entry for each sample, got none"),
        ([[0, 1], [1]], None, "expected rows of one length"),
        ([0, None], None, "got None for entry 1"),
        ([0, 1], [None, "a"], "expected a text for each class, got None"),
        (np.array([0, "a"], dtype=object), None, "a mixture of types"),
        ([0, 3], ["a", "b"], r"expected class indices 0\.\.1 for the 2 named classes \(a, b\), got 0\.\.3"),
        ([-1, 0], ["a", "b"], r"got -1\.\.0"),
        (["a", "x"], ["a", "b"], "expected one of the classes 'a', 'b', got 'x'"),
        (np.eye(3), ["a", "b"], "expected 2 one-hot columns, one for each named class, got 3"),
        (np.arange(1, 30000), None, "29999 different numbers"),
        (np.array([1j]), None, "expected numbers or texts"),
    ],
)
def test_labels_that_do_not_fit(labels, classes, message):
    with pytest.raises(DataError, match=message):
        class_numbers(labels, classes)


def test_targets_are_columns():
    assert targets([1, 2]).tolist() == [[1.0], [2.0]]
    assert targets(np.ones((3, 1))).shape == (3, 1)
    assert targets(torch.ones(3, 2, dtype=torch.float64)).dtype == torch.float32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a"], "expected numbers for regression"),
        ([1.0, float("inf")], r"y\[1\]: expected a finite number, got inf; 1 of 2 values"),
        ([[1e39]], r"y\[0, 0\]: expected a finite number, got 1e\+39"),
    ],
)
def test_targets_that_do_not_fit(values, message):
    with pytest.raises(DataError, match=message):
        targets(values)


# ---- arrays ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "kind", "shape", "preprocess"),
    [
        (np.ones((6, 4)), "table", Shape.vector(4), None),
        (np.ones((6, 4), np.uint8), "table", Shape.vector(4), None),
        (np.ones((6, 5, 4)), "sequence", Shape.sequence(5, 4), None),
        (np.ones((6, 1, 5, 4)), "image", Shape.image(1, 5, 4), Preprocess("grayscale")),
        (np.ones((6, 3, 5, 4), np.float16), "image", Shape.image(3, 5, 4), Preprocess("RGB")),
        (np.ones((6, 5, 4), np.uint8), "image", Shape.image(1, 5, 4), Preprocess("grayscale")),
        (np.ones((6, 5, 4, 1), np.uint8), "image", Shape.image(1, 5, 4), Preprocess("grayscale")),
        (np.ones((6, 5, 4, 3), np.uint8), "image", Shape.image(3, 5, 4), Preprocess("RGB")),
        (np.ones((6, 5, 4, 3)), "image", Shape.image(3, 5, 4), Preprocess("RGB")),
        (np.full((6, 3, 5, 4), -1.0), "array", Shape.image(3, 5, 4), None),
        (np.ones((6, 7, 5, 4)), "array", Shape.image(7, 5, 4), None),
        (
            np.ones((6, 2, 3, 5, 4)),
            "array",
            Shape((2, 3, 5, 4), ("channel", "depth", "height", "width")),
            None,
        ),
    ],
)
def test_what_an_array_means(x, kind, shape, preprocess):
    data = from_arrays(x, Y, "cls")
    assert (data.kind, data.sample, data.preprocess) == (kind, shape, preprocess)
    inputs, labels = only(data.train)
    assert inputs.dtype == torch.float32
    assert inputs.shape == (6, *shape.sizes)
    assert labels.tolist() == Y


def test_ready_pictures_are_left_alone_and_raw_ones_preprocessed():
    ready = np.random.default_rng(0).random((6, 3, 5, 4), dtype=np.float32)
    np.testing.assert_array_equal(only(from_arrays(ready, Y, "cls").train)[0], ready)
    raw = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), np.uint8)
    data = from_arrays(raw, Y, "cls")
    assert (
        only(data.train)[0].numpy().tobytes() == np.stack([data.preprocess(image) for image in raw]).tobytes()
    )
    np.testing.assert_array_equal(data.example, raw[0])


def test_lists_and_tensors():
    for x in (X.tolist(), torch.from_numpy(X)):
        np.testing.assert_array_equal(only(from_arrays(x, Y, "cls").train)[0], X)


def test_arrays_that_cannot_be_written_to():
    for x in (np.ones((6, 4), np.float32), np.ones((6, 5, 4, 1), np.uint8)):
        y = np.ones((6, 1), np.float32)
        x.flags.writeable = y.flags.writeable = False
        assert from_arrays(x, y, "reg").train.num_samples == 6


@pytest.mark.parametrize("values", [1.7e9 + np.arange(10.0), 1_700_000_000 + np.arange(10)])
def test_targets_whose_differences_are_lost_are_mentioned(values):
    with pytest.warns(UserWarning, match="values to predict has differences that float32 cannot hold"):
        targets(values)
    targets(1e5 * np.arange(10.0))
    targets(np.full(10, 1.7e9))
    targets(values.astype(np.float32))


def test_regression_targets_stay_numbers():
    data = from_arrays(X, Y, "reg")
    assert data.classes == ()
    assert only(data.train)[1].tolist() == [[float(y)] for y in Y]


def test_split_and_batches():
    data = from_arrays(X, Y, "cls", ArrayOptions(batch_size=2, train_val_ratio=0.5))
    assert (data.train.num_samples, data.validation.num_samples) == (3, 3)
    assert sorted(torch.cat([y for _, y in data.validation]).tolist()) == [0, 1, 2]
    assert not data.validation.shuffle


def test_a_label_for_each_step():
    data = from_arrays(np.ones((2, 5, 4)), [[0, 1, 1, 2, 3], [0, 1, 2, 3, 1]], "cls")
    assert only(data.train)[1].tolist() == [[0, 1, 1, 2, 3], [0, 1, 2, 3, 1]]
    assert data.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize("task", ["cls", "gen"])
@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("x", [np.ones((2, 5, 4)), np.array([[0, 1, 2, 2, 3]] * 2)])
def test_texts_and_columns_for_each_step(x, column, task):
    texts, numbers = np.array([list("ohlol")] * 2), np.array([[2, 0, 1, 2, 1]] * 2)
    for classes in (None, ["h", "l", "o"]):
        for y in (texts, texts.tolist(), numbers) if classes else (texts, texts.tolist()):
            data = from_arrays(
                x, np.array(y)[:, :, None] if column else y, task, ArrayOptions(classes=classes)
            )
            assert data.classes == ("h", "l", "o")
            assert np.array_equal(only(data.train)[1], numbers)
            assert data.kind == ("sequence" if x.ndim == 3 else "tokens")


def test_tokens():
    data = from_arrays([[0, 1, 2], [2, 1, 0]], None, "gen", ArrayOptions(word2idx={"a": 0, "b": 1, "c": 2}))
    x, y = only(data.train)
    assert data.kind == "tokens"
    assert data.sample == Shape.tokens(2)
    assert data.vocabulary == {"a": 0, "b": 1, "c": 2}
    assert (x.tolist(), y.tolist()) == ([[0, 1], [2, 1]], [[1, 2], [1, 0]])
    assert x.dtype == y.dtype == torch.int64


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_with_the_channels_first_are_the_same_pictures(channels):
    pictures = np.random.default_rng(0).integers(0, 256, (6, 5, 8, channels), dtype=np.uint8)
    last, first = from_arrays(pictures, Y, "cls"), from_arrays(np.moveaxis(pictures, 3, 1), Y, "cls")
    assert last.sample == first.sample
    assert last.preprocess == first.preprocess
    assert np.array_equal(last.example, first.example)
    for a, b in zip(last.train.tensors(), first.train.tensors(), strict=True):
        assert a.equal(b)


@pytest.mark.parametrize(
    ("x", "y", "task", "message"),
    [
        (X, Y[:5], "cls", "y: expected 6 labels, one for each sample of x, got 5"),
        (X, None, "cls", "y: expected one label for each sample, got None"),
        (X, ["no"] * 6, "reg", "expected numbers for regression, got 'no'"),
        (
            np.array([["1", 2]] * 6, dtype=object),
            Y,
            "cls",
            r"expected an array of numbers, got type object.*x\.astype",
        ),
        (X[:0], [], "cls", r"x: expected at least one sample, got an array of shape \(0, 2\)"),
        (X[:, 0], Y, "cls", r"x\.reshape\(-1, 1\)"),
        (
            [[1, 2], [3]],
            [0, 1],
            "cls",
            r"x: expected rows of one length, got 2 values in row 0 and 1 in row 1.*up with 0",
        ),
        ([[[1], [2, 3]], [[1], [2]]], [0, 1], "cls", r"x: expected rows of one length, got different ones"),
        (
            X[:2],
            [[1, 2], [1]],
            "cls",
            r"y: expected rows of one length, got 2 values in row 0 and 1 in row 1",
        ),
        (
            np.ones((2, 3, 4)),
            [[1, 2, 0], [1]],
            "cls",
            "y: expected rows of one length, .* Fill short sequences",
        ),
        (
            np.ones((6, 5, 4)),
            np.ones((6, 4), int) + Y[0],
            "cls",
            r"y: .* \(6, 5\) or one-hot .* got shape \(6, 4\)",
        ),
        (np.ones((6, 5, 4)), [[["a", "b"]] * 5] * 6, "cls", r"y: .* got shape \(6, 5, 2\)"),
        (np.ones((6, 5, 4)), [list("abcd")] * 6, "cls", r"y: .* each step, \(6, 5\) .* got shape \(6, 4\)"),
        (
            np.ones((6, 5, 4)),
            np.eye(4)[np.ones((6, 4), int)],
            "cls",
            r"each step, \(6, 5\) .* got shape \(6, 4, 4\)",
        ),
        (
            X.astype(int),
            np.concatenate([np.eye(3, dtype=int)[Y[:5]], [[1, 1, 0]]]),
            "cls",
            r"rows with a single 1, got \[1, 1, 0\] in row 5",
        ),
        ([["a"]], [0], "cls", "expected an array of numbers"),
        (
            np.where(X == 5, np.nan, X),
            Y,
            "cls",
            r"x\[2, 1\]: expected a finite number, got nan; 1 of 12 values are not finite",
        ),
        (np.where(X == 5, -np.inf, X), Y, "cls", r"x\[2, 1\]: expected a finite number, got -inf"),
        (X, [0] * 6, "cls", "one class only"),
        (X, [0] * 6, "embed", "one class only"),
        (X, Y, "class", r"nn\('class'\): expected one of 'cls', 'reg', 'gen', 'embed'"),
        (np.ones((6, 3, 5, 4), np.uint8), Y, "cls", r"x\.transpose\(0, 2, 3, 1\)"),
        (np.ones((6, 9, 5, 4), np.uint8), Y, "cls", r"x\.astype\('float32'\)"),
        (np.full((6, 9, 5, 3), 2.0), Y, "cls", r"expected values in 0\.\.1 .*, got 2\.\.2"),
        (np.ones((6, 1, 1, 1, 1, 1)), Y, "cls", "2 to 5 axes"),
    ],
)
def test_arrays_that_do_not_fit(x, y, task, message):
    with pytest.raises(DataError, match=message):
        from_arrays(x, y, task)


@pytest.mark.parametrize(
    ("x", "word2idx", "message"),
    [
        ([[0, 3]], {"a": 0, "b": 1}, r"x\[0, 1\]: expected a token id of the vocabulary, 0\.\.1, got 3"),
        ([[0.0, 1.0]], {"a": 0, "b": 1}, "expected tokens, integers"),
        ([[0, 1]], {"a": 0, "b": 2}, "expected the ids 0, 1, 2"),
        ([[0, 1]], {"a": "0", "b": "1"}, "expected the ids 0, 1, 2"),
        ([[0, 1]], {}, r"word2idx: expected the id of every token"),
        ([[0, 1]], {"a": 0, "\udc80": 1}, "half a character"),
        ([[0, 0]], {"a": 0}, r"expected at least two different tokens, got one token only \('a'\)"),
    ],
)
def test_tokens_that_do_not_fit(x, word2idx, message):
    with pytest.raises(DataError, match=message):
        from_arrays(x, x, "gen", ArrayOptions(word2idx=word2idx))


# ---- npz ---------------------------------------------------------------------------------------


@pytest.fixture
def save(tmp_path):
    def save_arrays(**arrays):
        np.savez(tmp_path / "数据.npz", **arrays)
        return tmp_path / "数据.npz"

    return save_arrays


def test_npz(save):
    data = load_npz(
        save(data=np.ones((6, 30, 132)), label=np.eye(3)[Y]),
        "cls",
        ArrayOptions(classes=["走", "跑", "跳"], batch_size=4),
    )
    assert data.sample == Shape.sequence(30, 132)
    assert data.classes == ("走", "跑", "跳")
    assert len(data.train) == 2


@pytest.mark.parametrize(
    "vocabulary",
    [
        {"words": np.array(["花", "月"])},
        {"word2idx": json.dumps({"花": 0, "月": 1}, ensure_ascii=False)},
        {"word2ix": np.array({"花": 0, "月": 1}, dtype=object)},  # as older files of the lessons have it
    ],
)
def test_npz_with_a_vocabulary(save, vocabulary):
    data = load_npz(save(data=np.array([[0, 1, 0]]), **vocabulary), "gen")
    assert data.vocabulary == {"花": 0, "月": 1}
    assert only(data.train)[1].tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": X}, "expected an array 'label', got a file of data"),
        ({"x": X, "label": Y}, "expected an array 'data', got a file of x, label"),
        ({"data": X, "label": Y[:3]}, "y: expected 6 labels, one for each sample of x, got 3"),
        (
            {"data": [[0, 1]], "word2idx": np.array({"a": [0]}, dtype=object)},
            r"'word2idx' is a pickled object.*word2idx=json\.dumps\(word2idx\)",
        ),
        ({"data": np.array([None]), "label": Y}, "'data' is a pickled object.*array of numbers or texts"),
        ({"data": [[0, 1]], "words": [1, 2]}, "'words': expected texts"),
        (
            {"data": [[0, 1]], "words": np.array(["a", "b"], dtype=object)},
            r"'words' is a pickled object.*words=np\.array\(words, dtype=str\)",
        ),
        (
            {"data": [[0, 1]], "words": ["a", "b", "a"]},
            "'words': expected every word once",
        ),
        (
            {"data": [[0, 1]], "words": ["a", "b"], "word2idx": json.dumps({"b": 0, "a": 1})},
            "the same ids in 'words' and 'word2idx', got 0 and 1 for 'a'",
        ),
        (
            {"data": [[0, 1]], "words": np.array([], dtype=str)},
            "word2idx: expected the id of every token.* got an empty",
        ),
        ({"data": [[0, 1]], "word2idx": "[" * 100_000}, "'word2idx': expected a JSON text"),
        ({"data": [[0, 1]], "word2idx": "{"}, "expected a JSON text"),
        ({"data": [[0, 1]], "word2idx": "[1]"}, "'word2idx': expected a JSON text"),
    ],
)
def test_npz_that_does_not_fit(save, arrays, message):
    path = save(**arrays)
    with pytest.raises(DataError, match=message) as caught:
        load_npz(path, "cls")
    assert str(path) in str(caught.value)


def test_npz_that_is_missing_foreign_or_cut_off(tmp_path, save):
    with pytest.raises(DataError, match=r"expected a \.npz file, got a folder"):
        load_npz(tmp_path, "cls")
    with pytest.raises(MissingDataError, match="no such file"):
        load_npz(tmp_path / "nowhere.npz", "cls")
    foreign = tmp_path / "foreign.npz"
    foreign.write_bytes(b"hello")
    with pytest.raises(DataError, match=r"is no \.npz file"):
        load_npz(foreign, "cls")
    path = save(data=X, label=Y)
    foreign.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="cut off"):
        load_npz(foreign, "cls")
    content = bytearray(path.read_bytes())
    content[150] ^= 255
    foreign.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        load_npz(foreign, "cls")


def test_words_and_an_equal_word2idx(save):
    path = save(data=[[0, 1]], words=["a", "b"], word2idx=json.dumps({"a": 0, "b": 1}))
    assert load_npz(path, "gen").vocabulary == {"a": 0, "b": 1}


def npy(shape, content=b"", descr="'<f8'"):
    """A .npy file with a header of our own."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize("name", ["data", "word2idx"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, I am no array",
        npy("(2, 2)", bytes(24)),
        npy("(-1, 2)", bytes(32)),
        npy(f"({10**13}, 4)"),
        npy(f"({10**22}, 4)"),
        npy("(2, 2)", bytes(32), descr="'<f8"),
        npy("(2, 2)", bytes(32), descr="'<f8'" + " " * 20_000),
        b"\x93NUMPY\x01\x00\x0b\x00{'descr': ",
        b"\x93NUMPY\x09\x00",
    ],
)
def test_npz_with_a_broken_member(tmp_path, save, name, content):
    arrays = {"data": np.array([[0, 1]]), "word2idx": json.dumps({"a": 0, "b": 1})}
    arrays.pop(name)
    path = save(**arrays)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", content)
    with pytest.raises(DataError, match=f"npz: '{name}' cannot be read") as caught:
        load_npz(path, "gen")
    assert "pickled" not in str(caught.value)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (6, 1),
        (8, 99),
        (60, 255),
    ],  # of the local header: encrypted, a method that nobody knows; of the content
)
def test_npz_with_a_broken_stream(tmp_path, at, value):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, data=X, label=Y)
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[at if at > 30 else central + at + 2] = value
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        load_npz(path, "cls")


@pytest.mark.parametrize("path", [None, 3, ""])
def test_npz_of_no_path(path):
    with pytest.raises(DataError, match=r"data_path=.*: expected the path of a file"):
        load_npz(path, "cls")
