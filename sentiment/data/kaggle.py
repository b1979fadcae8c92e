"""The Kaggle edition of the Large Movie Review Dataset: one CSV file, `review,sentiment`, 50,000 rows.

The file is shuffled and names no movies, so its split cannot keep movies apart: accuracies measured on it may
be about a point too high. A hash of a review's normalised text decides its split, so copies share a split,
the order of the file does not matter, and adding rows moves none.
"""

import codecs
import csv
import io
from pathlib import Path
from textwrap import shorten

from sentiment.data.csv_fields import long_fields
from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, split_by_hash, table
from sentiment.errors import DatasetError

LABELS = {"positive": POSITIVE, "negative": NEGATIVE, "pos": POSITIVE, "neg": NEGATIVE}
LABELS |= {"1": POSITIVE, "0": NEGATIVE}
COLUMNS = "review,sentiment"
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def load(path: str | Path) -> Reviews:
    """Read the CSV file; 80 % of the reviews are train, 10 % validation, 10 % test. Raises DatasetError."""
    file = Path(path)
    rows = []
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    try:
        with long_fields():
            width, review, label = _columns(file, next(reader, []))
            for fields in reader:
                if fields:
                    row = _row(f"{file}, line {reader.line_num}", fields, width, review, label)
                    rows.append((*row, f"line_{reader.line_num}"))
    except csv.Error as error:
        raise DatasetError(f"{file}, line {reader.line_num}: not valid CSV ({error})") from None
    if not rows:
        raise DatasetError(f"{file}: holds no reviews")
    return table(rows)


def _text(file: Path) -> str:
    """The file's text: UTF-8, or UTF-16 if it begins with that byte-order mark. Nothing else is guessed."""
    try:
        content = file.read_bytes()
    except IsADirectoryError:
        raise DatasetError(f"{file}: is a folder; name the CSV file in it") from None
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror})") from None
    if content.startswith(b"PK\x03\x04"):
        raise DatasetError(
            f"{file}: is a ZIP archive or an Excel workbook, not CSV; unpack it, or save it as CSV UTF-8"
        )
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not marked and b"\0" in content[:4]:
        raise DatasetError(f"{file}: looks like UTF-16 without a byte-order mark; save it as UTF-8")
    try:
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec utf-8-sig does not count the byte-order mark.
        start = error.start + (len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0)
        line_start = content.rfind(b"\n", 0, start) + 1
        line = content.count(b"\n", 0, start) + 1
        raise DatasetError(
            f"{file}, line {line}, byte {start - line_start + 1}: 0x{content[start]:02x} is not "
            f"{'UTF-16' if marked else 'UTF-8'}; save it as UTF-8 "
            "(if it is Western European: iconv -f WINDOWS-1252 -t UTF-8 OLD.csv > NEW.csv)"
        ) from None


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
