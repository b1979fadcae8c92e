"""The Kaggle edition of the Large Movie Review Dataset: one CSV file, `review,sentiment`, 50,000 rows.

The file is shuffled and names no movies, so its split cannot keep movies apart: accuracies measured on it may
be about a point too high. A hash of a review's normalised text decides its split, so copies share a split,
the order of the file does not matter, and adding rows moves none.
"""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten

from sentiment.data.csv_fields import long_fields
from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, Row, split_by_hash, table
from sentiment.errors import DatasetError

LABELS = {"positive": POSITIVE, "negative": NEGATIVE, "pos": POSITIVE, "neg": NEGATIVE}
LABELS |= {"1": POSITIVE, "0": NEGATIVE}
COLUMNS = "review,sentiment"
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def load(path: str | Path) -> Reviews:
    """Read the CSV file; 80 % of the reviews are train, 10 % validation, 10 % test. Raises DatasetError."""
    return table(list(rows(path)))


def rows(path: str | Path) -> Iterator[Row]:
    """Iterate over the reviews of the CSV file without keeping them. Raises DatasetError."""
    file = Path(path)
    line = 0
    encoding = _encoding(file)
    try:
        with file.open(encoding=encoding, newline="") as stream, long_fields():
            reader = csv.reader(stream, strict=True)
            width, review, label = _columns(file, next(reader, []))
            for fields in reader:
                if fields:
                    line = reader.line_num
                    yield (*_row(f"{file}, line {line}", fields, width, review, label), f"line_{line}")
    except csv.Error as error:
        raise DatasetError(f"{file}, line {reader.line_num}: not valid CSV ({error})") from None
    except UnicodeDecodeError:
        raise _not_text(file, encoding) from None
    except OSError as error:
        raise _unreadable(file, error) from None
    if not line:
        raise DatasetError(f"{file}: holds no reviews")


def _encoding(file: Path) -> str:
    """The file's encoding: UTF-8, or UTF-16 if it begins with that mark. Nothing else is guessed."""
    try:
        with file.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise _unreadable(file, error) from None
    if start == b"PK\x03\x04":
        raise DatasetError(
            f"{file}: is a ZIP archive or an Excel workbook, not CSV; unpack it, or save it as CSV UTF-8"
        )
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in start:
        raise DatasetError(f"{file}: looks like UTF-16 without a byte-order mark; save it as UTF-8")
    return "utf-8-sig"


def _unreadable(file: Path, error: OSError) -> DatasetError:
    if isinstance(error, IsADirectoryError):
        return DatasetError(f"{file}: is a folder; name the CSV file in it")
    return DatasetError(f"{file}: cannot be read ({error.strerror})")


def _not_text(file: Path, encoding: str) -> DatasetError:
    """The error that says where a file is not in its encoding."""
    if encoding == "utf-16":
        return DatasetError(f"{file}: not UTF-16 to its end; save it as UTF-8")
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return DatasetError(
                    f"{file}, line {number}, byte {error.start + 1}: 0x{line[error.start]:02x} is not UTF-8; "
                    "save it as UTF-8 (if it is Western European: "
                    "iconv -f WINDOWS-1252 -t UTF-8 OLD.csv > NEW.csv)"
                )
    return DatasetError(f"{file}: has changed while it was read")


def _columns(file: Path, header: list[str]) -> tuple[int, int, int]:
    """The number of columns, and the positions of the review and of its sentiment among them."""
    names = [name.strip().lower() for name in header]
    if "review" in names and "sentiment" in names:
        return len(names), names.index("review"), names.index("sentiment")
    found = shorten(",".join(header), 60, placeholder="...") or "nothing"
    hint = ""
    for delimiter, plural in OTHER_DELIMITERS.items():
        if len(names) == 1 and delimiter in names[0]:
            hint = f"; its columns are separated by {plural}: save it with commas"
    if not hint and any(name in LABELS for name in names):
        hint = f"; the first line must be the columns' names, and is a review: put {COLUMNS} above it"
    raise DatasetError(f"{file}, line 1: expected the columns {COLUMNS}, found {found}{hint}")


def _row(where: str, fields: list[str], width: int, review: int, label: int) -> tuple[str, int, str]:
    if len(fields) != width:
        raise DatasetError(f"{where}: {len(fields)} fields where {width} were expected; is a quote missing?")
    if not fields[review].strip():
        raise DatasetError(f"{where}: the review is empty")
    sentiment = fields[label].strip().lower()
    if sentiment not in LABELS:
        found = shorten(fields[label], 60, placeholder="...")
        swapped = fields[review].strip().lower() in LABELS
        raise DatasetError(
            f"{where}: the sentiment is {found!r}, not positive or negative (or pos or neg, or 1 or 0)"
            + ("; are the names of the columns swapped?" if swapped else "")
        )
    return fields[review], LABELS[sentiment], split_by_hash(fields[review])
