"""Number words: first in the order in which they are seen, then by their frequency in training."""

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sentiment.text.repeats import fold, is_drawn_out
from sentiment.text.vocabulary import FIRST_WORD, INFREQUENT


class Numbering:
    """Numbers words from 0 up as they are first seen. Several tables of texts may share a numbering."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    @property
    def words(self) -> list[str]:
        """The words seen so far: the one at position n has the number n."""
        return list(self._seen)

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, to: "Numbered", words: Iterable[str]) -> None:
        """Append a text, given as a sequence of words, to `to`."""
        seen = self._seen
        to.numbers.extend(seen.setdefault(word, len(seen)) for word in words)
        to.ends.append(len(to.numbers))


class Numbered:
    """Concatenated texts as word numbers; `ends` holds a 0 and then the end of each text."""

    def __init__(self) -> None:
        self.numbers, self.ends = array("i"), array("q", [0])

    def __len__(self) -> int:
        return len(self.ends) - 1

    @property
    def tokens(self) -> np.ndarray:
        """The word numbers of all texts (int32)."""
        return np.array(self.numbers, dtype=np.int32)

    @property
    def offsets(self) -> np.ndarray:
        """Where each of the N texts begins, and the end of the last: (N + 1,), int64."""
        return np.array(self.ends, dtype=np.int64)


def vocabulary(words: Sequence[str], counts: np.ndarray) -> dict[str, int]:
    """Map words to ids, the most frequent one first; equally frequent ones keep the order of `words`.

    `counts` (N,) says how often each word occurs. Words with a count of 0 are left out.
    """
    by_frequency = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    return {words[number]: FIRST_WORD + rank for rank, number in enumerate(by_frequency.tolist())}


def ids_of(words: Sequence[str], word_dict: Mapping[str, int], folds_repeats: bool) -> np.ndarray:
    """The ids (int32) of words; with `folds_repeats`, "sooo" gets the id of "so" (text/repeats.py)."""
    if folds_repeats:
        words = [fold(word, word_dict) if is_drawn_out(word) else word for word in words]
    return np.array([word_dict.get(word, INFREQUENT) for word in words], dtype=np.int32)
