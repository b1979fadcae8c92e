"""Ctrl-C while a program is still importing ends it without a traceback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.conftest import PROJECT

PROGRAMS = sorted(
    file.relative_to(PROJECT).as_posix()
    for folder in ("benchmarks", "docs", "notebooks", "pipeline", "selfhost", "train")
    for file in (PROJECT / folder).rglob("*.py")
    if '__name__ == "__main__"' in (text := file.read_text(encoding="utf-8"))
    and re.search(r"import .*\bParser\b|from tracking.commands import main", text)
)
INTERRUPT = """
import sys
from importlib.machinery import PathFinder

class Interrupt:
    # Stands for Ctrl-C during the first import of an installed package.
    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path)
        if spec and "site-packages" in str(spec.origin):
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
"""


def test_the_programs_are_found():
    assert {"pipeline/__main__.py", "selfhost/__main__.py", "train/train.py"} < set(PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_ctrl_c_during_the_imports_says_nothing(program, tmp_path):
    module = program.removesuffix(".py").replace("/", ".")
    (tmp_path / "sitecustomize.py").write_text(INTERRUPT)
    is_script = program.startswith(("docs/", "notebooks/", "train/"))
    ended = subprocess.run(
        [sys.executable, program] if is_script else [sys.executable, "-m", module.removesuffix(".__main__")],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_other_exceptions_keep_their_traceback():
    code = "import sentiment.interrupts; 1 / 0"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and ended.stderr.startswith("Traceback")
    assert ended.stderr.endswith("ZeroDivisionError: division by zero\n")
