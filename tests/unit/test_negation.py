"""What a negation reaches, and that both parts of a model tell such words from the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentiment_fixtures import tiny_recipe

from sentiment.model.layout import crop
from sentiment.model.ngrams import ngram_keys, ngram_patterns
from sentiment.text.negation import CONTRACTED, NEGATED, PHRASES, NegationMarker
from sentiment.text.tokenizers import tokenizer
from sentiment.text.vocabulary import INFREQUENT, encode
from sentiment.text.words import words

SENTENCES = [
    "Not bad at all.",
    "I didn't like it, and it never gets any better than that. Good music!",
    "There is no plot... great pictures though, nothing but great pictures. Don't go? Do go.",
]
WORD_DICT = {word: number for number, word in enumerate(sorted({w for s in SENTENCES for w in words(s)}), 2)}
SIZE = len(WORD_DICT) + 2
WORD_OF = {number: word for word, number in WORD_DICT.items()}


def reached(sentence: str, scope: int) -> list[str]:
    marked = NegationMarker(WORD_DICT, SIZE, scope)(encode(WORD_DICT, words(sentence)))
    assert [WORD_OF[number & ~NEGATED] for number in marked.tolist()] == words(sentence)
    return [WORD_OF[number & ~NEGATED] for number in marked.tolist() if number & NEGATED]


def test_a_negation_reaches_so_many_words_of_its_sentence():
    assert reached(SENTENCES[0], 5) == ["bad", "at", "all"]
    assert reached(SENTENCES[0], 2) == ["bad", "at"]
    assert reached(SENTENCES[1], 3) == ["like", "it", "and", "gets", "any", "better"]
    assert reached(SENTENCES[2], 4) == ["plot", "but", "great", "pictures", "go"]
    assert reached(SENTENCES[0], 0) == []


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("far from good, far too long", "good far too long"),
        ("anything but dull, anything is better, but not by much", "dull anything is better but by much"),
        ("it lacks a good plot", "a good plot"),
        ("not only good but fun; nothing but joy; no doubt it is good", ""),
        ("I can't help but love it", ""),
        (
            "I don't believe anyone will ever find this film dull",
            "believe anyone will ever find this film dull",
        ),
        ("I believe anyone will find this dull", ""),
        ("no doubt: I don't like it at all, not at all", "like it at all at all"),
        ("You won't be disappointed. 4.5/5", "be disappointed"),
        ("you won't be disappointed 4.5/5 good", "be disappointed"),
        ("not bad \U0001f60d loved it", "bad"),
        ("not bad :-) loved it", "bad"),
        ("from here but of", ""),
    ],
)
def test_phrases_negate_and_ratings_and_emoji_stand_for_themselves(text, reached):
    found = words(text)
    word_dict = {word: number for number, word in enumerate(sorted({*found, "unread"}), 2)}
    marked = NegationMarker(word_dict, len(word_dict) + 2, 5, PHRASES)(encode(word_dict, found))
    assert (
        " ".join(word for word, number in zip(found, marked.tolist(), strict=True) if number & NEGATED)
        == reached
    )


@pytest.mark.parametrize(
    "text", ["It is not only good but fun", "It isn't only good but fun", "It won't just bore"]
)
def test_a_contraction_asserts_what_its_words_assert(text):
    found = words(text)
    word_dict = {word: number for number, word in enumerate(sorted({*found, "unread"}), 2)}
    marked = NegationMarker(word_dict, len(word_dict) + 2, 5, CONTRACTED)(encode(word_dict, found))
    assert not (marked & NEGATED).any()


def test_earlier_tokenizers_keep_their_rules():
    assert all(tokenizer("words", version).negation is PHRASES for version in (3, 4))
    for version in (1, 2):
        rules = tokenizer("words", version).negation
        assert not rules.phrases and not rules.attitudes and "9/10" not in rules.ends


@given(
    st.lists(st.sampled_from([*range(1, SIZE), SIZE + 5, NEGATED, NEGATED + 3]), max_size=40),
    st.integers(0, 8),
)
def test_it_equals_its_definition(ids, scope):
    expected, left = [], 0
    for number in ids:
        word = WORD_OF.get(number, "")
        if word in ("not", "no", "never", "nothing", "don't", "didn't") or word in (".", "...", "!", "?"):
            left = scope if word[0].isalpha() else 0
            expected.append(number)
        else:
            known = number if number < NEGATED else INFREQUENT
            expected.append(known | NEGATED if left else known)
            left = max(left - 1, 0)
    before = np.array(ids, dtype=np.int32)
    marked = NegationMarker(WORD_DICT, SIZE, scope)(before)
    assert marked.dtype == np.int32 and marked.tolist() == expected
    assert before.tolist() == ids, "the ids given stay as they were"


def test_infrequent_negations_are_words_like_any_other():
    marker = NegationMarker({"good": 2, "not": 3, "isn't": 4}, 4, 5)
    assert marker(np.array([3, 2])).tolist() == [3, 2 | NEGATED]
    assert marker(np.array([4, 2])).tolist() == [4, 2]


@pytest.mark.parametrize("scope", [0, 5])
def test_a_negated_word_is_a_different_word_to_both_parts(scope):
    not_, bad, at = (WORD_DICT[word] for word in ("not", "bad", "at"))
    marked = NegationMarker(WORD_DICT, SIZE, scope)(np.array([not_, bad, at, 1000], dtype=np.int32))
    mark = NEGATED if scope else 0
    single, pairs, apart = ngram_keys(marked, ngram_patterns(2, 1))
    assert single.tolist() == [not_, bad | mark, at | mark, 1000 | mark]
    assert pairs.tolist()[:2] == [not_ << 18 | bad | mark, (bad | mark) << 18 | at | mark]
    assert apart.tolist()[0] == 1 << 54 | not_ << 18 | at | mark

    # The architecture's vocabulary of 12 words: `at` and `bad` are in it, `not` and the last word are not.
    architecture = tiny_recipe(vocab_size=12, negation_scope=scope).architecture()
    second = 12 if scope else 0
    assert architecture.embeddings == (24 if scope else 12)
    assert crop(marked, architecture).tolist() == [INFREQUENT, bad + second, at + second, INFREQUENT]
