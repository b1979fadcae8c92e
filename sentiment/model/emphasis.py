"""What stands near the end of a review counts for more: there a reviewer gives the verdict.

Both parts of a model weigh places by it, the LSTM when it takes the mean over its states, the n-grams when
they count. Needs numpy only.
"""

import numpy as np

ENDING_WORDS = 40.0
"""So many words before the end, what a place gains by standing near it has fallen to 1/e."""


def emphasis(to_come: np.ndarray, ending: float) -> np.ndarray:
    """The weight (float64) of places with so many words to come: 1 far from the end, 1 + `ending` at it."""
    return 1 + ending * np.exp(to_come / -ENDING_WORDS)
