"""The program that logs a run during training; background.py starts it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from tracking.background import WARNED
from tracking.client import WHILE_TRAINING, connect, reason, require_answer, without_passwords
from tracking.run_record import read_record

NICENESS = 10


class GiveUp(BaseException):
    """Raised at SIGTERM. It is a BaseException so that MLflow's many handlers do not catch it."""


def follow(record_file: Path, folder: Path) -> int:
    """Log a run: each byte on standard input says that the record has changed, its end that the run is over.

    Returns 0 if everything is logged, or WARNED if a warning has said that it is not.
    """
    os.nice(NICENESS)
    signal.signal(signal.SIGTERM, give_up)
    run, warned, logged = None, False, False
    more = True
    while more:
        more = bool(os.read(sys.stdin.fileno(), 65536))
        try:
            record = read_record(record_file)
            require_answer(os.environ["MLFLOW_TRACKING_URI"])
            client = connect(WHILE_TRAINING)
            # Imported only now: MLflow takes seconds, and the warning of an unreachable server comes sooner.
            from tracking.mlflow_run import LoggedRun
            from tracking.registration import registered_name
            from tracking.whole_run import log_whole_run

            if run is None:
                run = LoggedRun(client, record)
                registered_name()  # raises early if the model cannot be registered later
            run.log_progress(record)
            if not more:
                if record.status == "FINISHED":
                    log_whole_run(record, folder, run)
                else:
                    run.end(record)
                logged = True
        except (Exception, GiveUp) as error:  # whatever happens here must not affect the training
            if not warned:
                warn(error, folder)
            warned = True
            more = more and not isinstance(error, GiveUp)
    return 0 if logged else WARNED


def give_up(number: int, frame: object) -> NoReturn:
    """Handle SIGTERM."""
    raise GiveUp("the server was too slow")


def warn(error: BaseException, folder: Path) -> None:
    """Print a warning, and the command that logs the run afterwards."""
    uri = without_passwords(os.environ["MLFLOW_TRACKING_URI"])
    print(
        f"warning: cannot log to MLflow at {uri} ({reason(error)}). Training goes on; if the server does "
        f"not recover, log the run afterwards: python {os.path.relpath(sys.argv[0])} log {folder}",
        file=sys.stderr,
        flush=True,
    )
