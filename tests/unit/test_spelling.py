"""Typing errors in short texts."""

import pytest

from sentiment.text.spelling import MAX_LETTERS, correct_spelling
from sentiment.text.tokenizers import tokenizer

KNOWN = [
    "the",
    "a",
    "was",
    "film",
    "wouldn't",
    "would",
    "terrible",
    "story",
    "stony",
    "boring",
    "form",
    "from",
]
WORD_DICT = {word: number for number, word in enumerate(KNOWN, start=2)} | {"wading": 12_000}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("woludn't", "wouldn't"),  # exchanged
        ("terible", "terrible"),  # left out
        ("borring", "boring"),  # one too many
        ("terribke", "terrible"),  # another one
        ("ilm", "ilm"),  # too short to tell
        ("stoxy", "story"),  # the more frequent of two
        ("wadign", "wadign"),  # only resembles a rare word
        ("wading", "wading"),  # a word, though a rare one
        ("bornig", "boring"),
        ("zzzzzz", "zzzzzz"),
        ("8/10", "8/10"),
        ("filmé", "filmé"),
    ],
)
def test_a_word_that_is_none_becomes_the_one_it_resembles(typed, meant):
    assert correct_spelling(["the", typed], WORD_DICT) == ["the", meant]


def test_long_words_are_left_alone():
    word = "terrible" * (MAX_LETTERS // 8 + 1)
    assert correct_spelling([word, "x" * 100_000], WORD_DICT) == [word, "x" * 100_000]


def test_only_the_latest_version_corrects_and_only_short_texts():
    known, typed = ["wouldn't"], ["woludn't"]
    latest, former = tokenizer("words"), tokenizer("words", 3)
    meant = latest.encode(WORD_DICT, known).tolist()
    assert latest.encode(WORD_DICT, typed, short=True).tolist() == meant
    unknown = former.encode(WORD_DICT, typed).tolist()
    assert unknown != meant
    assert latest.encode(WORD_DICT, typed).tolist() == unknown
    assert former.encode(WORD_DICT, typed, short=True).tolist() == unknown
