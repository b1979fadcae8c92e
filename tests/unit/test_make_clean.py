"""`make clean` in a folder like the project: what can be made again goes, what people would miss stays."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROJECT


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder with what was made by this version, and by one that kept all of it in build/."""
    (tmp_path / "project").mkdir()
    for name in ("Makefile", "project/persistent.py", "requirements/make_settings.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(PROJECT / name, tmp_path / name)
    for name in ("build/prepared/a", "build/mlflow/mlflow.db", "build/selfhost/feedback/date=1/a.json"):
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_text(f"old {file.name}")
    return tmp_path


def clean(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "clean", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_what_cannot_be_made_again_stays(checkout):
    done = clean(checkout)
    assert done.returncode == 0, done.stderr
    assert not (checkout / "build").exists()
    assert (checkout / "var/mlflow/mlflow.db").read_text() == "old mlflow.db"
    assert (checkout / "var/feedback/date=1/a.json").read_text() == "old a.json"
    assert "moved build/mlflow to var/mlflow" in done.stdout
    again = clean(checkout)
    assert (again.returncode, again.stdout) == (0, "")
    assert (checkout / "var/mlflow/mlflow.db").is_file()


def test_what_lies_there_already_is_not_overwritten(checkout):
    (checkout / "var/mlflow").mkdir(parents=True)
    (checkout / "var/mlflow/mlflow.db").write_text("new")
    assert clean(checkout).returncode == 0
    assert (checkout / "var/mlflow/mlflow.db").read_text() == "new"
    assert (checkout / "var/mlflow-2/mlflow.db").read_text() == "old mlflow.db"


@pytest.mark.parametrize("obstacle", ["var is a file", "no Python"])
def test_what_cannot_be_moved_keeps_everything(checkout, obstacle):
    if obstacle == "no Python":
        done = clean(checkout, "PYTHON=/nowhere/python")
    else:
        (checkout / "var").write_text("in the way")
        done = clean(checkout)
    assert done.returncode != 0
    assert (checkout / "build/mlflow/mlflow.db").is_file() and (checkout / "build/prepared/a").is_file()
