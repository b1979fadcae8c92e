"""Typing errors in short texts."""

import random
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.text.spelling import MAX_LETTERS, MIN_LETTERS, Spelling
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
TYPED = st.text("abc'", min_size=1, max_size=7)
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
        ("terr1b1e", "terrible"),  # digits for letters
        ("b0r1ng", "boring"),
        ("w0u1dn't", "wouldn't"),
        ("st0xy", "st0xy"),
        ("w4ding", "w4ding"),  # only a rare word
        ("1" * 20, "1" * 20),
        ("filmé", "filmé"),
    ],
)
def test_a_word_that_is_none_becomes_the_one_it_resembles(typed, meant):
    assert Spelling(WORD_DICT).correct(["the", typed]) == ["the", meant]


@pytest.mark.parametrize("number", ["411", "4150", "5am", "7in"])
def test_a_number_is_no_word_even_with_a_unit(number):
    frequent = {word: place for place, word in enumerate(["the", "ali", "also", "sam", "tin"], start=2)}
    assert Spelling(frequent).correct(["the", number]) == ["the", number]


@given(st.lists(TYPED, min_size=1, max_size=12, unique=True), TYPED)
def test_it_finds_the_most_frequent_word_that_one_error_makes(frequent, typed):
    word_dict = {word: number for number, word in enumerate(frequent, start=2)}
    resembling = [word for word in frequent if len(word) >= MIN_LETTERS and differ_by_one_error(typed, word)]
    meant = typed if typed in frequent or len(typed) < MIN_LETTERS else (*resembling, typed)[0]
    assert Spelling(word_dict).correct([typed]) == [meant]


def differ_by_one_error(typed: str, word: str) -> bool:
    same = 0
    while same < min(len(typed), len(word)) and typed[same] == word[same]:
        same += 1
    typed, word = typed[same:], word[same:]
    return word[1:] in (typed, typed[1:]) or word == typed[1:] or word == typed[1::-1] + typed[2:]


class CountedDict(dict):
    looked_up = 0

    def get(self, key, default=None):
        self.looked_up += 1
        return super().get(key, default)


def test_words_of_random_letters_cost_few_lookups():
    letters = random.Random(0)
    typed = ["".join(letters.choices(ascii_lowercase, k=MAX_LETTERS)) for _ in range(100)]
    counted = CountedDict(WORD_DICT)
    assert Spelling(counted).correct(typed) == typed
    forms_of_a_word = (MAX_LETTERS + 1) * 2 * len(ascii_lowercase)
    assert counted.looked_up < len(typed) * forms_of_a_word / 20


def test_long_words_are_left_alone():
    word = "terrible" * (MAX_LETTERS // 8 + 1)
    assert Spelling(WORD_DICT).correct([word, "x" * 100_000]) == [word, "x" * 100_000]


def test_only_the_latest_version_corrects_and_only_short_texts():
    known, typed = ["wouldn't"], ["woludn't"]
    latest, former = tokenizer("words"), tokenizer("words", 3)
    meant = latest.encode(WORD_DICT, known).tolist()
    assert latest.encode(WORD_DICT, typed, Spelling(WORD_DICT)).tolist() == meant
    unknown = former.encode(WORD_DICT, typed).tolist()
    assert unknown != meant
    assert latest.encode(WORD_DICT, typed).tolist() == unknown
    assert former.encode(WORD_DICT, typed, Spelling(WORD_DICT)).tolist() == unknown
