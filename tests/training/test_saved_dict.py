"""A dict that NumPy saved is read as data, whatever protocol it has, and nothing in it ever runs."""

import os
import pickle  # noqa: TID251  # the files are made with it, never read

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime.errors import DataError

from onnxnn.data import load_npz
from onnxnn.data.saved_dict import read_saved_dict

WORDS = {"花": 0, "月": 1, "a\n'": 2}


@given(
    words=st.dictionaries(st.text(max_size=5), st.integers(-(2**70), 2**70), max_size=30),
    protocol=st.integers(1, pickle.HIGHEST_PROTOCOL),
)
def test_every_protocol(words, protocol):
    assert read_saved_dict(pickle.dumps(np.array(words, dtype=object), protocol)) == words


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "uint8", "uint32"])
def test_numbers_of_numpy(dtype):
    words = {word: np.dtype(dtype).type(number) for word, number in WORDS.items()}
    found = read_saved_dict(pickle.dumps(np.array(words, dtype=object)))
    assert found == (None if dtype == "uint8" else WORDS)  # one byte has no byte order: nobody numbers so


def test_a_large_vocabulary():
    words = {f"词{i}": i for i in range(20_000)}
    assert read_saved_dict(pickle.dumps(np.array(words, dtype=object))) == words


class Evil:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


@pytest.mark.parametrize(
    "value",
    [
        Evil(),
        {"a": Evil()},
        {Evil(): 1},
        {"a": "b"},
        {"a": 1.0},
        {"a": True},
        {1: 1},
        [1],
        None,
        {"a": {"b": 1}},
    ],
)
def test_what_is_no_dict_of_words_is_refused_and_not_run(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.empty((), dtype=object)
    array[()] = value
    assert read_saved_dict(pickle.dumps(array)) is None
    np.savez("words.npz", data=np.array([[0, 1]]), word2idx=array)
    with pytest.raises(DataError, match=r"'word2idx' is a pickled object.*json\.dumps"):
        load_npz("words.npz", "gen")
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_a_dict_that_is_no_array_is_refused():
    assert read_saved_dict(pickle.dumps(WORDS)) is None
    assert read_saved_dict(pickle.dumps(np.array([WORDS, WORDS]))) is None


@given(cut=st.integers(0, 500), junk=st.binary(max_size=20))
def test_damaged_pickles_are_refused_or_read(cut, junk):
    whole = pickle.dumps(np.array(WORDS, dtype=object))
    assert read_saved_dict(whole[:cut] + junk) in (None, WORDS, {})


def test_the_published_form_of_the_poems(tmp_path):
    path = tmp_path / "poems.npz"
    np.savez(path, data=np.array([[0, 1, 2, 0]]), word2idx=WORDS, ix2word={i: w for w, i in WORDS.items()})
    assert load_npz(path, "gen").vocabulary == WORDS
