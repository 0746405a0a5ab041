from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime import CardError, InputSpec, ModelCard, OutputSpec, Preprocess

CARD = ModelCard(
    task="cls",
    network=(
        {
            "name": "linear1",
            "layer": "linear",
            "options": {"size": [4, 3], "bias": True},
            "activation": "softmax",
        },
    ),
    input=InputSpec("image", ("batch", 3, "height", 8), Preprocess("RGB", (("resize", 8, 8),))),
    output=OutputSpec("classes", ("batch", 3), ("猫", "dog", 'a "b"'), embedding=4),
    training={"epochs": 3, "metrics": {"acc": 0.5}},
    parity={"absolute": 1e-07, "relative": 2e-07},
    license="MIT",
    note="two\nlines",
)

# The format is read on boards that are never updated: a change here needs a new schema number.
PINNED = (
    '{"input": {"features": [], "in_graph": false, "kind": "image", "max_length": null, "num_tokens": null, '
    '"preprocess": {"color": "RGB", "draft": false, "steps": [["resize", 8, 8]]}, '
    '"shape": ["batch", 3, "height", 8], "states": [], "vocabulary": null}, "license": "MIT", '
    '"network": [{"activation": "softmax", "layer": "linear", "name": "linear1", '
    '"options": {"bias": true, "size": [4, 3]}}], "note": "two\\nlines", '
    '"output": {"classes": ["猫", "dog", "a \\"b\\""], "embedding": 4, "kind": "classes", '
    '"shape": ["batch", 3], "targets": []}, "parity": {"absolute": 1e-07, "relative": 2e-07}, '
    '"schema": 1, "task": "cls", "training": {"epochs": 3, "metrics": {"acc": 0.5}}}'
)


def test_card_text_is_pinned():
    assert CARD.to_json() == PINNED
    assert ModelCard.from_json(PINNED) == CARD


def test_smallest_sizes_stand_in_the_text_where_there_are_some():
    card = replace(CARD, input=replace(CARD.input, min_sizes={"height": 5}))
    added = PINNED.replace('"max_length": null, ', '"max_length": null, "min_sizes": {"height": 5}, ')
    assert card.to_json() == added
    assert ModelCard.from_json(added) == card


def test_optional_parts_may_be_absent():
    card = ModelCard("reg", (), InputSpec("table", ("batch", 2)), OutputSpec("values", ("batch", 1)))
    assert ModelCard.from_json(card.to_json()) == card


NAMES = st.lists(st.text(max_size=5), max_size=3).map(tuple)
AXES = st.lists(st.one_of(st.integers(1, 9), st.text(min_size=1, max_size=5)), min_size=1, max_size=4).map(
    tuple
)
PLAIN = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)
LAYERS = st.fixed_dictionaries(
    {
        "name": st.text(),
        "layer": st.text(),
        "options": st.dictionaries(st.text(), PLAIN, max_size=3),
        "activation": st.one_of(st.none(), st.text()),
    }
)
VOCABULARIES = st.lists(st.text(), max_size=3, unique=True).map(
    lambda words: {word: number for number, word in enumerate(words)}
)
CARDS = st.builds(
    ModelCard,
    st.sampled_from(["cls", "reg", "gen", "embed"]),
    st.lists(LAYERS, max_size=3).map(tuple),
    st.builds(
        InputSpec,
        st.sampled_from(["image", "table", "sequence", "tokens", "array"]),
        AXES,
        st.one_of(st.none(), st.builds(Preprocess)),
        st.booleans(),
        NAMES,
        st.one_of(st.none(), VOCABULARIES),
    ),
    st.builds(
        OutputSpec,
        st.sampled_from(["classes", "binary", "values", "embedding", "tokens", "image"]),
        AXES,
        NAMES,
        st.one_of(st.none(), st.integers(1, 9)),
        NAMES,
    ),
    st.dictionaries(st.text(), PLAIN, max_size=3),
    st.one_of(st.none(), st.dictionaries(st.text(), st.floats(0, 1), max_size=2)),
    st.text(),
    st.text(),
)


