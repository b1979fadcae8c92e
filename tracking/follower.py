"""The program that logs a run while it goes on (background.py starts it beside a training)."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from tracking.background import WARNED
from tracking.client import WHILE_TRAINING, connect, reason, require_answer
from tracking.run_record import read_record

NICENESS = 10


class GiveUp(BaseException):
    """SIGTERM; no handler of ordinary exceptions, of which MLflow has many, may keep it."""


def follow(record_file: Path, folder: Path) -> int:
    """Log a run while it goes on: a byte on standard input means news, its end the end of the run.

    Returns 0 when all is logged, WARNED when a warning has said that it is not.
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
            # Only now: importing MLflow takes seconds, and an unreachable server is told of at once.
            from tracking.mlflow_run import LoggedRun
            from tracking.registration import registered_name
            from tracking.whole_run import log_whole_run

            if run is None:
                run = LoggedRun(client, record)
                registered_name()  # what will keep the model from being registered is told at once
            run.log_progress(record)
            if not more:
                if record.status == "FINISHED":
                    log_whole_run(record, folder, run)
                else:
                    run.end(record)
                logged = True
        except (Exception, GiveUp) as error:  # nothing that happens here may reach the training
            if not warned:
                warn(error, folder)
            warned = True
            more = more and not isinstance(error, GiveUp)
    return 0 if logged else WARNED


def give_up(number: int, frame: object) -> NoReturn:
    raise GiveUp("it was too slow")


def warn(error: BaseException, folder: Path) -> None:
    uri = os.environ["MLFLOW_TRACKING_URI"]
    print(
        f"warning: cannot log to MLflow at {uri} ({reason(error)}). Training goes on; unless this "
        f"passes, log the run afterwards: python {os.path.relpath(sys.argv[0])} log {folder}",
        file=sys.stderr,
        flush=True,
    )
