"""Mark the words in the scope of a negation: "good" in "not good", "gets" and "dull" in "never gets dull".

Pang, Lee and Vaithyanathan (EMNLP 2002, after Das and Chen) marked all words from a negation to the next
punctuation mark. Here the scope is a fixed number of words, at most to the end of the sentence. Marked words
are different words to both parts of a model: to the n-grams, and to the LSTM, which has second embeddings for
the most frequent ones. Needs numpy only.

The rules, which say what negates and what ends the scope, belong to a version of a tokenizer (tokenizers.py).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sentiment.text.contractions import NEGATED_VERBS
from sentiment.text.emoji import EMOJI_WORDS
from sentiment.text.vocabulary import limit

NEGATED = 1 << 17
"""This bit marks the id of a negated word. Words with ids of this size or above count as infrequent."""
NEGATIONS = (
    *("no", "not", "never", "none", "nothing", "nobody", "nowhere", "neither", "nor", "cannot", "without"),
    *("barely", "hardly", "scarcely"),
    *("ain't", "aren't", "can't", "couldn't", "didn't", "doesn't", "don't", "hadn't", "hasn't", "haven't"),
    *("isn't", "mustn't", "needn't", "shouldn't", "wasn't", "weren't", "won't", "wouldn't"),
    *("cant", "couldnt", "didnt", "doesnt", "dont", "isnt", "wasnt", "wont", "wouldnt"),  # words 1 has these
)
SENTENCE_ENDS = ("!", "?", *("." * dots for dots in range(1, 9)))
Pair = tuple[str, str]


class NegationRules(NamedTuple):
    """The rules for what negates, and how far.

    `negations` are single words and `phrases` pairs of words that negate what follows; `assertions` are pairs
    that begin with a negation but negate nothing. `ends` are the words that end a sentence. A word of
    `attitudes` within a scope extends it: "think" does in "I don't think that it is dull".
    """

    negations: tuple[str, ...] = NEGATIONS
    ends: tuple[str, ...] = SENTENCE_ENDS
    phrases: tuple[Pair, ...] = ()
    assertions: tuple[Pair, ...] = ()
    attitudes: tuple[str, ...] = ()


SINGLE_WORDS = NegationRules()
"""The rules of versions 1 and 2 of the tokenizer `words`: negations are single words."""
PHRASES = NegationRules(
    negations=(*NEGATIONS, "lack", "lacks", "lacked", "lacking", "rarely", "seldom", "mightn't"),
    ends=(*SENTENCE_ENDS, *(f"{points}/10" for points in range(11)), *sorted(set(EMOJI_WORDS.values()))),
    phrases=(("far", "from"), ("anything", "but"), ("opposite", "of"), ("devoid", "of")),
    assertions=(
        *(("not", word) for word in ("only", "just", "merely", "simply")),
        *(("no", word) for word in ("doubt", "wonder", "question")),
        *(("nothing", word) for word in ("but", "less", "short")),
        *((word, "help") for word in ("can't", "cannot", "couldn't")),
        ("never", "less"),
    ),
    attitudes=(
        *("think", "thought", "believe", "say", "claim", "call", "called", "find", "found", "feel", "felt"),
        *("seem", "seemed", "consider", "imagine", "know", "tell", "told", "mean", "describe", "expect"),
        *(
            "hope",
            "guess",
            "suppose",
            "argue",
            "suggest",
            "pretend",
            "agree",
            "convinced",
            "regard",
            "remember",
        ),
        *(
            "hear",
            "saying",
            "said",
            "calling",
            "finding",
            "thinking",
            "sure",
            "true",
            "strike",
            "struck",
            "look",
        ),
    ),
)
"""The rules of versions 3 and 4 of the tokenizer `words`. Ratings and emoji end a scope: they are never
negated."""
CONTRACTED = PHRASES._replace(
    assertions=(
        *PHRASES.assertions,
        *((verb, word) for verb in NEGATED_VERBS for word in ("only", "just", "merely", "simply")),
    )
)
"""The rules of versions 5 and 6, to which "is not only" is "isn't only"."""
_NEGATION, _PHRASE, _END, _ATTITUDE = 1, 2, 3, 4


class NegationMarker:
    """Sets NEGATED in the ids of a review's words that are in the scope of a negation.

    The scope is `scope` words, 0 for none. Only the `vocab_size` most frequent words are recognised as
    negations and ends of sentences.
    """

    def __init__(
        self, word_dict: Mapping[str, int], vocab_size: int, scope: int, rules: NegationRules = SINGLE_WORDS
    ):
        self.scope = scope
        self._roles = np.zeros(vocab_size + 1, dtype=np.uint8)  # the last entry is for all other words
        for words, role in (
            (rules.attitudes, _ATTITUDE),
            ([second for _, second in rules.phrases], _PHRASE),
            (rules.negations, _NEGATION),
            (rules.ends, _END),
        ):
            numbers = [word_dict.get(word, vocab_size) for word in words]
            self._roles[[number for number in numbers if number < vocab_size]] = role
        self._phrases, self._assertions = (
            {
                (word_dict[first], word_dict[second])
                for first, second in pairs
                if {first, second} <= word_dict.keys()
            }
            for pairs in (rules.phrases, rules.assertions)
        )

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Mark the ids (N,) of one review; returns int32 (N,)."""
        marked = limit(ids, NEGATED).astype(np.int32, copy=False)
        for start, end in self._runs(marked) if self.scope else ():
            marked[start:end] |= NEGATED
        return marked

    def _runs(self, ids: np.ndarray) -> list[tuple[int, int]]:
        """The ranges `ids[start:end]` of negated words."""
        role = self._roles.take(ids, mode="clip")
        places = np.flatnonzero(role)
        runs, start, end = [], 0, 0
        for place, kind in zip(places.tolist(), role[places].tolist(), strict=True):
            if kind == _ATTITUDE:
                end = place + 1 + self.scope if place < end else end
                continue
            if kind == _PHRASE and (not place or (ids[place - 1], ids[place]) not in self._phrases):
                continue
            if kind == _NEGATION and tuple(ids[place : place + 2].tolist()) in self._assertions:
                continue
            if start < end:
                runs.append((start, min(end, place)))
            start = place + 1
            end = start if kind == _END else start + self.scope
        return [*runs, (start, min(end, len(ids)))]
