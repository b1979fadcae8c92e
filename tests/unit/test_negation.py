"""What a negation reaches, and that the n-grams tell such words from the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.negation import NEGATION, NO_ROLES, SENTENCE_END, negated_runs, word_roles
from sentiment.ngrams import NEGATED, NgramFeatures, ngram_patterns
from sentiment.text import words
from sentiment.vocabulary import encode

SENTENCES = [
    "Not bad at all.",
    "I didn't like it, and it never gets any better than that. Good music!",
    "There is no plot... great pictures though, nothing but great pictures. Don't go? Do go.",
]
WORD_DICT = {word: number for number, word in enumerate(sorted({w for s in SENTENCES for w in words(s)}), 2)}
ROLES = word_roles(WORD_DICT, 99)


def reached(sentence: str, scope: int) -> list[list[str]]:
    found = words(sentence)
    return [found[start:end] for start, end in negated_runs(encode(WORD_DICT, found), ROLES, scope)]


def test_a_negation_reaches_so_many_words_of_its_sentence():
    assert reached(SENTENCES[0], 5) == [["bad", "at", "all"]]
    assert reached(SENTENCES[0], 2) == [["bad", "at"]]
    assert reached(SENTENCES[1], 3) == [["like", "it", "and"], ["gets", "any", "better"]]
    assert reached(SENTENCES[2], 4) == [["plot"], ["but", "great", "pictures"], ["go"]]
    assert reached(SENTENCES[0], 0) == []


def test_roles_are_those_of_negations_and_sentence_marks():
    of = {
        role: {word for word, number in WORD_DICT.items() if number in np.flatnonzero(role == ROLES)}
        for role in (1, 2)
    }
    assert of[NEGATION] == {"not", "didn't", "never", "no", "nothing", "don't"}
    assert of[SENTENCE_END] == {".", "...", "!", "?"}
    assert word_roles({"good": 2, "not": 3, "isn't": 4}, 4).tolist() == [0, 0, 0, NEGATION, 0]


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(0, 8))
def test_it_is_its_definition(ids, scope):
    roles = np.array([0, 0, NEGATION, SENTENCE_END, 0, NEGATION, 0], dtype=np.uint8)
    role_of = dict(enumerate(roles.tolist()))
    expected, left = [], 0
    for number in ids:
        role = role_of.get(number, 0)
        expected.append(role == 0 and left > 0)
        left = scope if role == NEGATION else 0 if role == SENTENCE_END else max(left - 1, 0)
    is_negated = [False] * len(ids)
    for start, end in negated_runs(np.array(ids, dtype=np.int32), roles, scope):
        assert start < end
        is_negated[start:end] = [True] * (end - start)
    assert is_negated == expected
    assert negated_runs(np.array(ids, dtype=np.int32), NO_ROLES, scope) == []


@pytest.mark.parametrize("scope", [0, 5])
def test_a_negated_word_is_another_word_to_the_ngrams(scope):
    features = NgramFeatures(ngram_patterns(2, 1), negation_scope=scope, roles=ROLES)
    not_, bad, at = (WORD_DICT[word] for word in ("not", "bad", "at"))
    single, pairs, apart = features.keys(np.array([not_, bad, at], dtype=np.int32))
    mark = NEGATED if scope else 0
    assert single.tolist() == [not_, bad | mark, at | mark]
    assert pairs.tolist() == [not_ << 18 | bad | mark, (bad | mark) << 18 | at | mark]
    assert apart.tolist() == [1 << 54 | not_ << 18 | at | mark]
