import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sentiment.text.vocabulary import build_dict, convert_and_pad, convert_and_pad_data, encode, limit

REVIEWS = [["film", "good", "film"], ["film", "bad"], ["good", "rare"]]


def test_the_most_frequent_word_gets_the_smallest_id():
    assert build_dict(REVIEWS) == {"film": 2, "good": 3, "bad": 4, "rare": 5}


def test_the_vocabulary_size_counts_the_two_ids_that_are_no_words():
    assert build_dict(REVIEWS, vocab_size=4) == {"film": 2, "good": 3}
    assert build_dict(REVIEWS, vocab_size=1) == {}


def test_convert_and_pad_fills_up_and_cuts_off():
    words = build_dict(REVIEWS, vocab_size=4)
    assert convert_and_pad(words, ["good", "rare", "film"], pad=5) == ([3, 1, 2, 0, 0], 3)
    assert convert_and_pad(words, ["good", "rare", "film"], pad=2) == ([3, 1], 2)
    assert convert_and_pad(words, [], pad=2) == ([0, 0], 0)
    assert len(convert_and_pad(words, ["film"])[0]) == 500


def test_convert_and_pad_data_is_the_same_row_by_row():
    words = build_dict(REVIEWS)
    ids, lengths = convert_and_pad_data(words, REVIEWS, pad=4)
    assert ids.tolist() == [convert_and_pad(words, review, 4)[0] for review in REVIEWS]
    assert lengths.tolist() == [3, 2, 2]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1), st.integers(2, 10))
def test_limiting_the_full_vocabulary_is_building_a_smaller_one(reviews, size):
    full, small = build_dict(reviews, None), build_dict(reviews, size)
    for review in reviews:
        assert np.array_equal(limit(encode(full, review), size), encode(small, review))
