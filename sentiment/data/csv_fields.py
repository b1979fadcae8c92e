"""Read CSV files whose fields are whole reviews, which are longer than the csv module's default limit."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager

MAX_FIELD_CHARACTERS = 1 << 24


@contextmanager
def long_fields() -> Iterator[None]:
    """Let the csv module read fields of up to MAX_FIELD_CHARACTERS within the block.

    The limit applies to the whole process, so it is reset when the block ends.
    """
    previous = csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(previous)
