"""Give the end of a review more weight, because reviewers tend to put their verdict there.

Both parts of a model use these weights: the LSTM in the mean over its states, the n-grams as the values of
their features. Needs numpy only.
"""

import numpy as np

ENDING_WORDS = 40.0
"""This many words before the end, the extra weight has fallen to 1/e."""


def emphasis(to_come: np.ndarray, ending: float) -> np.ndarray:
    """The weights (float64) of positions that have `to_come` words after them, in any shape.

    A weight is 1 far from the end of the review and 1 + `ending` at its last word.
    """
    return 1 + ending * np.exp(to_come / -ENDING_WORDS)
