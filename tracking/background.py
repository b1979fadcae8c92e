"""Log a training run in a separate process, so that problems with MLflow cannot slow down or stop the run.

The run's record is a file. A byte on the standard input of the process (follower.py) says that it has
changed, and the end of that input that the run is over. The process prints its own warnings on standard
error. It has a limited time to finish after the end of the run, and then gets SIGTERM.
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
"""If logging takes longer than this after the run, a message says so."""
WARNED = 3
"""The exit status of a follower that could not log the run and has printed a warning."""
Publish = Callable[[], None]


@contextmanager
def log_in_background(
    record: RunRecord, program: Path, model_dir: Path, checkpoints: Path | None
) -> Iterator[Publish]:
    """Keep `record` on disk and, if MLFLOW_TRACKING_URI is set, have `program` log it during the block.

    Yields a function that publishes the current state of the record. The record is in the folder of the
    checkpoints, if there is one, so that a resumed run continues it. If it cannot be written, there is a
    warning, and the run continues.
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
    """Where the record is during the run; None if nothing reads it, or if it cannot be written."""
    if checkpoints is not None:
        return checkpoints / FILE_NAME
    if not os.environ.get(TRACKING_URI):
        return None
    try:
        scratch = tempfile.TemporaryDirectory(prefix="training-run-", ignore_cleanup_errors=True)
    except OSError as error:
        warn(f"the run is not logged during training: {error.strerror or error}. Training goes on")
        return None
    return Path(stack.enter_context(scratch)) / FILE_NAME


def _started(program: Path, record: Path, model_dir: Path) -> "Follower | None":
    try:
        return Follower(program, record, model_dir)
    except OSError as error:  # not enough memory, or too many processes
        warn(f"{program.name} cannot be started: {error.strerror or error}. Training goes on")
        return None


class Follower:
    """The running program. None of the methods blocks for longer than it may."""

    def __init__(self, program: Path, record: Path, model_dir: Path):
        self.program, self.model_dir = program, model_dir
        # In a session of its own, so that Ctrl-C reaches only the training, which then ends its follower.
        self.process = subprocess.Popen(
            [sys.executable, str(program), "follow", str(record), str(model_dir)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        self._pipe = self.process.stdin
        os.set_blocking(self._pipe.fileno(), False)

    def wake(self) -> None:
        """Tell the program that the record has changed."""
        # If the pipe is full, its bytes wake the program anyway. If it has ended, it has said why.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._pipe.fileno(), b"\n")

    def finish(self) -> None:
        """Wait until everything is logged, for at most FINISH_SECONDS, then end the program.

        Ctrl-C ends the wait and the program at once, and the KeyboardInterrupt is raised again.
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
                    f"{self.program.name} has not logged all of this run; log it afterwards: "
                    f"python {os.path.relpath(self.program)} log {self.model_dir}"
                )

    def _wait(self) -> int | None:
        """The exit status; None if the program did not end in time."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(PATIENCE_SECONDS)
        print("waiting until the run is logged to MLflow (Ctrl-C ends the wait)", flush=True)
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(FINISH_SECONDS - PATIENCE_SECONDS)
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(GIVE_UP_SECONDS)
        return None
