"""A dict that NumPy saved is read as data, whatever protocol it has, and nothing in it ever runs."""

import os
import pickle  # noqa: TID251  # the files are made with it, never read
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.files.saved_dict import read_saved_dict

from onnxnn.data import load_npz

WORDS = {"花": 0, "月": 1, "a\n'": 2}


@given(
    words=st.dictionaries(st.text(max_size=5), st.integers(-(2**70), 2**70), max_size=30),
    protocol=st.integers(0, pickle.HIGHEST_PROTOCOL),
)
def test_every_protocol(words, protocol):
    assert read_saved_dict(pickle.dumps(np.array(words, dtype=object), protocol)) == words


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint32", ">i8"])
def test_numbers_and_texts_of_numpy(dtype, protocol):
    numbers = np.arange(3).astype(dtype)
    words = dict(zip(np.array(list(WORDS)), numbers, strict=True))
    assert type(next(iter(words))) is np.str_
    for form in (words, OrderedDict(words)):
        found = read_saved_dict(pickle.dumps(np.array(form, dtype=object), protocol))
        assert found == WORDS
        assert {type(part) for pair in found.items() for part in pair} == {str, int}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_empty_text_of_numpy(protocol):
    words = {np.str_(""): 0, np.str_("a"): 1}
    assert read_saved_dict(pickle.dumps(np.array(words, dtype=object), protocol)) == words


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
        [1],
        None,
        {"a": {"b": 1}},
        OrderedDict(a=Evil()),
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


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": "b"}, "word2idx: expected the ids 0, 1, 2, .*, got 'b' for 'a'"),
        ({"a": 0.0}, "got 0.0 for 'a'"),
        ({"a": np.float32(0)}, "got 0.0 for 'a'"),
        ({"a": False}, "got False for 'a'"),
        ({0: "a", 1: "b"}, r"got 'a' for 0\. Turn it around: \{token: id for"),
        ({"a": 0, "b": 2}, "each once, got no 1 among 2 tokens"),
        ({}, "word2idx: expected the id of every token, .*, got an empty one"),
        ({"\ud800": 0}, "half a character"),
    ],
)
def test_a_dict_with_other_content_says_what_is_wrong(value, message, tmp_path):
    np.savez(tmp_path / "words.npz", data=np.array([[0, 1]]), word2idx=value)
    with pytest.raises(DataError, match=message):
        load_npz(tmp_path / "words.npz", "gen")


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