@given(CARDS)
def test_cards_round_trip_and_equal_cards_are_equal_bytes(card):
    text = card.to_json()
    again = ModelCard.from_json(text)
    assert again == card
    assert again.to_json() == text


def changed(path, value):
    data = json.loads(PINNED)
    place = data
    for key in path[:-1]:
        place = place[key]
    if value is None and path[-1] in place:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(data)


TOKENS = {**json.loads(PINNED)["input"], "kind": "tokens", "vocabulary": {"a": 0, "b": 1}}
STATE = {"name": "state0", "next": "next0", "shape": [1, "batch", 4]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        (PINNED[:-1], "not valid JSON"),
        ("[" * 100000, "not valid JSON"),
        (PINNED.replace("1e-07", "NaN"), "NaN is no JSON number"),
        ("[]", "expected a JSON object"),
        ('{"schema": "1"}', "expected a JSON object"),
        (changed(["schema"], 2), "expected schema 1, .* got schema 2. Install a newer"),
        (changed(["task"], None), "expected the key 'task'"),
        (changed(["task"], "draw"), "'task': expected one of cls.* got 'draw'"),
        (changed(["task"], 3), "'task': expected str"),
        (changed(["extra"], 3), "unknown 'extra'"),
        (changed(["input", "extra"], 3), r"unknown 'input\.extra'"),
        (changed(["input", "kind"], "sound"), r"'input\.kind': expected one of image.* got 'sound'"),
        (changed(["input", "shape"], [True]), r"input\.shape"),
        (changed(["input", "shape"], []), r"input\.shape"),
        (changed(["input", "shape"], [-1, 3]), "expected sizes from 1"),
        (changed(["input", "in_graph"], 1), r"input\.in_graph': expected bool"),
        (changed(["input", "vocabulary"], {"a": 1.5}), "an integer for each token"),
        (
            changed(["input", "vocabulary"], {"a": 0, "b": 2}),
            r"expected the ids 0\.\.1, each once, got 2 for 'b'",
        ),
        (changed(["input", "vocabulary"], {"a": -1}), "got -1 for 'a'"),
        (changed(["input", "vocabulary"], {"a": 0, "b": 0}), "got 0 for 'b'"),
        (
            changed(["input"], {**TOKENS, "num_tokens": 1}),
            "at most as many tokens as 'input.num_tokens' .1., got 2",
        ),
        (changed(["input"], {**TOKENS, "states": [STATE, {**STATE, "next": "b"}]}), "got 'state0' twice"),
        (changed(["input"], {**TOKENS, "states": [STATE, {**STATE, "name": "b"}]}), "got 'next0' twice"),
        (changed(["input", "min_sizes"], {"height": 1}), "an integer above 1 for names of free axes"),
        (changed(["input", "min_sizes"], {"width": 5}), "an integer above 1 for names of free axes"),
        (changed(["input", "min_sizes"], {"height": "5"}), "an integer above 1 for names of free axes"),
        (changed(["input", "min_sizes"], [5]), r"input\.min_sizes': expected dict"),
        (changed(["input", "preprocess", "steps"], [["spin"]]), "preprocessing step 'spin': expected one of"),
        (changed(["output", "classes"], ["a", 1]), r"output\.classes': expected a list of texts"),
        (changed(["network"], [3]), "'network': expected objects"),
        (changed(["network", 0, "layer"], None), r"expected the key 'network\.layer'"),
        (changed(["parity"], {"absolute": "small"}), "'parity': expected numbers"),
    ],
)
def test_a_malformed_card_is_refused(text, message):
    with pytest.raises(CardError, match=message):
        ModelCard.from_json(text)


@pytest.mark.parametrize("value", [math.nan, math.inf, object()])
def test_what_is_no_json_is_not_written(value):
    card = ModelCard("reg", (), CARD.input, CARD.output, {"loss": value})
    with pytest.raises(CardError, match="what JSON cannot hold"):
        card.to_json()
