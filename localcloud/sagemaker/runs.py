"""The runs of jobs, which are threads of localcloud."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from localcloud.protocol import InvalidRequest
from localcloud.sagemaker.records import Record

Run = TypeVar("Run")


class Runs(Generic[Run]):
    """The runs of one kind of job, by the names of their records.

    A job can be stopped as soon as its record can be seen, so record and run appear together.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}

    def add(self, create: Callable[[], tuple[Record, Run]]) -> tuple[Record, Run]:
        """Keeps the run that `create` makes for a new record, and returns both."""
        with self._lock:
            record, run = create()
            self._runs[record.name] = run
        return record, run

    def of(self, record: Record) -> Run:
        """The run of a job. Raises InvalidRequest if the job is just being deleted."""
        with self._lock:
            if record.name in self._runs:
                return self._runs[record.name]
        raise InvalidRequest(f"The job {record.name} is being deleted.")

    def remove(self, record: Record) -> Run | None:
        """Forgets the run of a job and returns it; None if another request is deleting the job."""
        with self._lock:
            return self._runs.pop(record.name, None)
