"""The wide part: n-grams as keys, their table, and the fit of their weights."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentiment_fixtures import prepared

from sentiment.data.channels import REVIEW, SNIPPET, Channel, read_channel
from sentiment.model.ngram_module import NgramTable
from sentiment.model.ngrams import ngram_keys, ngram_patterns, presence
from sentiment.text.vocabulary import INFREQUENT
from sentiment.training.ngram_fit import (
    FRAGMENT_WORDS,
    FRAGMENTS,
    draw_fragments,
    fit_ngrams,
    folds_of_texts,
    presence_of_all,
)

WORDS = 1 << 18


def test_patterns_are_words_in_a_row_and_pairs_with_a_gap():
    assert ngram_patterns(3, 2) == [(0,), (0, 1), (0, 1, 2), (0, 2), (0, 3)]
    assert ngram_patterns(1, 0) == [(0,)]


@given(
    st.lists(st.sampled_from([1, 2, 3, 4, 1 << 17, WORDS - 1, WORDS, WORDS + 7]), max_size=12),
    st.integers(1, 3),
    st.integers(0, 7),
)
def test_keys_are_equal_where_the_ngrams_are(words, order, skip):
    ids = np.array(words, dtype=np.int32)
    known = [word if word < WORDS else INFREQUENT for word in words]
    patterns = ngram_patterns(order, skip)
    key_of, ngram_of = {}, {}
    for pattern, keys in zip(patterns, ngram_keys(ids, patterns), strict=True):
        has_gap = pattern[-1] >= len(pattern)  # of however many words
        ngrams = [
            (has_gap, *(known[start + place] for place in pattern))
            for start in range(len(words) - pattern[-1])
        ]
        assert len(ngrams) == len(keys) and (keys > 0).all()
        for ngram, key in zip(ngrams, keys.tolist(), strict=True):
            assert key_of.setdefault(ngram, key) == key
            assert ngram_of.setdefault(key, ngram) == ngram


def presence_in_loops(words: list[int], patterns: list, ending: float) -> dict:
    """N-gram, and whether it has a gap, to its value."""
    values = {}
    for pattern in patterns:
        for start in range(len(words) - pattern[-1]):
            ngram = (pattern[-1] >= len(pattern), *(words[start + place] for place in pattern))
            to_come = len(words) - 1 - (start + pattern[-1])
            values[ngram] = max(values.get(ngram, 0), 1 + ending * math.exp(-to_come / 40))
    return values


@given(st.lists(st.integers(1, 4), max_size=30), st.integers(1, 3), st.integers(0, 3), st.floats(0, 3))
def test_an_ngram_counts_once_and_more_near_the_end(words, order, skip, ending):
    patterns = ngram_patterns(order, skip)
    keys, values = presence(np.array(words, dtype=np.int32), patterns, ending)
    expected = {}
    for (has_gap, *ngram), value in presence_in_loops(words, patterns, ending).items():
        key = sum(word << 18 * place for place, word in enumerate(reversed(ngram)))
        expected[key | has_gap << 54] = value
    assert keys.tolist() == sorted(expected)
    assert values.tolist() == pytest.approx([expected[key] for key in sorted(expected)])


@given(st.lists(st.lists(st.integers(1, 4), max_size=300), min_size=1, max_size=5), st.integers(0, 2))
def test_of_all_reviews_at_once_the_same_ngrams_are_found(reviews, skip):
    patterns = ngram_patterns(3, skip)
    reviews = [np.array(words, dtype=np.int32) for words in reviews]
    review, which, values, keys = presence_of_all(reviews, patterns, 1.0)
    for number, words in enumerate(reviews):
        own = review == number
        expected_keys, expected_values = presence(words, patterns, 1.0)
        assert keys[which[own]].tolist() == expected_keys.tolist()
        assert values[own].tolist() == expected_values.tolist()


def test_far_from_the_end_an_ngram_counts_one():
    keys, values = presence(np.arange(1, 1001), ngram_patterns(1, 0), 0.7)
    assert keys.tolist() == list(range(1, 1001))
    assert values[-1] == 1.7
    assert np.diff(values).min() >= 0 and values[0] - 1 < 0.002


@pytest.mark.parametrize("ending", [0.0, 0.7])
def test_the_logit_equals_its_definition(ending):
    patterns = ngram_patterns(2, 1)
    table = NgramTable(patterns, ending)
    keys = np.sort(np.concatenate(ngram_keys(np.array([4, 6, 9]), patterns)))
    table.fill(keys, np.arange(1.0, 7.0))
    weight = dict(zip(keys.tolist(), range(1, 7), strict=True))
    review = np.array([4, 6, 4, 9, 7], dtype=np.int32)
    value = presence_in_loops(review.tolist(), patterns, ending)
    held = {  # of the pairs with a gap none: 4 _ 9
        weight[4]: value[False, 4],
        weight[6]: value[False, 6],
        weight[9]: value[False, 9],
        weight[4 << 18 | 6]: value[False, 4, 6],
    }
    expected = sum(each * of for each, of in held.items()) / math.hypot(*held.values())
    assert table([review, review[:0]]).tolist() == pytest.approx([expected, 0.0])
    shares = table.as_arrays().explain(review)[1]
    assert shares.sum() == pytest.approx(expected)
    assert shares[4] == 0 and shares[0] > shares[2] > 0


def test_what_an_ngram_adds_is_shared_by_its_words():
    patterns = ngram_patterns(2, 1)
    table = NgramTable(patterns)
    table.fill(np.array([4, 9, 1 << 54 | 4 << 18 | 9]), np.array([1.0, 2.0, 3.0]))
    shares = table.as_arrays().explain(np.array([4, 7, 9], dtype=np.int32))[1]
    assert shares * 3**0.5 == pytest.approx([1 + 1.5, 0, 2 + 1.5])
    assert table.as_arrays().explain(np.zeros(0, dtype=np.int32))[1].tolist() == []


def test_the_fit_separates_the_labels():
    channel = read_channel(prepared().train, "train")
    table = NgramTable(ngram_patterns(2, 1))
    fit_ngrams(table, channel, np.ones(len(channel)), min_reviews=2, c=10.0, fragments=0.2)
    assert np.array_equal(table.keys, np.unique(table.keys)) and len(table.keys) > 100
    reviews = [channel.review(n) for n in range(len(channel))]
    accuracy = ((table(reviews).numpy() > 0) == channel.labels).mean()
    assert accuracy > 0.97
    validation = read_channel(prepared().validation, "validation")
    held_out = table([validation.review(n) for n in range(len(validation))]).numpy()
    assert ((held_out > 0) == validation.labels).mean() > 0.9


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_the_fit_equals_scikit_learns(weight):
    """Features written out in loops; the pieces of the reviews are rows like any other, with less weight."""
    from sklearn.linear_model import LogisticRegression  # takes seconds to import

    channel = read_channel(prepared().train, "train")
    patterns, seed = ngram_patterns(2, 1), 5
    table = NgramTable(patterns, ending=0.7)
    fit_ngrams(table, channel, np.ones(len(channel)), min_reviews=2, c=3.0, fragments=weight, seed=seed)

    reviews = [channel.review(n) for n in range(len(channel))]
    random = np.random.default_rng(seed)
    pieces = [piece for _ in range(FRAGMENTS if weight else 0) for piece in draw_fragments(reviews, random)]
    presences = [presence(ids, patterns, 0.7) for ids in [*reviews, *pieces]]
    held = [dict(zip(keys.tolist(), values, strict=True)) for keys, values in presences]
    labels = np.tile(channel.labels, 1 + len(pieces) // len(reviews))
    keys = table.keys.tolist()
    of_reviews = np.array([[key in row for key in keys] for row in held[: len(reviews)]])
    counts = [of_reviews[channel.labels == label].sum(0) + 1.0 for label in (0, 1)]
    ratio = np.log(counts[1] / counts[1].sum()) - np.log(counts[0] / counts[0].sum())
    values = np.array([[row.get(key, 0.0) for key in keys] for row in held])
    features = values * ratio / np.maximum(np.linalg.norm(values, axis=1), 1)[:, None]
    regression = LogisticRegression(C=3.0, fit_intercept=False, tol=1e-8, max_iter=1000)
    regression.fit(features, labels, np.where(np.arange(len(held)) < len(reviews), 1.0, weight))
    assert table.weights.numpy() == pytest.approx(regression.coef_[0] * ratio, abs=0.01)


def test_a_logit_out_of_fold_comes_from_a_fit_that_has_not_seen_the_label():
    channel = read_channel(prepared().train, "train")

    def out_of_fold(labels: np.ndarray) -> np.ndarray:
        table = NgramTable(ngram_patterns(2, 0))
        relabelled, weights = replace(channel, labels=labels), np.ones(len(channel))
        return fit_ngrams(table, relabelled, weights, min_reviews=2, c=10.0, fragments=0.2, folds=4)

    logits = out_of_fold(channel.labels)
    assert ((logits > 0) == channel.labels).mean() > 0.9
    unseen = folds_of_texts(channel, 4) == 1
    assert unseen.sum() == len(channel) / 4
    wrong = out_of_fold(np.where(unseen, 1 - channel.labels, channel.labels).astype(np.int8))
    assert np.array_equal(wrong[unseen], logits[unseen])
    assert not np.isclose(wrong[~unseen], logits[~unseen]).any()


def test_a_fold_has_blocks_of_adjacent_texts_of_each_kind_and_equal_texts():
    kinds = np.repeat([REVIEW, SNIPPET], [96, 48]).astype(np.int8)
    tokens = np.arange(144, dtype=np.int32)
    tokens[98] = tokens[0]
    channel = Channel(tokens, np.arange(145), np.tile([0, 1], 72).astype(np.int8), kinds)
    fold = folds_of_texts(channel, 2)
    assert fold[:8].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert fold[96:104].tolist() == [0, 0, 0, 1, 0, 0, 1, 1], "the third is a copy of the first review"
    assert [(fold[kinds == kind] == 1).sum() for kind in (REVIEW, SNIPPET)] == [48, 23]


def test_fragments_teach_what_short_texts_mean():
    """Good and bad reviews all praise the music at length; only "not" before it tells them apart."""
    praise, not_, music = 5, 2, 3
    good = [praise, music] * 20 + [music] * 20
    bad = [praise, music] * 20 + [not_, music] * 10
    reviews = [np.array(ids, dtype=np.int32) for ids in (good, bad) * 20]
    offsets = np.cumsum([0, *map(len, reviews)])
    labels = np.array([1, 0] * 20, dtype=np.int8)
    channel = Channel(np.concatenate(reviews), offsets, labels)

    def said_of(fragments: float) -> float:
        table = NgramTable(ngram_patterns(2, 0))
        fit_ngrams(table, channel, np.ones(len(channel)), min_reviews=2, c=1.0, fragments=fragments)
        return float(table([np.array([not_, music], dtype=np.int32)])[0])

    assert said_of(0.5) < said_of(0.0) < 0


def test_fragments_are_short_contiguous_pieces():
    reviews = [np.arange(start, start + 300) for start in range(2000)] + [np.arange(2), np.arange(0)]
    pieces = draw_fragments(reviews, np.random.default_rng(0))
    again = draw_fragments(reviews, np.random.default_rng(0))
    lengths = np.array([len(piece) for piece in pieces])
    assert all(np.array_equal(one, other) for one, other in zip(pieces, again, strict=True))
    assert all((np.diff(piece) == 1).all() for piece in pieces)
    assert all(
        piece[0] >= ids[0] and piece[-1] <= ids[-1]
        for piece, ids in zip(pieces[:2000], reviews, strict=False)
    )
    assert (lengths[:2000].min(), lengths[:2000].max()) == FRAGMENT_WORDS
    assert 9 <= np.median(lengths[:2000]) <= 11, "even in the logarithm: the median is the geometric mean"
    assert lengths[2000:].tolist() == [2, 0]


def test_ngrams_survive_a_state_dict():
    patterns = ngram_patterns(1, 0)
    table = NgramTable(patterns)
    table.fill(np.array([2, 9]), np.array([1.0, -1.0]))
    other = NgramTable(patterns)
    other.load_state_dict(table.state_dict())
    review = np.array([2, 3], dtype=np.int32)
    assert other([review]).tolist() == table([review]).tolist() == [1.0]
    assert other.vocabulary_size() == 10
    assert torch.equal(other.keys, table.keys)
