"""The Kaggle edition of the Large Movie Review Dataset: one CSV file, `review,sentiment`, 50,000 rows.

The file is shuffled and names no movie, so its split cannot keep movies apart: read accuracies on it with a
point of caution. Each review's split follows from a hash of its normalised text, so copies share it, the
order of the file does not matter, and adding rows moves none.
"""

import csv
import hashlib
from pathlib import Path

from sentiment.dataset import NEGATIVE, POSITIVE, Reviews, normalised, table
from sentiment.errors import DatasetError

LABELS = {"positive": POSITIVE, "negative": NEGATIVE, "1": POSITIVE, "0": NEGATIVE}
LARGEST_REVIEW = 1 << 24


def load(path: str | Path) -> Reviews:
    """Read the CSV file; 80 % of the reviews are train, 10 % validation, 10 % test. Raises DatasetError."""
    file = Path(path)
    rows = []
    previous_limit = csv.field_size_limit(LARGEST_REVIEW)
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            try:
                columns = [name.strip().lower() for name in next(reader, [])]
                if "review" not in columns or "sentiment" not in columns:
                    raise DatasetError(
                        f"{file}, line 1: expected the columns review,sentiment, "
                        f"found {','.join(columns) or 'nothing'}"
                    )
                review_column, label_column = columns.index("review"), columns.index("sentiment")
                for fields in reader:
                    if fields:
                        rows.append(
                            _row(file, reader.line_num, fields, len(columns), review_column, label_column)
                        )
            except csv.Error as error:
                raise DatasetError(f"{file}, line {reader.line_num}: not valid CSV ({error})") from None
            except UnicodeDecodeError as error:
                raise DatasetError(
                    f"{file}, after line {reader.line_num}: not UTF-8 ({error.reason}); save it as UTF-8"
                ) from None
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror})") from None
    finally:
        csv.field_size_limit(previous_limit)
    if not rows:
        raise DatasetError(f"{file}: holds no reviews")
    return table(rows)


def _row(
    file: Path, line: int, fields: list[str], width: int, review: int, label: int
) -> tuple[str, int, str, str]:
    if len(fields) != width:
        raise DatasetError(
            f"{file}, line {line}: {len(fields)} fields where {width} were expected; is a quote missing?"
        )
    if not fields[review].strip():
        raise DatasetError(f"{file}, line {line}: the review is empty")
    sentiment = fields[label].strip().lower()
    if sentiment not in LABELS:
        raise DatasetError(
            f"{file}, line {line}: the sentiment is {fields[label]!r}, not positive or negative"
        )
    return fields[review], LABELS[sentiment], _split_of(fields[review]), f"line_{line}"


def _split_of(text: str) -> str:
    tenth = (
        int.from_bytes(hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).digest()[:4]) % 10
    )
    return {0: "test", 1: "validation"}.get(tenth, "train")
