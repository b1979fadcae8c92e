"""How much the words of a short text say that it is an opinion on a film: "plot" does less than "boring".

A logistic regression on the words that occur in a text, whatever their polarity. Pang and Lee (ACL 2004)
separate sentences with an opinion from those without like this before they judge them. serving/evidence.py
uses it for texts that get no verdict. Needs numpy only.
"""

import numpy as np

from sentiment.text.negation import NEGATED
from sentiment.text.vocabulary import NO_WORD, limit


def features(ids: np.ndarray, vocab_size: int) -> tuple[np.ndarray, np.ndarray]:
    """The features of a text (N marked word ids): their numbers (F,), ascending, and their values (F,).

    There is a feature for each of the `vocab_size` words, whether or not it is negated; together, those of a
    text have length 1. The first, NO_WORD, is the intercept.
    """
    found = limit(ids & (NEGATED - 1), vocab_size)
    # Not by np.unique, which imports numpy.ma, and so takes most of the time of a server's first answer.
    words = np.array(sorted(set(found.tolist())), dtype=found.dtype)
    values = np.full(len(words) + 1, 1 / np.sqrt(max(len(words), 1)))
    values[0] = 1
    return np.concatenate([[NO_WORD], words]), values


def opinion_logit(weights: np.ndarray, ids: np.ndarray) -> float:
    """The logit of a text's being an opinion, from the weights (vocab_size,) of the features."""
    numbers, values = features(ids, len(weights))
    return float(weights[numbers] @ values)
