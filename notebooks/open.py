"""Open the walkthrough in JupyterLab and stay until Ctrl-C.

    localcloud run -- python notebooks/open.py [--no-browser]

The cells use the cloud that the environment names. Only this machine can reach JupyterLab, and only with
the token in the address that is opened and printed.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
NOTEBOOK = "notebooks/walkthrough.ipynb"
HOST, PORT = "127.0.0.1", 8888
START_SECONDS = 90.0
# `localcloud run` gives its command ten seconds to end.
END_SECONDS = 8.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args()
    token = secrets.token_urlsafe(24)
    port = usable_port()
    # A session of its own: Jupyter would answer Ctrl-C with a question.
    lab = subprocess.Popen(
        command(port, options.no_browser),
        cwd=PROJECT,
        # labconfig/ keeps Jupyter from asking about news and updates.
        env={**os.environ, "JUPYTER_TOKEN": token, "JUPYTER_CONFIG_PATH": str(PROJECT / "notebooks")},
        start_new_session=True,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print("Starting JupyterLab ...", flush=True)
        if not answers(f"http://{HOST}:{port}/api", lab):
            print("error: JupyterLab did not start; its reason is above", file=sys.stderr)
            return 1
        print(f"The walkthrough is at http://{HOST}:{port}/lab/tree/{NOTEBOOK}?token={token}", flush=True)
        print("Run it cell by cell with Shift-Enter. Ctrl-C here ends it.", flush=True)
        return lab.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        end(lab)


def command(port: int, no_browser: bool) -> list[str]:
    return [
        *(sys.executable, "-m", "jupyterlab", "--Application.log_level=ERROR"),
        *(f"--ServerApp.root_dir={PROJECT}", f"--LabApp.default_url=/lab/tree/{NOTEBOOK}"),
        *(f"--ServerApp.ip={HOST}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        # Sockets in a private folder: over TCP anyone on this machine could listen.
        "--KernelManager.transport=ipc",
        # In a container a person often is root.
        "--ServerApp.allow_root=True",
        "--LabApp.extension_manager=readonly",
        *(["--no-browser"] if no_browser else []),
    ]


def usable_port() -> int:
    """Jupyter's usual port, or a free one where that is taken."""
    for port in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError(f"no port of {HOST} is free")


def answers(url: str, lab: subprocess.Popen[bytes]) -> bool:
    """Wait until JupyterLab answers; False when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while lab.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def end(lab: subprocess.Popen[bytes]) -> None:
    """Stop JupyterLab, which stops its kernels."""
    lab.terminate()
    try:
        lab.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(lab.pid, signal.SIGKILL)
        lab.wait()


if __name__ == "__main__":
    sys.exit(main())
