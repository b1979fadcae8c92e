"""requirements/install.py, as far as it can be tried without installing anything."""

from __future__ import annotations

import shutil
import subprocess
import sys

from tests.conftest import PROJECT


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    shutil.copytree(PROJECT / "requirements", tmp_path / "requirements")
    shutil.copyfile(PROJECT / "pyproject.toml", tmp_path / "pyproject.toml")
    (tmp_path / "build").write_text("in the way of the log")
    command = [sys.executable, tmp_path / "requirements" / "install.py"]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1, done.stdout
    assert done.stderr == f"error: .venv could not be made: File exists: {tmp_path / 'build'}\n"
    assert "ready" not in done.stdout
