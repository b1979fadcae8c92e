"""How gunicorn runs the web server: gunicorn --config selfhost/gunicorn.conf.py "selfhost.app:create_app()".

What is set here a person may override by gunicorn's own ways: arguments, GUNICORN_CMD_ARGS, WEB_CONCURRENCY.
"""

import os
from pathlib import Path

from selfhost.logs import JsonFormatter, level

wsgi_app = "selfhost.app:create_app()"
bind = "127.0.0.1:5000"

# Each worker holds the model. Its threads are for requests that have wholly arrived: those few that compute,
# those that wait for their turn (selfhost/admission.py), and some that answer at once whatever happens.
worker_class = "selfhost.worker.BufferingWorker"
workers = int(os.environ.get("WEB_CONCURRENCY", min(2, os.cpu_count() or 1)))
threads = 32
# One review is too little work to share between threads: two answer no sooner, and slow down other requests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Not before the fork: threads of torch and of the watch would not be there after it.
preload_app = False
# A worker that is loading a model gives no sign of life for that long.
timeout = 60
# At the end, for requests that are being answered.
graceful_timeout = 20
# The sign of life is a file; on a disk it could wait for other writing. gunicorn gives it a name of its own.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # nosec B108
control_socket_disable = True

logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonFormatter}},
    "handlers": {
        "stdout": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}
    },
    # Says at each retry what the watch says once.
    "loggers": {
        "gunicorn.error": {"level": level(), "handlers": ["stdout"], "propagate": False},
        "urllib3": {"level": "ERROR"},
        "waitress.queue": {"level": "ERROR"},
    },
    "root": {"level": "WARNING", "handlers": ["stdout"]},
}
