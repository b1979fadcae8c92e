"""Sentences of the reviews, with labels that a larger model gave them.

The label of a review says little about its single sentences. A language model that has read far more English
judges these better, but is too large to answer on a page. So it teaches the project's models, as in Tang et
al. (2019, "Distilling task-specific knowledge from BERT into simple neural networks"): taught.npz has its
logits of sentences. The reviews may not be published here, so the file names each sentence by a hash, and
`load` finds the sentences in the reviews at hand. Reviews that the teacher has not read have none.

`python -m teacher` wrote the file.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from sentiment.data.channels import MAX_REASON, TAUGHT
from sentiment.data.reviews import Reviews, Row, normalised, table
from sentiment.errors import DatasetError

WORDS = range(4, 40)
"""How many words a sentence may have. Longer texts count as reviews (serving/evidence.py)."""
CERTAIN = (0.85, 2.2)
"""The kinds of TAUGHT meet where a logit is this far from 0: at probabilities of 0.7 and 0.9."""
_STEP = 1 / 16
"""The unit of the logits in the file, which are whole numbers of 8 bits."""
_FILE = Path(__file__).with_suffix(".npz")
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|(?:<br\s*/?>\s*)+|\n+")


def load(reviews: Iterable[Row]) -> dict[int, Reviews]:
    """The sentences of the train split's reviews that the teacher labelled, each once, by their kinds.

    Raises DatasetError if the file of labels is damaged.
    """
    logit = _logits()
    found: dict[int, tuple[int, Row]] = {}
    for text, _, split, name in reviews:
        for number, sentence in enumerate(sentences(text) if split == "train" else ()):
            key = key_of(sentence)
            if key in logit and key not in found:
                kind = TAUGHT[int(np.searchsorted(CERTAIN, abs(logit[key]), side="right"))]
                found[key] = kind, (sentence, int(logit[key] > 0), "train", f"{name}_{number}")
    by_kind = {kind: [row for its_kind, row in found.values() if its_kind == kind] for kind in TAUGHT}
    return {kind: table(rows) for kind, rows in by_kind.items() if rows}


def _logits() -> dict[int, float]:
    """The teacher's logits, by the keys of their sentences. Raises DatasetError."""
    try:
        with np.load(_FILE) as stored:
            return dict(zip(stored["keys"].tolist(), (stored["logits"] * _STEP).tolist(), strict=True))
    except Exception as error:  # zipfile and numpy raise some ten kinds for files that lie
        why = str(error)[:MAX_REASON] or type(error).__name__
        raise DatasetError(f"{_FILE}: not readable ({why}); install the project again") from None


def write(texts: Sequence[str], logits: np.ndarray) -> None:
    """Store the teacher's logits (N,) of sentences."""
    keys = np.array([key_of(text) for text in texts])
    order = np.argsort(keys)
    steps = np.clip(np.round(logits / _STEP), -127, 127).astype(np.int8)
    np.savez_compressed(_FILE, keys=keys[order], logits=steps[order])


def sentences(review: str) -> list[str]:
    """The sentences of a review that have a number of words in WORDS, in order."""
    pieces = (piece.strip() for piece in _END.split(review))
    return [piece for piece in pieces if len(piece.split()) in WORDS]


def key_of(sentence: str) -> int:
    """The number, of 63 bits, by which a sentence is found."""
    digest = hashlib.sha256(normalised(sentence).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) >> 1
