"""Run Python as on another processor, by user-mode emulation: `python tests/processors.py` gets the emulator.

ONNX Runtime takes another path on each kind of x86-64 processor, and the path of one kind once computed other
numbers than the rest (sentiment/serving/onnx_graph.py). qemu-user is looked for on the PATH, then installed
from Debian's packages where we are root. Where there is none, or where the machine is no x86-64 Linux, the
tests skip and say so; under CI on x86-64 Linux they fail.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parent.parent
EMULATOR = "qemu-x86_64"
CPUS = {"AVX2 without VNNI": "Haswell", "SSE4.2 without AVX": "Nehalem"}
"""What the processor can do, and the name of one like it in qemu."""
NONE = f"no {EMULATOR} for the tests of other processors: install qemu-user"


def can_be_emulated() -> bool:
    """Whether programs of this machine are ones that qemu's x86-64 can run."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def answers(
    folder: str, channel: str, count: str, *, cpu: str | None = None, runtime: str = "onnxruntime"
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N,) of a channel's first `count` reviews, and the weights of their words one after the other.

    Computed in a process of its own: on the processor of this machine, or on one of CPUS.
    """
    emulated = [] if cpu is None else [EMULATOR, "-cpu", CPUS[cpu]]
    environment = {name: value for name, value in os.environ.items() if cpu is None or name != "LD_PRELOAD"}
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "answers.npz"
        program = [sys.executable, "-m", "tests.answers", folder, channel, count, runtime, str(output)]
        done = subprocess.run(
            [*emulated, *program],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=1000,
            check=False,
        )
        assert done.returncode == 0, f"no answers on {cpu or 'this processor'}:\n{done.stderr}"
        with np.load(output) as arrays:
            return arrays["logits"], arrays["weights"]


def require() -> None:
    """Skip the calling test where no other processor can be emulated; fail it where CI should have one."""
    if not can_be_emulated():
        pytest.skip("only x86-64 Linux runs its own programs on other x86-64 processors")
    if not shutil.which(EMULATOR):
        assert not os.environ.get("CI"), NONE
        pytest.skip(NONE)


def get() -> bool:
    """Find the emulator, installing it if need be."""
    if not shutil.which(EMULATOR) and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"No {EMULATOR} found, installing qemu-user", flush=True)
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "qemu-user"]):
            subprocess.run(command, stdout=subprocess.DEVNULL, timeout=600, check=False)
    return shutil.which(EMULATOR) is not None


def main() -> int:
    if not can_be_emulated() or get():
        return 0
    print(f"error: {NONE}", file=sys.stderr)
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
