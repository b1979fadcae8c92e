"""Splits the files of batch transform into records and requests, and assembles the answers."""

import contextlib
import csv
import io
import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from localcloud.protocol import InvalidRequest
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.paths import JSONPath
from localcloud.untrusted import parse_json

WHOLE = "$"
CSV_TYPES = ("text/csv",)
JSON_TYPES = ("application/json", "application/jsonlines")
LINE_END = "\r\n"
OUTPUT_KEY, INPUT_KEY = "SageMakerOutput", "SageMakerInput"

Selector = Callable[[Any], Any]


def split(data: bytes, split_type: str) -> list[bytes]:
    """Splits a file into lines without line ends, or returns it as one record."""
    if split_type == "None":
        return [data]
    return [line for line in data.splitlines() if line]


def batches(records: Iterable[bytes], strategy: str, limit: int) -> Iterator[list[bytes]]:
    """Groups records into requests of at most `limit` bytes (0: any size), with newlines between records.

    Raises JobFailed for a record that alone exceeds the limit.
    """
    batch: list[bytes] = []
    size = 0
    for record in records:
        if limit and len(record) > limit:
            raise JobFailed(
                f"ClientError: A record of {len(record)} bytes exceeds MaxPayloadInMB ({limit} bytes)."
            )
        if batch and (strategy == "SingleRecord" or (limit and size + 1 + len(record) > limit)):
            yield batch
            batch, size = [], 0
        size += len(record) + bool(batch)
        batch.append(record)
    if batch:
        yield batch


def assemble(answers: Iterable[bytes], assemble_with: str) -> bytes:
    """Joins answers to one output file, each as it is or ended by a newline."""
    if assemble_with == "None":
        return b"".join(answers)
    return b"".join(answer.removesuffix(b"\n") + b"\n" for answer in answers)


class Processing:
    """DataProcessing: selects what is sent, joins input and answer, selects what is written.

    Filters see a record as a list of columns (CSV) or as the parsed document (JSON). Without a filter of its
    own and without a join, the input is sent, or the answer written, as it is. Raises InvalidRequest for an
    invalid filter or another content type.
    """

    def __init__(self, request: dict[str, Any], content_type: str, accept: str):
        sent, written = request.get("InputFilter") or WHOLE, request.get("OutputFilter") or WHOLE
        self._join = request.get("JoinSource", "None") == "Input"
        self._selects_input = sent != WHOLE
        self._changes_answers = self._join or written != WHOLE
        if self._selects_input or self._join:
            self._from = _codec("TransformInput.ContentType", content_type)
        if self._selects_input:
            self._select_input = _selector("InputFilter", sent, self._from is _CSV)
        if self._changes_answers:
            # Without Accept the container chooses the format, which is JSON in SageMaker's containers.
            self._to = _codec("TransformOutput.Accept", accept or JSON_TYPES[0])
            self._select_output = _selector("OutputFilter", written, self._to is _CSV)
        if self._join and self._from is not self._to:
            raise InvalidRequest("JoinSource needs the same format (JSON or CSV) in ContentType and Accept.")

    def before(self, record: bytes) -> bytes:
        """The part of a record that is sent."""
        if not self._selects_input:
            return record
        return self._from.encode(self._select_input(self._from.decode(record)))

    def after(self, records: list[bytes], answer: bytes) -> bytes:
        """The output for the records of a request. Raises JobFailed unless each record has one answer."""
        if not self._changes_answers:
            return answer
        answers = [answer] if len(records) == 1 else [line for line in answer.splitlines() if line]
        if len(answers) != len(records):
            raise JobFailed(
                f"ClientError: The container answered {len(records)} records with {len(answers)} lines, so "
                "they cannot be joined or filtered record by record."
            )
        written = []
        for record, each in zip(records, answers, strict=True):
            value = self._to.decode(each)
            if self._join:
                value = self._to.join(self._from.decode(record), value)
            written.append(self._to.encode(self._select_output(value)))
        return b"\n".join(written)


class _JSON:
    @staticmethod
    def decode(record: bytes) -> Any:
        try:
            return parse_json(record)
        except ValueError as error:
            raise JobFailed(f"ClientError: A record is not JSON: {error}: {record[:80]!r}") from error

    @staticmethod
    def encode(value: Any) -> bytes:
        try:
            return json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # half of a pair of surrogates, which only an escape can write
            return json.dumps(value).encode()

    @staticmethod
    def join(record: Any, answer: Any) -> Any:
        if isinstance(record, dict):
            return {**record, OUTPUT_KEY: answer}
        return {INPUT_KEY: record, OUTPUT_KEY: answer}


class _CSV:
    @staticmethod
    def decode(record: bytes) -> list[str]:
        try:
            with _long_fields():
                rows = list(csv.reader(io.StringIO(record.decode(), newline="")))
        except (ValueError, csv.Error) as error:
            raise JobFailed(f"ClientError: A record is not CSV: {error}: {record[:80]!r}") from error
        while rows and not rows[-1]:  # a blank line at the end is no row
            rows.pop()
        if len(rows) > 1:
            raise JobFailed(
                f"ClientError: A record must be one row of CSV, and this one has {len(rows)}: "
                f"{record[:80]!r}. DataProcessing of CSV needs the SplitType Line."
            )
        return rows[0] if rows else []

    @staticmethod
    def encode(columns: list[str] | str) -> bytes:
        line = io.StringIO()
        # Only characters of the line end are quoted in columns, so it must have both.
        csv.writer(line, lineterminator=LINE_END).writerow([columns] if isinstance(columns, str) else columns)
        return line.getvalue().removesuffix(LINE_END).encode()

    @staticmethod
    def join(record: list[str], answer: list[str]) -> list[str]:
        return record + answer


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """Lets columns of CSV be longer than 128 KB in the block. The limit is that of the whole process."""
    with _limit_of_fields:
        usual = csv.field_size_limit(sys.maxsize)
        try:
            yield
        finally:
            csv.field_size_limit(usual)


_limit_of_fields = threading.Lock()


def _codec(name: str, content_type: str) -> type[_JSON] | type[_CSV]:
    if content_type in CSV_TYPES:
        return _CSV
    if content_type in JSON_TYPES:
        return _JSON
    raise InvalidRequest(
        f"DataProcessing needs {', '.join(JSON_TYPES + CSV_TYPES)} in {name} (given: "
        f"{content_type or 'none'})."
    )


def _selector(name: str, text: str, columns: bool) -> Selector:
    """The function for a filter: for CSV ``$[1,2]`` or ``$[1:]``, for JSON any path of SageMaker's."""
    if text == WHOLE:
        return lambda value: value
    try:
        path = JSONPath(text)
    except ValueError as error:
        raise InvalidRequest(
            f"DataProcessing.{name} is not a JSONPath that is understood: {text} ({error})."
        ) from None
    if columns and not path.is_of_columns:
        raise InvalidRequest(
            f"DataProcessing.{name} must be like $[0], $[0,2] or $[1:] for CSV (given: {text})."
        )

    def select(value: Any) -> Any:
        try:
            return path(value)
        except LookupError:
            raise JobFailed(f"ClientError: DataProcessing.{name} {text} finds nothing in a record.") from None

    return select
