"""Words to numbers: in the order in which they are first seen, and then by their frequency in training."""

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sentiment.text.repeats import fold, is_drawn_out
from sentiment.text.vocabulary import FIRST_WORD, INFREQUENT


class Numbering:
    """Numbers words from 0 up as they are first seen; `words` are those seen so far, in that order.

    One numbering may serve several tables of texts.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    @property
    def words(self) -> list[str]:
        return list(self._seen)

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, to: "Numbered", words: Iterable[str]) -> None:
        """Append a text, given as its words."""
        seen = self._seen
        to.numbers.extend(seen.setdefault(word, len(seen)) for word in words)
        to.ends.append(len(to.numbers))


class Numbered:
    """Texts as numbers, end to end; `ends` says where each one ends, with a 0 before the first."""

    def __init__(self) -> None:
        self.numbers, self.ends = array("i"), array("q", [0])

    def __len__(self) -> int:
        return len(self.ends) - 1

    @property
    def tokens(self) -> np.ndarray:
        """The numbers (int32)."""
        return np.array(self.numbers, dtype=np.int32)

    @property
    def offsets(self) -> np.ndarray:
        """Where the texts begin and end (int64, one more than there are texts)."""
        return np.array(self.ends, dtype=np.int64)


def vocabulary(words: Sequence[str], counts: np.ndarray) -> dict[str, int]:
    """The ids of the words that occur, the most frequent first; of equally frequent ones the first seen."""
    by_frequency = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    return {words[number]: FIRST_WORD + rank for rank, number in enumerate(by_frequency.tolist())}


def ids_of(words: Sequence[str], word_dict: Mapping[str, int], folds_repeats: bool) -> np.ndarray:
    """The id (int32) of each word; with `folds_repeats` a drawn-out one has that of the word it means."""
    if folds_repeats:
        words = [fold(word, word_dict) if is_drawn_out(word) else word for word in words]
    return np.array([word_dict.get(word, INFREQUENT) for word in words], dtype=np.int32)
