"""Texts without an opinion get no verdict, but a reason."""

import time

import numpy as np
import pytest

from sentiment.model.ngrams import Ngrams, ngram_patterns
from sentiment.serving.evidence import Evidence
from sentiment.serving.language import FOREIGN_WORDS, SHARED_WORDS
from sentiment.text.tokenizers import tokenizer

WORDS = ("the", "was", "it", "on", "film", "wonderful", "dull", "a", "i", "watched", "tuesday")
KNOWN = {word: number for number, word in enumerate(WORDS, start=2)} | {"tepid": 9000, "tiresome": 9001}
NGRAMS = Ngrams(
    ngram_patterns(1, 0),
    0.0,
    np.array([KNOWN["wonderful"], KNOWN["dull"]], dtype=np.int64),
    np.array([6.0, -7.0], dtype=np.float32),
)


def reason(
    text: str, probability: float, band=(0.3, 0.7), ngrams=NGRAMS, reads_all_words=True, opinion=None
) -> str | None:
    words = tokenizer("words")(text)
    ids = np.array([KNOWN.get(word, 1) for word in words], dtype=np.int32)
    return Evidence(KNOWN, ngrams, opinion, band, reads_all_words).reason(text, words, ids, probability)


@pytest.mark.parametrize(
    ("text", "probability", "expected"),
    [
        ("the film was wonderful", 0.9, None),
        ("the film was wonderful", 0.6, None),  # of a short text the band is narrower
        ("the film was dull", 0.52, "mixed"),
        ("i watched it on tuesday", 0.6, "no_evidence"),
        ("i watched it on tuesday", 0.9999, None),  # the LSTM may know better
        ("was it wonderful ?", 0.6, "no_evidence"),
        ("it was wonderful . was it ?", 0.8, None),
        ("it", 0.5, "no_evidence"),
        ("", 0.5, "no_evidence"),
        ("das war ein wunderbarer film", 0.9, "not_english"),
        ("der film ist dull", 0.1, "not_english"),  # though half of its words are known
        ("un film film", 0.9, "not_english"),
        ("la la land was wonderful", 0.9, None),
        ("ein film", 0.6, "not_english"),
        ("ein zauberhafter abend", 0.6, "not_english"),  # no other word is known
        ("no la recomiendo", 0.6, "not_english"),  # "no" is of many languages
        ("très décevant", 0.6, "not_english"),  # the tokenizer leaves out accents
        ("igazi remekmű", 0.6, "not_english"),  # an unknown word with an accent is one of other languages
        ("amélie was wonderful", 0.9, None),
        ("das boot film was wonderful", 0.9, None),
        ("donâ€™t didnâ€™t wonderful", 0.9, None),  # in the wrong charset
        ("zauberhafter abend", 0.6, "no_evidence"),  # unknown, but maybe names
        ("film was goed en heel mooi", 0.9, "not_english"),
        ("gut wonderful com wonderful", 0.9, None),  # as in "gut-wrenching rom-com"
        ("tepid dull wonderful tiresome", 0.9, None),  # no function words, but known ones
        ("Прекрасный фильм", 0.5, "not_english"),
        ("素晴らしい映画", 0.5, "not_english"),
        ("ᴛʜᴇ ꜰɪʟᴍ", 0.9, "no_evidence"),  # Latin letters all the same
        ("\u0440\u0435\u0430\u0441\u0435 \u0441\u043e\u0440", 0.9, "no_evidence"),  # look alike
        ("فيـــلم جميـــل", 0.5, "not_english"),
        ("the café was wonderful", 0.9, None),
        ("the film was a " * 12 + "film", 0.6, "mixed"),
        ("the film was a " * 12 + "film", 0.8, None),
    ],
)
def test_a_text_without_an_opinion_gets_a_reason(text, probability, expected):
    assert reason(text, probability) == expected


@pytest.mark.parametrize("words", [FOREIGN_WORDS, SHARED_WORDS])
def test_words_of_other_languages_have_the_form_that_the_tokenizer_gives_them(words):
    assert {word for word in words if tokenizer("words")(word) != [word]} == set()


def test_words_of_other_texts_take_more_evidence():
    weights = np.zeros(30, dtype=np.float32)
    weights[[KNOWN["tuesday"], KNOWN["film"]]] = -6, 6
    for text, expected in [("a wonderful tuesday", "no_evidence"), ("a wonderful film", None)]:
        assert reason(text, 0.8) is None
        assert reason(text, 0.8, opinion=weights) == expected
        assert reason(text, 0.8, opinion=np.zeros(30, dtype=np.float32)) is None  # learned from no such texts
        assert reason(text, 0.9999999, opinion=weights) is None


def test_without_n_grams_the_band_alone_decides():
    assert reason("i watched it on tuesday", 0.75, ngrams=None) is None
    assert reason("i watched it on tuesday", 0.6, ngrams=None) == "mixed"
    assert reason("i watched it on tuesday", 0.6, band=None, ngrams=None) is None


def test_a_tokenizer_without_function_words_cannot_tell_the_language():
    assert reason("ein ganz wunderbarer abend", 0.9, ngrams=None, reads_all_words=False) is None


def test_time_grows_no_faster_than_length():
    """Python sorts accents that follow one letter in the square of their number."""

    def seconds(length: int, times: int) -> float:
        """Of the processor's, the least of some runs: what else the machine does hardly shows."""
        text, runs = "\u0301\u0323" * (length // 2), []
        for _ in range(3):
            started = time.process_time()
            for _ in range(times):
                assert reason(text, 0.5) == "no_evidence"
            runs.append(time.process_time() - started)
        return min(runs)

    assert seconds(20_000, 1) < 4 * seconds(2_500, 8)
