"""The wide part: n-grams as keys, their table, and the fit of their weights."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentiment_fixtures import prepared
from sklearn.linear_model import LogisticRegression

from sentiment.channels import Channel, read_channel
from sentiment.ngram_fit import FRAGMENT_WORDS, FRAGMENTS, draw_fragments, fit_ngrams
from sentiment.ngram_table import NgramTable
from sentiment.ngrams import ngram_keys, ngram_patterns
from sentiment.vocabulary import INFREQUENT

WORDS = 1 << 20


def test_patterns_are_words_in_a_row_and_pairs_with_a_gap():
    assert ngram_patterns(3, 2) == [(0,), (0, 1), (0, 1, 2), (0, 2), (0, 3)]
    assert ngram_patterns(1, 0) == [(0,)]


@given(
    st.lists(st.sampled_from([1, 2, 3, 4, 1 << 19, WORDS - 1, WORDS, WORDS + 7]), max_size=12),
    st.integers(1, 3),
    st.integers(0, 7),
)
def test_keys_are_equal_where_the_ngrams_are(words, order, skip):
    ids = np.array(words, dtype=np.int32)
    known = [word if word < WORDS else INFREQUENT for word in words]
    patterns = ngram_patterns(order, skip)
    key_of, ngram_of = {}, {}
    for pattern, keys in zip(patterns, ngram_keys(ids, patterns), strict=True):
        ngrams = [
            (pattern, *(known[start + place] for place in pattern))
            for start in range(len(words) - pattern[-1])
        ]
        assert len(ngrams) == len(keys) and (keys > 0).all()
        for ngram, key in zip(ngrams, keys.tolist(), strict=True):
            assert key_of.setdefault(ngram, key) == key
            assert ngram_of.setdefault(key, ngram) == ngram


def test_the_logit_is_its_definition():
    patterns = ngram_patterns(2, 1)
    table = NgramTable(patterns)
    keys = np.sort(np.concatenate(ngram_keys(np.array([4, 6, 9]), patterns)))
    table.fill(keys, np.arange(1.0, 7.0))
    weight = dict(zip(keys.tolist(), range(1, 7), strict=True))
    review = np.array([4, 6, 4, 9, 7], dtype=np.int32)
    held = [weight[4], weight[6], weight[9], weight[4 << 20 | 6]]  # of the pairs with a gap none: 4 _ 9
    expected = sum(held) / len(held) ** 0.5
    assert table([review, review[:0]]).tolist() == pytest.approx([expected, 0.0])
    shares = table.as_arrays().word_shares(review)
    assert shares.sum() == pytest.approx(expected)
    assert shares[4] == 0 and shares[0] > shares[2] > 0

    pair = np.array([4, 7, 9], dtype=np.int32)
    shares = table.as_arrays().word_shares(pair)
    with_gap = weight[1 << 60 | 4 << 20 | 9]
    assert shares * 3**0.5 == pytest.approx([weight[4] + with_gap / 2, 0, weight[9] + with_gap / 2])


def test_the_fit_tells_the_labels():
    channel = read_channel(prepared().train, "train")
    table = NgramTable(ngram_patterns(2, 1))
    fit_ngrams(table, channel, min_reviews=2, c=10.0, fragments=0.2)
    assert np.array_equal(table.keys, np.unique(table.keys)) and len(table.keys) > 100
    reviews = [channel.review(n) for n in range(len(channel))]
    accuracy = ((table(reviews).numpy() > 0) == channel.labels).mean()
    assert accuracy > 0.97
    validation = read_channel(prepared().validation, "validation")
    held_out = table([validation.review(n) for n in range(len(validation))]).numpy()
    assert ((held_out > 0) == validation.labels).mean() > 0.9


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_the_fit_is_scikit_learns(weight):
    """Features written out in loops; the pieces of the reviews are rows like any other, with less weight."""
    channel = read_channel(prepared().train, "train")
    patterns, seed = ngram_patterns(2, 1), 5
    table = NgramTable(patterns)
    fit_ngrams(table, channel, min_reviews=2, c=3.0, fragments=weight, seed=seed)

    reviews = [channel.review(n) for n in range(len(channel))]
    random = np.random.default_rng(seed)
    pieces = [piece for _ in range(FRAGMENTS if weight else 0) for piece in draw_fragments(reviews, random)]
    held = [set(np.concatenate(ngram_keys(ids, patterns)).tolist()) for ids in [*reviews, *pieces]]
    labels = np.tile(channel.labels, 1 + len(pieces) // len(reviews))
    keys = table.keys.tolist()
    of_reviews = np.array([[key in row for key in keys] for row in held[: len(reviews)]])
    counts = [of_reviews[channel.labels == label].sum(0) + 1.0 for label in (0, 1)]
    ratio = np.log(counts[1] / counts[1].sum()) - np.log(counts[0] / counts[0].sum())
    features = np.array(
        [[value * (key in row) for key, value in zip(keys, ratio, strict=True)] for row in held]
    )
    features /= np.sqrt([max(sum(key in row for key in keys), 1) for row in held])[:, None]
    regression = LogisticRegression(C=3.0, fit_intercept=False, tol=1e-8, max_iter=1000)
    regression.fit(features, labels, np.where(np.arange(len(held)) < len(reviews), 1.0, weight))
    assert table.weights.numpy() == pytest.approx(regression.coef_[0] * ratio, abs=0.01)


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
        fit_ngrams(table, channel, min_reviews=2, c=1.0, fragments=fragments)
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
