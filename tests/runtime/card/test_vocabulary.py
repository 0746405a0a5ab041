"""Vocabularies of users and files: read in linear time, or refused."""

from __future__ import annotations

import io
import pickle  # noqa: TID251  (writes what `read_saved_dict` takes apart without running it)

import numpy as np
import pytest
from onnxnn_runtime import InputError, InputSpec
from onnxnn_runtime.card.tokens import token_count
from onnxnn_runtime.card.vocabulary import checked_vocabulary, texts_of
from onnxnn_runtime.files.saved_dict import read_saved_dict
from onnxnn_runtime.inputs.npz import read_arrays, read_vocabulary


def test_a_large_vocabulary_is_read():
    words = {f"word{i}": i for i in range(100_000)}
    assert checked_vocabulary(words, InputError) == words


@pytest.mark.parametrize(
    ("word2idx", "message"),
    [
        ({"a": 10**5000}, r"got no 0 among|an integer of about 5,001 digits"),
        ({"a": 0, "b": 2}, "each once, got no 1 among 2 tokens"),
        ({"a": 0, "b": 0}, "each once, got no 1 among 2 tokens"),
        ({1: 0, "1": 1}, "each token once, got two of the same text"),
        ({("a", "b"): 0}, "expected texts as tokens, got "),
        ({"x" * 10_000_000: "y" * 10_000_000}, "word2idx: expected the ids"),
        ({"a\ud800": 0}, "half a character"),
    ],
)
def test_what_is_no_vocabulary_is_refused_in_a_short_message(word2idx, message):
    with pytest.raises(InputError, match=message) as found:
        checked_vocabulary(word2idx, InputError)
    assert len(str(found.value)) < 500


@pytest.mark.parametrize("order", ["<", ">"])
def test_codes_above_unicode_are_refused(order):
    good = np.array(["好", "b"], order + "U2")
    assert texts_of(good, InputError) == ["好", "b"]
    bad = np.array([0x110000, 0, 97, 0], order + "u4").view(order + "U2")
    with pytest.raises(InputError, match="ends at 0x10ffff, got the code 0x110000"):
        texts_of(bad, InputError)


@pytest.mark.parametrize("name", ["words", "word2idx"])
def test_a_damaged_file_of_texts_is_refused(name, tmp_path):
    text = np.array(["hello", "b"]) if name == "words" else np.array('{"a": 0}')
    path = tmp_path / "data.npz"
    np.savez(path, data=np.zeros((2, 2), int), **{name: text})
    content = path.read_bytes()
    first = "h" if name == "words" else "{"
    path.write_bytes(content)
    damaged = content.replace(first.encode("utf-32-le"), b"\xff\xff\xff\x7f", 1)
    assert damaged != content
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"got the code|cannot be read"):
        read_vocabulary(path, read_arrays(path, ["data", "words", "word2idx"], InputError), InputError)


PICKLES = {
    "marks": b"(" * 1_900_000 + b".",
    "marks and lists": b"(l" * 900_000 + b".",
    "constants": b"N" * 1_900_000 + b".",
    "states": b"(l" + b"Nb" * 900_000 + b".",
    "doubled tuples": b")q\x00" + b"h\x00h\x00\x86q\x00" * 200_000 + b".",
    "a long number": b"I" + b"9" * 1_000_000 + b"\n.",
    "keys that are not equal to themselves": b"}(" + b"G\x7f\xf8" + bytes(6) + b"Nu.",
    "tuples as keys": b"}(" + b"K\x01K\x02\x86Nu.",
    "keys of one hash": pickle.dumps(np.array({(2**61 - 1) * each: 0 for each in range(9, 99)}, object), 2),
    "a text that is encoded again and again": b"]c_codecs\nencode\nq\x00X@B\x0f\0"
    + b"a" * 1_000_000
    + b"q\x01X\x06\0\0\0latin1q\x02"
    + b"h\x00h\x01h\x02\x86R" * 4000
    + b".",
    "a long name, again and again": b"]X@B\x0f\0"
    + b"a" * 1_000_000
    + b"q\x01"
    + b"h\x01h\x01\x93" * 9000
    + b".",
    "a text in place of a function": b"X\x01\0\0\0a)R.",
    "a state of a name": b"ccollections\nOrderedDict\n}b.",
    "a long line": b"V" + b"a" * 1_000_000 + b"\n.",
    "a memo of gigabytes": b"}r\xff\xff\xff\x7f.",
    "a longer number": b"\x8b" + (1_000_000).to_bytes(4, "little") + b"\x7f" * 1_000_000 + b".",
}


@pytest.mark.parametrize("name", list(PICKLES))
def test_a_hostile_pickle_is_no_saved_dict(name):
    assert read_saved_dict(PICKLES[name]) is None


def test_a_saved_dict_is_read():
    words = {f"word{i}": np.int64(i) for i in range(2000)}
    stream = io.BytesIO()
    pickle.dump(np.array(words), stream, 2)
    assert read_saved_dict(stream.getvalue()) == words


@pytest.mark.parametrize(
    ("vocabulary", "num_tokens", "count"),
    [({"a": 0, "b": 1}, 5, 2), (None, 5, 5), ({}, 5, 5), ({}, None, None), (None, None, None)],
)
def test_the_vocabulary_says_first_how_many_tokens_there_are(vocabulary, num_tokens, count):
    spec = InputSpec("tokens", ("batch", "time"), vocabulary=vocabulary, num_tokens=num_tokens)
    assert token_count(spec) == count
