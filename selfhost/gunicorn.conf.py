"""gunicorn's settings for the web server: gunicorn --config selfhost/gunicorn.conf.py

gunicorn's arguments, GUNICORN_CMD_ARGS and WEB_CONCURRENCY override them.
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import Any

from selfhost.logs import JsonFormatter, level
from selfhost.scoreboard import SCOREBOARD
from selfhost.settings import Settings

wsgi_app = "selfhost.app:create_app()"
bind = "127.0.0.1:5000"

# Each worker has a copy of the model. Its threads handle requests that have arrived completely: a few
# compute, others wait for their turn (selfhost/admission.py), and some are left for quick answers.
worker_class = "selfhost.worker.BufferingWorker"
workers = int(os.environ.get("WEB_CONCURRENCY", Settings.workers))
threads = 32
# One review is too little work for several threads: they would not be faster, and slow down other requests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Load the application after the fork, which threads (of torch and of Watch) do not survive.
preload_app = False
# A worker that is loading a model may give no sign of life for this long.
timeout = 60
# The time for requests that are being answered at the end.
graceful_timeout = 20
# The sign of life is a file, which other writes could delay on a disk. gunicorn chooses a unique name.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # nosec B108
control_socket_disable = True

logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonFormatter}},
    "handlers": {
        "stdout": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}
    },
    # urllib3 would log each retry, but Watch logs such errors once.
    "loggers": {
        "gunicorn.error": {"level": level(), "handlers": ["stdout"], "propagate": False},
        "urllib3": {"level": "ERROR"},
        "waitress.queue": {"level": "ERROR"},
    },
    "root": {"level": "WARNING", "handlers": ["stdout"]},
}


def on_reload(server: Any) -> None:
    """Have the processes go on until one of those that gunicorn is about to start serves."""
    SCOREBOARD.replace_all()


def pre_fork(server: Any, worker: Any) -> None:
    """Give a new worker the first number that no living one has, in memory that all of them share."""
    taken = {each.number for each in server.WORKERS.values()}
    worker.number = next(number for number in count() if number not in taken)


def post_fork(server: Any, worker: Any) -> None:
    """Enter the new worker, with its number, into that memory."""
    SCOREBOARD.enter(worker.number)


def child_exit(server: Any, worker: Any) -> None:
    """Remove a worker that has ended, however it ended, from that memory."""
    SCOREBOARD.remove(worker.number)
