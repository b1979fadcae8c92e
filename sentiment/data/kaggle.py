"""The Kaggle edition of the Large Movie Review Dataset: one CSV file, `review,sentiment`, 50,000 rows.

The file is shuffled and names no movies, so its split cannot keep movies apart: accuracies measured on it may
be about a point too high. A hash of a review's normalised text decides its split, so copies share a split,
the order of the file does not matter, and adding rows moves none.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import BinaryIO

from sentiment.data.csv_fields import MAX_FIELD_CHARACTERS, long_fields
from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, Row, split_by_hash, table
from sentiment.errors import DatasetError

LABELS = {"positive": POSITIVE, "negative": NEGATIVE, "pos": POSITIVE, "neg": NEGATIVE}
LABELS |= {"1": POSITIVE, "0": NEGATIVE}
COLUMNS = "review,sentiment"
OTHER_FILES = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"PAR1": "a Parquet file",
    b"SQLite f": "an SQLite database",
    b"version ": "a pointer of Git LFS (run `git lfs pull` where it comes from)",
    **dict.fromkeys((b"[{", b"[\n", b"[\r\n", b'{"', b"{\n", b"{\r\n"), "JSON"),
    **dict.fromkeys(
        (b"<!DOCTYP", b"<!doctyp", b"<html"), "a web page (perhaps the one that asks you to log in)"
    ),
}
"""What people take for a CSV file, by its first bytes."""
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def load(path: str | Path) -> Reviews:
    """Read the CSV file; 80 % of the reviews are train, 10 % validation, 10 % test. Raises DatasetError."""
    return table(list(rows(path)))


def rows(path: str | Path) -> Iterator[Row]:
    """Iterate over the reviews of the CSV file without keeping them. Raises DatasetError."""
    file = Path(path)
    # The line that the last row ends on.
    line = 0
    empty = True
    try:
        with file.open("rb") as stream, long_fields():
            reader = csv.reader(_lines(file, stream), strict=True)
            width, review, label = _columns(file, next(reader, []))
            line = reader.line_num
            for fields in reader:
                line = reader.line_num
                if fields:
                    empty = False
                    yield (*_row(f"{file}, line {line}", fields, width, review, label), f"line_{line}")
    except csv.Error as error:
        # A quote that is never closed takes all that follows into its row.
        raise DatasetError(f"{file}, line {line + 1}: not valid CSV ({error}); is a quote missing?") from None
    except IsADirectoryError:
        raise DatasetError(f"{file}: is a folder; name the CSV file in it") from None
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror})") from None
    if empty:
        raise DatasetError(f"{file}: holds no reviews")


def _lines(file: Path, stream: BinaryIO) -> Iterator[str]:
    """The file's lines: UTF-8, or UTF-16 if it begins with that byte-order mark. Nothing else is guessed.

    Raises DatasetError for anything else.
    """
    start = stream.read(8)
    for signature, name in OTHER_FILES.items():
        if start.startswith(signature):
            raise DatasetError(f"{file}: is {name}, not CSV; unpack it, or save it as CSV UTF-8")
    marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not marked and b"\0" in start[:4]:
        raise DatasetError(f"{file}: looks like UTF-16 without a byte-order mark; save it as UTF-8")
    stream.seek(0)
    text = io.TextIOWrapper(stream, "utf-16" if marked else "utf-8-sig", newline="")
    number = 0
    try:
        while line := text.readline(MAX_FIELD_CHARACTERS):
            number += 1
            if "\0" in line:
                raise DatasetError(f"{file}, line {number}: holds a NUL character; the file is damaged")
            if len(line) == MAX_FIELD_CHARACTERS:
                raise DatasetError(
                    f"{file}, line {number}: more than {MAX_FIELD_CHARACTERS:,} characters without a line end"
                )
            yield line
    except UnicodeDecodeError:
        raise _undecodable(file, stream, marked) from None


def _undecodable(file: Path, stream: BinaryIO, marked: bool) -> DatasetError:
    """Where the file stops being UTF-8, or UTF-16."""
    stream.seek(0)
    content = stream.read()
    try:
        content.decode("utf-16" if marked else "utf-8")
    except UnicodeDecodeError as error:
        line_start = content.rfind(b"\n", 0, error.start) + 1
        line = content.count(b"\n", 0, error.start) + 1
        return DatasetError(
            f"{file}, line {line}, byte {error.start - line_start + 1}: 0x{content[error.start]:02x} is not "
            f"{'UTF-16' if marked else 'UTF-8'}; save it as UTF-8 "
            "(if it is Western European: iconv -f WINDOWS-1252 -t UTF-8 OLD.csv > NEW.csv)"
        )
    return DatasetError(f"{file}: changed while it was being read; run the same command again")


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
    if names and names[0].startswith("sep="):
        hint = "; that line is for Excel alone: delete it"
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
