"""What a negation reaches: in "not good" and "never gets dull", "good" and "dull" are other words than usual.

Pang, Lee and Vaithyanathan (EMNLP 2002, after Das and Chen) marked all words from a negation to the next
punctuation mark. Here it reaches a number of words, at most to the end of its sentence. Needs numpy only.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

NEGATIONS = frozenset(
    [
        *(
            "no",
            "not",
            "never",
            "none",
            "nothing",
            "nobody",
            "nowhere",
            "neither",
            "nor",
            "cannot",
            "without",
        ),
        *("barely", "hardly", "scarcely"),
        *("cant", "couldnt", "didnt", "doesnt", "dont", "isnt", "wasnt", "wont", "wouldnt"),
    ]
)
"""Besides the words that end in "n't", some of which are often typed as the last row has them."""
NEGATION, SENTENCE_END = 1, 2
NO_ROLES = np.zeros(1, dtype=np.uint8)


def word_roles(word_dict: Mapping[str, int], vocab_size: int) -> np.ndarray:
    """The role (uint8) of each word id below `vocab_size`: NEGATION, SENTENCE_END or 0. One more 0 follows,
    which stands for all other ids."""
    roles = np.zeros(vocab_size + 1, dtype=np.uint8)
    for word, number in word_dict.items():
        if number < vocab_size:
            if word in NEGATIONS or word.endswith("n't"):
                roles[number] = NEGATION
            elif word in ("!", "?") or word.startswith("."):
                roles[number] = SENTENCE_END
    return roles


def negated_runs(ids: np.ndarray, roles: np.ndarray, scope: int) -> list[tuple[int, int]]:
    """The runs of words `ids[start:end]` that come up to `scope` words after a negation in its sentence."""
    role = roles.take(ids, mode="clip")
    places = [*np.flatnonzero(role).tolist(), len(ids)]
    runs = [
        (place + 1, min(place + 1 + scope, following))
        for place, following in pairwise(places)
        if role[place] == NEGATION
    ]
    return [(start, end) for start, end in runs if start < end]
