"""Map words to ids: the predecessor's `build_dict` and `convert_and_pad`, and `encode` without padding.

Id 0 means no word, id 1 an infrequent word, and id 2 the most frequent word.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat

import numpy as np

NO_WORD = 0
INFREQUENT = 1
FIRST_WORD = 2


def build_dict(data: Iterable[Sequence[str]], vocab_size: int | None = 5000) -> dict[str, int]:
    """Map the most frequent words of tokenized reviews to ids; `vocab_size` includes ids 0 and 1, None is no
    limit.

    More frequent words get smaller ids; equally frequent ones are in the order of their first occurrence.
    """
    counts: Counter[str] = Counter()
    for words in data:
        counts.update(words)
    kept = counts.most_common(None if vocab_size is None else max(vocab_size - FIRST_WORD, 0))
    return {word: number for number, (word, _) in enumerate(kept, start=FIRST_WORD)}


def convert_and_pad(
    word_dict: Mapping[str, int], sentence: Sequence[str], pad: int = 500
) -> tuple[list[int], int]:
    """The ids of the first `pad` words, padded with 0 to length `pad`, and the number of words among them."""
    ids = [word_dict.get(word, INFREQUENT) for word in sentence[:pad]]
    return ids + [NO_WORD] * (pad - len(ids)), len(ids)


def convert_and_pad_data(
    word_dict: Mapping[str, int], data: Sequence[Sequence[str]], pad: int = 500
) -> tuple[np.ndarray, np.ndarray]:
    """`convert_and_pad` over many reviews: ids (N, pad) and lengths (N,), both int64."""
    ids = np.zeros((len(data), pad), dtype=np.int64)
    lengths = np.zeros(len(data), dtype=np.int64)
    for row, sentence in enumerate(data):
        ids[row], lengths[row] = convert_and_pad(word_dict, sentence, pad)
    return ids, lengths


def encode(word_dict: Mapping[str, int], words: Sequence[str]) -> np.ndarray:
    """The ids (N,), int32, of all N words of one review."""
    return np.fromiter(map(word_dict.get, words, repeat(INFREQUENT)), dtype=np.int32, count=len(words))


def limit(ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """Reduce ids to a smaller vocabulary: `vocab_size` and above become infrequent."""
    return np.where(ids < vocab_size, ids, INFREQUENT)
