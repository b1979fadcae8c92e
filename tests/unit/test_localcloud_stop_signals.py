"""A process that is asked to end learns of it, whatever its main thread is just doing."""

import subprocess
import sys

import pytest

# The signal comes before the N-th line that the main thread runs while it waits.
AT_EACH_LINE = """
import os, signal, sys
from localcloud.stop_signals import StopSignals

line = int(sys.argv[1])
stopped = StopSignals()
seen = 0

def trace(frame, event, argument):
    global seen
    if event == "line":
        seen += 1
        if seen == line:
            os.kill(os.getpid(), signal.SIGTERM)
    return trace

sys.settrace(trace)
came = stopped.wait(0.2)
sys.settrace(None)
if not came:  # after its last line
    assert seen < line, "a signal has been missed"
    print("waited for fewer lines")
assert stopped.wait(0) == stopped.is_set() == came
"""


def ask(line: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", AT_EACH_LINE, str(line)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_signal_is_heard_at_whatever_line_it_comes():
    line = 1
    while not ask(line):
        line += 1
    assert line > 3


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_wait_without_end_ends_with_a_signal(name):
    program = (
        "import os, signal, threading; from localcloud.stop_signals import StopSignals\n"
        "stopped = StopSignals(); assert not stopped.wait(0)\n"
        f"threading.Timer(0.1, os.kill, (os.getpid(), signal.{name})).start(); assert stopped.wait()"
    )
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
