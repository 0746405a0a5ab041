"""Beam search, on functions whose likeliest sequences can be computed by hand."""

from __future__ import annotations

import itertools

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import InputError, InputSpec
from onnxnn_runtime.generation.options import GenerationOptions
from onnxnn_runtime.generation.seq2seq import END, START, search, translate, whole

SPEC = InputSpec("tokens", ("batch", "time"), num_tokens=9, max_length=6)


def echo(source, target):
    """Copy the source, then end: a network that is sure of itself."""
    said = np.full((*target.shape, 9), 0.01, np.float32)
    for row, (given, written) in enumerate(zip(source, target)):
        real = given[given != 0]
        step = len(written) - 1
        said[row, -1, real[step] if step < len(real) else END] = 1.0
    return said


def by_table(source, target):
    """Say what depends on the token before alone."""
    table = np.random.RandomState(int(source[0, 0])).dirichlet(np.ones(6), 6)
    return table[target].astype(np.float32)


def likeliest(table_of, max_length):
    """Return the likeliest sequence, by trying all of them."""
    best, score = (), 0.0
    for length in range(max_length + 1):
        for words in itertools.product((3, 4, 5), repeat=length):
            ended = length < max_length
            tokens = [*words, END] if ended else list(words)
            chance, before = 1.0, START
            for token in tokens:
                chance *= table_of[before, token]
                before = token
            if chance > score:
                best, score = words, chance
    return list(best), score


def test_greedy_takes_the_likeliest_token_of_each_source():
    assert translate(whole(echo), SPEC, GenerationOptions([[5, 3, 8], [4], [7, 7]])) == [
        [5, 3, 8],
        [4],
        [7, 7],
    ]


def test_a_single_source_gives_a_single_target():
    assert translate(whole(echo), SPEC, GenerationOptions([5, 3, 8])) == [5, 3, 8]
    assert translate(whole(echo), SPEC, GenerationOptions(np.array([[5, 3, 8]]))) == [[5, 3, 8]]


def test_sources_in_an_array_of_lists():
    sources = np.empty(2, object)
    sources[:] = [[5, 3, 8], [4]]
    assert translate(whole(echo), SPEC, GenerationOptions(sources)) == [[5, 3, 8], [4]]


def test_writing_stops_at_max_length():
    assert translate(whole(echo), SPEC, GenerationOptions([5, 3, 8], max_length=2)) == [5, 3]


@pytest.mark.parametrize("seed", range(8))
def test_enough_beams_find_the_likeliest_sequence(seed):
    source = np.array([[seed]])
    table = by_table(source, np.arange(6)[np.newaxis])[0].astype(np.float64)
    best, score = likeliest(table, 4)
    found = search(whole(by_table), source, 4, beams=200)[0]
    assert [int(token) for token in found if token > END] == best
    assert score > 0


def test_more_beams_never_find_a_less_likely_sequence_here():
    improved = 0
    for seed in range(40):
        source = np.array([[seed]])
        table = by_table(source, np.arange(6)[np.newaxis])[0].astype(np.float64)
        scores = []
        for beams in (1, 200):
            before, chance = START, 1.0
            for token in search(whole(by_table), source, 4, beams)[0]:
                if before == END:
                    break
                chance *= table[before, token]
                before = token
            scores.append(chance)
        assert scores[1] >= scores[0] * (1 - 1e-6)
        improved += scores[1] > scores[0] * 1.01
    assert improved > 0  # greedy is not always best, else the search would do nothing


def test_sources_in_a_batch_do_not_see_each_other():
    rows = [np.array([[seed]]) for seed in (1, 1, 1)]
    alone = [search(whole(by_table), row, 5, 3)[0] for row in rows]
    together = search(whole(by_table), np.concatenate(rows), 5, 3)
    assert all(np.array_equal(a, b[: len(a)]) for a, b in zip(alone, together))


