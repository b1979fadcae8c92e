"""What a negation reaches: in "not good" and "never gets dull", "good" and "dull" are other words than usual.

Pang, Lee and Vaithyanathan (EMNLP 2002, after Das and Chen) marked all words from a negation to the next
punctuation mark. Here it reaches a number of words, at most to the end of its sentence. Both parts of a model
read the marked words: the n-grams as words of their own, the LSTM with embeddings of their own for the most
frequent ones. Needs numpy only.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from sentiment.text.vocabulary import limit

NEGATED = 1 << 17
"""Set in the id of a word that a negation reaches; words with ids as large as that count as infrequent."""
NEGATIONS = (
    *("no", "not", "never", "none", "nothing", "nobody", "nowhere", "neither", "nor", "cannot", "without"),
    *("barely", "hardly", "scarcely"),
    *("ain't", "aren't", "can't", "couldn't", "didn't", "doesn't", "don't", "hadn't", "hasn't", "haven't"),
    *("isn't", "mustn't", "needn't", "shouldn't", "wasn't", "weren't", "won't", "wouldn't"),
    *("cant", "couldnt", "didnt", "doesnt", "dont", "isnt", "wasnt", "wont", "wouldnt"),  # words 1 has these
)
SENTENCE_ENDS = ("!", "?", *("." * dots for dots in range(1, 9)))
_NEGATION, _SENTENCE_END = 1, 2


class NegationMarker:
    """Reviews as ids of this vocabulary to the same with NEGATED set in the words that a negation reaches.

    It reaches `scope` words, 0 for none. Negations and marks are looked for among the `vocab_size` most
    frequent words.
    """

    def __init__(self, word_dict: Mapping[str, int], vocab_size: int, scope: int):
        self.scope = scope
        self._roles = np.zeros(vocab_size + 1, dtype=np.uint8)  # the last one stands for all other words
        for words, role in ((NEGATIONS, _NEGATION), (SENTENCE_ENDS, _SENTENCE_END)):
            numbers = [word_dict.get(word, vocab_size) for word in words]
            self._roles[[number for number in numbers if number < vocab_size]] = role

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """The marked ids (int32) of one review."""
        marked = limit(ids, NEGATED).astype(np.int32, copy=False)
        for start, end in self._runs(marked) if self.scope else ():
            marked[start:end] |= NEGATED
        return marked

    def _runs(self, ids: np.ndarray) -> list[tuple[int, int]]:
        """The runs of words `ids[start:end]` that negations reach."""
        role = self._roles.take(ids, mode="clip")
        return [
            (place + 1, min(place + 1 + self.scope, following))
            for place, following in pairwise([*np.flatnonzero(role).tolist(), len(ids)])
            if role[place] == _NEGATION
        ]
