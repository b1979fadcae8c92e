"""Have a program of its own follow a training run, so that nothing it meets can slow down or stop the run.

The run's record is a file; the follower is told of each change by a byte on its standard input and of the end
by the end of that input. It warns on standard error by itself. It gets a bounded time after the end, when
SIGTERM tells it to give up.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sentiment.run_record import FILE_NAME, RunRecord

TRACKING_URI = "MLFLOW_TRACKING_URI"
SECONDS_AFTER_THE_END = 50.0
SECONDS_TO_GIVE_UP = 5.0
WARNED = 3
"""The exit status of a follower that could not do its work and has said so."""
Publish = Callable[[], None]


@contextmanager
def followed(
    record: RunRecord, program: Path, model_dir: Path, checkpoints: Path | None
) -> Iterator[Publish]:
    """Keep `record` on disk and, where MLFLOW_TRACKING_URI is set, have `program` log it meanwhile.

    Yields a function that publishes the record as it stands. The record lies in the folder of the
    checkpoints, if there is one: a run that resumes is the same run.
    """
    scratch = None if checkpoints else Path(tempfile.mkdtemp(prefix="training-run-"))
    file = (checkpoints or scratch) / FILE_NAME
    follower = None
    try:
        record.write(file)
        if os.environ.get(TRACKING_URI):
            follower = Follower(program, file, model_dir)

        def publish() -> None:
            record.write(file)
            if follower is not None:
                follower.wake()

        try:
            yield publish
        except BaseException:
            record.end("FAILED")
            raise
        finally:
            record.write(file)
            if follower is not None:
                follower.finish()
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


class Follower:
    """The program while it runs; nothing done with it takes longer than it may."""

    def __init__(self, program: Path, record: Path, model_dir: Path):
        self.program, self.model_dir = program, model_dir
        # In a session of its own: Ctrl-C is for the training, which ends its follower in order.
        self.process = subprocess.Popen(
            [sys.executable, str(program), "follow", str(record), str(model_dir)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        os.set_blocking(self.process.stdin.fileno(), False)

    def wake(self) -> None:
        # A full pipe holds bytes that wake it anyway; a follower that has ended has said why.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self.process.stdin.fileno(), b"\n")

    def finish(self) -> None:
        """Wait until all is logged, or so long that the follower is told to give up."""
        self.process.stdin.close()
        status = None
        try:
            status = self.process.wait(SECONDS_AFTER_THE_END)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                status = self.process.wait(SECONDS_TO_GIVE_UP)
        finally:
            self.process.kill()
            self.process.wait()
        if status not in (0, WARNED):
            print(
                f"warning: {self.program.name} has not logged all of this run; do it afterwards: "
                f"python {os.path.relpath(self.program)} log {self.model_dir}",
                file=sys.stderr,
                flush=True,
            )
