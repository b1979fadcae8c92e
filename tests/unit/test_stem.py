import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.text.predecessor.stem import stem

PIECES = re.findall(
    r"\w+",
    """sses ies ied eed ed ing y ational alli fulli logi bli eli e ll ion ness ful ative icate ical ement ate
    at bl iz ss s li ousli enci iviti tt dying sky news succeed a b c o u yy x w""",
)


@pytest.fixture(scope="module")
def reference():
    from nltk.stem.porter import PorterStemmer  # takes seconds to import

    return PorterStemmer()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("caresses", "caress"),
        ("relational", "relat"),
        ("hopping", "hop"),
        ("filing", "file"),
        ("dies", "die"),
        ("flies", "fli"),
        ("enjoy", "enjoy"),
        ("happy", "happi"),
        ("skies", "sky"),
        ("as", "as"),
        ("controll", "control"),
        ("theology", "theolog"),
        ("1980s", "1980"),
    ],
)
def test_known_stems(word, expected):
    assert stem(word) == expected


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text("abceilnosty1", min_size=1, max_size=12),
        st.lists(st.sampled_from(PIECES), min_size=1).map("".join),
    )
)
def test_any_word_stems_as_in_nltk(reference, word):
    assert stem(word) == reference.stem(word)


def test_a_long_run_of_y_is_no_trouble(reference):
    assert stem("y" * 5000 + "ing") == reference.stem("y" * 5000 + "ing")
