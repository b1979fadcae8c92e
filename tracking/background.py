"""Log a training run by a program of its own, so that nothing it meets can slow down or stop the run.

The run's record is a file; the program (follower.py) is told of each change by a byte on its standard input
and of the end by the end of that input. It warns on standard error by itself. It gets a bounded time after
the end, when SIGTERM tells it to give up.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tracking.run_record import FILE_NAME, RunRecord, warn

TRACKING_URI = "MLFLOW_TRACKING_URI"
FINISH_SECONDS = 50.0
GIVE_UP_SECONDS = 5.0
PATIENCE_SECONDS = 3.0
"""After which a person is told what a finished run still waits for."""
WARNED = 3
"""The exit status of a follower that could not do its work and has warned of it."""
Publish = Callable[[], None]


@contextmanager
def followed(
    record: RunRecord, program: Path, model_dir: Path, checkpoints: Path | None
) -> Iterator[Publish]:
    """Keep `record` on disk and, where MLFLOW_TRACKING_URI is set, have `program` log it meanwhile.

    Yields a function that publishes the record as it stands. The record lies in the folder of the
    checkpoints, if there is one: a run that resumes is the same run. A disk that takes no record is warned
    of and stops nothing.
    """
    with ExitStack() as stack:
        file, follower, written = _place(checkpoints, stack), None, True

        def write() -> None:
            nonlocal written
            written = file is None or record.try_write(file, quiet=not written)

        def publish() -> None:
            write()
            if follower is not None:
                follower.wake()

        write()
        if file is not None and os.environ.get(TRACKING_URI):
            follower = _started(program, file, model_dir)

        try:
            yield publish
        except BaseException:
            record.end("FAILED")
            raise
        finally:
            write()
            if follower is not None:
                follower.finish()


def _place(checkpoints: Path | None, stack: ExitStack) -> Path | None:
    """Where the record lies while the run lasts; None where nobody reads it, or there is no place."""
    if checkpoints is not None:
        return checkpoints / FILE_NAME
    if not os.environ.get(TRACKING_URI):
        return None
    try:
        scratch = tempfile.TemporaryDirectory(prefix="training-run-", ignore_cleanup_errors=True)
    except OSError as error:
        warn(f"the run is not logged meanwhile: {error.strerror or error}. Training goes on")
        return None
    return Path(stack.enter_context(scratch)) / FILE_NAME


def _started(program: Path, record: Path, model_dir: Path) -> "Follower | None":
    try:
        return Follower(program, record, model_dir)
    except OSError as error:  # no memory, or no process left
        warn(f"{program.name} cannot be started: {error.strerror or error}. Training goes on")
        return None


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
        assert self.process.stdin is not None
        self._pipe = self.process.stdin
        os.set_blocking(self._pipe.fileno(), False)

    def wake(self) -> None:
        # A full pipe holds bytes that wake it anyway; a follower that has ended has told why.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._pipe.fileno(), b"\n")

    def finish(self) -> None:
        """Wait until all is logged, or so long that the follower is told to give up.

        Ctrl-C ends the wait at once; then, too, no process is left and the KeyboardInterrupt goes on.
        """
        self._pipe.close()
        status = None
        try:
            status = self._wait()
        except BaseException:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(GIVE_UP_SECONDS)
            raise
        finally:
            self.process.kill()
            self.process.wait()
            if status not in (0, WARNED):
                warn(
                    f"{self.program.name} has not logged all of this run; do it afterwards: "
                    f"python {os.path.relpath(self.program)} log {self.model_dir}"
                )

    def _wait(self) -> int | None:
        """The exit status; None where it has not ended by itself."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(PATIENCE_SECONDS)
        print("waiting until the run is logged to MLflow (Ctrl-C ends the wait)", flush=True)
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(FINISH_SECONDS - PATIENCE_SECONDS)
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(GIVE_UP_SECONDS)
        return None
