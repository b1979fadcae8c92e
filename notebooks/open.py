"""Open the walkthrough in JupyterLab, and run until Ctrl-C.

    localcloud run -- python notebooks/open.py [--no-browser] [--port NUMBER]

The cells use the cloud in the environment variables. JupyterLab can be reached only from this machine, and
only with the token in the address that is opened and printed.
"""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import os
import secrets
import signal
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from project import ports  # noqa: E402
from project.supervisor import Program  # noqa: E402
from sentiment.training.command_line import Parser  # noqa: E402

NOTEBOOK = "notebooks/walkthrough.ipynb"
HOST, PORT = "127.0.0.1", 8888
START_SECONDS = 90.0
POLL_SECONDS = 0.2
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the command line. Returns the exit status; errors are one line on standard error."""
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--port", type=int, default=PORT, help="port; if it is taken or 0, a free one (%(default)s)"
    )
    options = parser.parse_args()
    starter, token, port = os.getppid(), secrets.token_urlsafe(24), usable_port(options.port)
    # SIGHUP comes when the terminal is closed. SIGINT is set because shells start background jobs with it
    # ignored.
    for number in ENDS:
        signal.signal(number, signal.default_int_handler)
    print("Starting JupyterLab ...", flush=True)
    # Supervised, so that Ctrl-C does not reach Jupyter, which would ask for confirmation.
    # labconfig/ keeps Jupyter from asking about news and updates.
    environment = {"JUPYTER_TOKEN": token, "JUPYTER_CONFIG_PATH": str(PROJECT / "notebooks")}
    lab = Program("JupyterLab", command(port, options.no_browser), environment)
    try:
        ports.wait_until_answers(f"http://{HOST}:{port}/api", lab, START_SECONDS)
        print(f"The walkthrough is at http://{HOST}:{port}/lab/tree/{NOTEBOOK}?token={token}", flush=True)
        print("Run it cell by cell with Shift-Enter. Ctrl-C here ends it.", flush=True)
        # Without the cloud that started it, the notebook is useless.
        while (status := lab.poll()) is None and os.getppid() == starter:
            time.sleep(POLL_SECONDS)
        return 1 if status is None else status
    except ports.NotReadyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        lab.stop()
        lab.wait()


def command(port: int, no_browser: bool) -> list[str]:
    """The command that starts JupyterLab."""
    return [
        *(sys.executable, "-m", "jupyterlab", "--Application.log_level=ERROR"),
        *(f"--ServerApp.root_dir={PROJECT}", f"--LabApp.default_url=/lab/tree/{NOTEBOOK}"),
        *(f"--ServerApp.ip={HOST}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        # Sockets in a private folder: with TCP, any user of this machine could listen.
        "--KernelManager.transport=ipc",
        # In containers, people often are root.
        "--ServerApp.allow_root=True",
        "--LabApp.extension_manager=readonly",
        *(["--no-browser"] if no_browser else []),
    ]


def usable_port(wanted: int) -> int:
    """The wanted port, or a free one if that is taken or 0."""
    return wanted if wanted and ports.is_free(wanted) else ports.free_port()


if __name__ == "__main__":
    sys.exit(main())