def test_padding_and_start_are_never_written():
    def fond_of_padding(source, target):
        said = np.full((*target.shape, 5), 0.001)
        said[:, :, 0] = said[:, :, START] = 0.45
        said[:, :, 4] = 0.01
        return said

    assert translate(whole(fond_of_padding), SPEC, GenerationOptions([3], max_length=3)) == [4, 4, 4]


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ([], {}, "expected at least one token id"),
        ([[]], {}, "expected at least one token id"),
        (np.zeros((0, 3), int), {}, "source: expected at least one sequence of token ids"),
        ([3, 9], {}, r"expected token ids 0..8, as in the vocabulary, got 3..9"),
        ([[3], [-1]], {}, r"source\[1\]: expected token ids .*, got -1..-1"),
        ([3.5], {}, "expected integers as token ids"),
        ("abc", {}, "source: expected the token ids .* got str"),
        (None, {}, "source: expected the token ids of one source.* got NoneType"),
        ([3, 2**63], {}, r"expected token ids 0\.\.8, as in the vocabulary, got 3\.\..*"),
        ([2**70], {}, r"expected token ids .*, got 1180591620717411303424\.\."),
        (np.array([[[3]]]), {}, r"expected the token ids .* got int64 \(1, 1, 1\)"),
        ([[3, [4]], [5]], {}, "lists of different depth"),
        ([3, [4]], {}, "lists of different depth"),
        ([[[3]], [[4]]], {}, "lists of different depth"),
        ([3] * 7, {}, "expected at most 6 tokens in a sequence, got 7"),
        ([3], {"max_length": 7}, "max_length=7: expected at most 6"),
        ([3], {"max_length": 0}, "max_length=0: expected an integer of at least 1"),
        ([3], {"beams": 0}, "beams=0: expected an integer of at least 1"),
        ([3], {"beams": 1.5}, "beams=1.5: expected an integer"),
    ],
)
def test_what_is_refused(source, options, message):
    with pytest.raises(InputError, match=message):
        translate(whole(echo), SPEC, GenerationOptions(source, **options))


def test_probabilities_that_are_not_finite():
    with pytest.raises(InputError, match="expected finite probabilities"):
        translate(whole(lambda s, t: np.full((*t.shape, 9), np.nan)), SPEC, GenerationOptions([3]))


def test_generate_on_a_model_that_does_not(open_model):
    with pytest.raises(
        rt.CardError, match="expected a model that generates text, got one from 'table' to 'classes'"
    ):
        open_model("table").generate([5, 6])


def test_options_of_the_other_kind_of_network(open_model):
    with pytest.raises(
        InputError, match=r"beams=\.\.\.: expected an option of a network that continues a text: length, temp"
    ):
        open_model("text").generate("春", beams=3)


def by_sorting(source, target_of, max_length, beams):
    """Search as `search` does, by sorting everything."""
    found = []
    for row in source:
        beginnings = [((START,), 0.0)]
        for _ in range(max_length):
            continued = []
            for tokens, score in beginnings:
                if tokens[-1] in (END, 0):
                    continued.append(((*tokens, 0), score))
                    continue
                said = target_of(row[np.newaxis], np.array([tokens]))[0, -1]
                continued += [
                    ((*tokens, token), score + np.log(max(float(said[token]), np.finfo(float).tiny)))
                    for token in range(END, len(said))
                ]
            beginnings = sorted(continued, key=lambda each: -each[1])[:beams]  # stable
            if beginnings[0][0][-1] in (END, 0):
                break
        found.append([token for token in beginnings[0][0] if token > END])
    return found


@pytest.mark.parametrize("beams", [1, 2, 3, 7])
@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_equal_chances_are_taken_in_order(beams, levels):
    def coarse(source, target):
        said = np.empty((*target.shape, 8), np.float32)
        for place, (row, tokens) in enumerate(zip(source, target)):
            for step in range(len(tokens)):
                seed = int(row[0]) + 31 * sum(int(t) * 7**i for i, t in enumerate(tokens[: step + 1]))
                said[place, step] = np.random.RandomState(seed % 2**31).randint(0, levels, 8) / levels
        return said

    source = np.arange(6)[:, np.newaxis]
    found = search(whole(coarse), source, 5, beams)
    assert [[int(t) for t in row if t > END] for row in found] == by_sorting(source, coarse, 5, beams)
