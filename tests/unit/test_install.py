"""requirements/install.py, as far as it can be tried without installing anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from requirements import install, lock
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


def environment(tmp_path: Path) -> install.Environment:
    """One that is made in a folder of the test, without the locks' layers."""
    made = install.Environment(".venv", [install.Layer("torch.lock")])
    made.folder, made.log = tmp_path / "env", tmp_path / "setup.log"
    return made


def test_unpacking_tells_how_far_it_is(tmp_path):
    """pip names the packages once and then says nothing until all of them are there."""
    made = environment(tmp_path)
    site = made.folder / "lib" / "python3.11" / "site-packages"
    (site / "pip-24.dist-info").mkdir(parents=True)
    script = (
        "import pathlib, sys, time\n"
        "print('Collecting a'); print('Installing collected packages: a, b, c', flush=True)\n"
        f"site = pathlib.Path({str(site)!r})\n"
        "for name in ('a', 'b'):\n"
        "    while not (site / f'unpack-{name}').exists(): time.sleep(0.01)\n"
        "    (site / f'{name}-1.dist-info').mkdir()\n"
        "while not (site / 'end').exists(): time.sleep(0.01)\n"
    )
    thread = threading.Thread(target=made._run, args=([sys.executable, "-c", script],))
    thread.start()
    for go_on, said in [
        ("unpack-a", "unpacking 0/3 packages (a)"),
        ("unpack-b", "unpacking 1/3 packages (b)"),
        ("end", "unpacking 2/3 packages (c)"),
    ]:
        deadline = time.monotonic() + 60
        while made.progress() != said and time.monotonic() < deadline:
            time.sleep(0.01)
        assert made.progress() == said
        (site / go_on).touch()
    thread.join(60)
    assert not made.unpacking


def test_a_file_that_is_not_the_pinned_one_is_refused_in_one_line(tmp_path):
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    pins = tmp_path / "tiny.lock"
    pins.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    made = environment(tmp_path)
    offline = ["--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / "target")]
    pip = [sys.executable, "-m", "pip", "install", *offline]
    with pytest.raises(install.InstallError, match=r"another file for tiny==1\.0 than the lock file pins"):
        made._run([*pip, "--require-hashes", "--requirement", str(pins)])
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    "index", ["", "https://download.pytorch.org/whl/cpu", "https://mirror.example/cu130"]
)
def test_torch_is_installed_with_hashes_from_every_index(index):
    for arguments in install.torch(index):
        assert {"--require-hashes", "--no-deps"} <= set(arguments)
    cuda = any("torch-cuda.lock" in word for arguments in install.torch(index) for word in arguments)
    assert cuda == (sys.platform == "linux" and not index.endswith("/cpu"))


def test_the_lock_of_torch_is_made_from_the_pages_of_both_indexes():
    pypi = "".join(
        f'<a href="https://files.example/aa/torch-{version}-{tag}.whl#sha256={digit * 64}">x</a>\n'
        for version, tag, digit in [
            ("2.12.0", "cp311-cp311-manylinux_2_28_x86_64", "1"),
            ("2.13.0", "cp311-cp311-manylinux_2_28_x86_64", "2"),
            ("2.13.0", "cp311-cp311-macosx_14_0_arm64", "3"),
            ("2.13.0", "cp314-cp314t-manylinux_2_28_x86_64", "4"),
            ("2.14.0", "cp311-cp311-manylinux_2_28_x86_64", "5"),
        ]
    )
    cpu = "".join(
        f'<a href="/whl/cpu/torch-{version}%2Bcpu-cp312-cp312-{tag}.whl#sha256={digit * 64}">x</a>\n'
        for version, tag, digit in [
            ("2.13.0", "manylinux_2_28_aarch64", "6"),
            ("2.14.0", "manylinux_2_28_aarch64", "7"),
        ]
    )
    version, files = lock.torch_files([pypi, cpu], Requirement("torch>=2.6,<2.14"))
    assert (version, files) == (
        "2.13.0",
        {
            "torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_aarch64.whl": "6" * 64,
            "torch-2.13.0-cp311-cp311-macosx_14_0_arm64.whl": "3" * 64,
            "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl": "2" * 64,
        },
    )
    assert lock.torch_lock(version, files).endswith(
        f"torch==2.13.0 \\\n    --hash=sha256:{'6' * 64} \\\n"
        f"    --hash=sha256:{'3' * 64} \\\n    --hash=sha256:{'2' * 64}\n"
    )


def test_every_locked_package_has_a_hash():
    locks = [*install.REQUIREMENTS.glob("*.lock"), *install.REQUIREMENTS.glob("*.txt")]
    assert {"torch.lock", "torch-cuda.lock", "lock.txt"} <= {file.name for file in locks}
    for file in locks:
        for entry in re.split(r"^(?=[^\s#])", file.read_text(), flags=re.M)[1:]:
            assert "--hash=sha256:" in entry, f"{file.name}: {entry}"
