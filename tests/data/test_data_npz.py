"""Data sets from .npz files."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError, MissingDataError
from support.arrays import X, Y, only

from onnxnn.data import load_npz
from onnxnn.data.options import ArrayOptions
from onnxnn.graph.shape import Shape

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
