"""requirements/install.py: it installs tiny packages by the real uv, from a folder, without a network."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from requirements import install
from tests.conftest import PROJECT


def make_wheel(folder: Path, name: str, version: str) -> str:
    """An installable package of one module; returns its pin for a lock file."""
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture
def requirements(tmp_path, monkeypatch) -> Path:
    """A folder for lock files. By pip's settings, packages come from the folder `wheels` beside it alone."""
    folder = tmp_path / "requirements"
    folder.mkdir()
    monkeypatch.setattr(install, "REQUIREMENTS", folder)
    shutil.copyfile(PROJECT / "requirements" / "uv.lock", folder / "uv.lock")
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    uv = install.Uv(tmp_path / "uv.log")
    monkeypatch.setenv("PATH", f"{Path(uv.program).parent}{os.pathsep}{os.environ['PATH']}")
    configuration = tmp_path / "pip.conf"
    configuration.write_text(f"[global]\nno-index = true\nfind-links = {tmp_path / 'wheels'}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def make(tmp_path: Path) -> tuple[install.Environment, str]:
    """The environment of tiny.lock, made; and what uv said."""
    environment = install.Environment("tiny", folder=tmp_path / "env")
    log = tmp_path / "setup.log"
    log.write_text("")
    environment.make(install.Uv(log), sys.executable)
    return environment, log.read_text()


def imported(tmp_path: Path, expression: str) -> str:
    command = [tmp_path / "env" / "bin" / "python", "-c", f"import one, two; print({expression})"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_a_changed_lock_touches_the_changed_package_alone(tmp_path, requirements):
    wheels, lock = tmp_path / "wheels", requirements / "tiny.lock"
    one, two = make_wheel(wheels, "one", "1.0"), make_wheel(wheels, "two", "1.0")
    lock.write_text(one + two + make_wheel(wheels, "three", "1.0"))
    environment, said = make(tmp_path)
    assert environment.is_current() and "Installed 3 packages" in said
    marked = Path(imported(tmp_path, "one.__file__")).with_name("marked")
    marked.touch()
    # Of another length than before: Python knows a compiled module's source by its second and its size.
    lock.write_text(one + make_wheel(wheels, "two", "10.0"))
    assert not install.Environment("tiny", folder=tmp_path / "env").is_current()
    environment, said = make(tmp_path)
    changes = re.findall(r"^ ([+-] \S+)", said, re.M)
    assert sorted(changes) == ["+ two==10.0", "- three==1.0", "- two==1.0"]
    assert environment.is_current() and imported(tmp_path, "two.version") == "10.0" and marked.exists()


@pytest.mark.slow
def test_a_file_that_is_not_the_pinned_one_is_refused_in_one_line(tmp_path, requirements):
    make_wheel(tmp_path / "wheels", "tiny", "1.0")
    (requirements / "tiny.lock").write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(install.InstallError, match=r"another file for tiny==1\.0 than the lock file pins"):
        make(tmp_path)
    assert not install.Environment("tiny", folder=tmp_path / "env").is_current()
    assert not list((tmp_path / "env").glob("lib/python*/site-packages/tiny*"))


@pytest.mark.slow
def test_a_half_finished_installation_is_not_taken_for_complete(tmp_path, requirements):
    lock = requirements / "tiny.lock"
    lock.write_text(make_wheel(tmp_path / "wheels", "one", "1.0"))
    make(tmp_path)
    complete = lock.read_text()
    lock.write_text(f"{complete}missing==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(install.InstallError):
        make(tmp_path)
    lock.write_text(complete)
    assert not install.Environment("tiny", folder=tmp_path / "env").is_current()


@pytest.mark.slow
def test_two_at_once_make_an_environment_once(tmp_path, requirements, monkeypatch, capsys):
    monkeypatch.setattr(install, "PROJECT", tmp_path)
    (requirements / "tiny.lock").write_text(make_wheel(tmp_path / "wheels", "one", "1.0"))
    environments = [[install.Environment("tiny", folder=tmp_path / "env")] for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(install.install, environments))
    assert capsys.readouterr().out.count("Installed 1 package") == 1
    assert (tmp_path / "build" / "setup.log").read_text().count("Installed 1 package") == 1


@pytest.mark.slow
def test_torch_comes_from_a_disk_that_has_it_without_asking_its_index(tmp_path, requirements, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    pin = make_wheel(tmp_path / "wheels", "torch", "2.0+cpu")
    (requirements / "torch-cpu.lock").write_text(pin)
    (requirements / "lock.txt").write_text("")
    environment = install.Environment("project", "http://127.0.0.1:9/cpu", tmp_path / "env")
    uv = install.Uv(tmp_path / "setup.log")
    uv.run("venv", "--python", sys.executable, str(environment.folder))
    command = ["pip", "install", "--python", str(environment.folder / "bin" / "python"), "--no-deps"]
    environment._install_torch(uv, [*command, *install.pinned(environment.locks[1])])
    assert list(environment.folder.glob("lib/python*/site-packages/torch-2.0+cpu.dist-info"))
    (tmp_path / "wheels" / "torch-2.0+cpu-py3-none-any.whl").unlink()
    shutil.rmtree(environment.folder)
    uv.run("venv", "--python", sys.executable, str(environment.folder))
    uv.settings["UV_CACHE_DIR"] = str(tmp_path / "other")
    uv.settings["UV_HTTP_RETRIES"] = "0"
    with pytest.raises(install.InstallError, match=r"cannot be reached: .*TORCH_INDEX"):
        environment._install_torch(uv, [*command, *install.pinned(environment.locks[1])])


@pytest.mark.parametrize(
    ("platform", "index", "names"),
    [
        ("linux", "https://download.pytorch.org/whl/cpu", ["torch-cpu.lock"]),
        ("linux", "https://mirror.example/pytorch-cpu/", ["torch-cpu.lock"]),
        ("linux", "https://mirror.example/cu130", ["torch.lock", "torch-cuda.lock"]),
        ("linux", "", ["torch.lock", "torch-cuda.lock"]),
        ("darwin", "", ["torch.lock", "torch-cuda.lock"]),
    ],
)
def test_the_index_of_torch_decides_its_build(monkeypatch, platform, index, names):
    monkeypatch.setattr(sys, "platform", platform)
    assert [lock.name for lock in install.torch_locks(index)] == names


def test_the_cpu_lock_has_no_cuda_and_only_cpu_builds():
    assert re.findall(r"^torch==(\S+)", (PROJECT / "requirements/torch-cpu.lock").read_text(), re.M) == [
        "2.13.0+cpu"
    ]
    assert not re.search(
        r"^(nvidia|cuda|triton|torch)", (PROJECT / "requirements/lock.txt").read_text(), re.M
    )


@pytest.mark.slow
def test_settings_of_pip_reach_uv(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SSL_CERT_FILE", "/the/system's.pem")
    configuration = tmp_path / "pip.conf"
    configuration.write_text(
        "[global]\nindex-url = https://mirror.example/simple\ncert = /from/a file.pem\ntimeout = 99\n"
        "[install]\nfind-links =\n    /wheels\n    https://mirror.example/more\n"
        "trusted-host = mirror.example\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://a.example/simple https://b.example/simple")
    monkeypatch.setenv("PIP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "5")
    settings = install.Uv(tmp_path / "log").settings
    expected = {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_FIND_LINKS": "/wheels,https://mirror.example/more",
        "UV_INSECURE_HOST": "mirror.example",
        "SSL_CERT_FILE": "/from/a file.pem",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "UV_HTTP_TIMEOUT": "5",  # what is set for uv itself comes first
    }
    assert {name: settings.get(name) for name in expected} == expected


def test_settings_of_pip_that_would_install_elsewhere_do_not_count(monkeypatch):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_USER", "yes")
    pip = {
        "user": "yes",
        "target": "/elsewhere",
        "constraint": "/older.txt",
        "index-url": "https://mirror.example/simple",
    }
    environment = install.pip_environment(pip)
    assert {name: value for name, value in environment.items() if name.startswith("PIP_")} == {
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PIP_CONFIG_FILE": os.devnull,
    }
    assert environment["PATH"] == os.environ["PATH"]


@pytest.mark.slow
def test_settings_of_uv_that_would_install_something_else_do_not_count(tmp_path, requirements, monkeypatch):
    (requirements / "tiny.lock").write_text(make_wheel(tmp_path / "wheels", "one", "1.0"))
    (tmp_path / "constraints.txt").write_text("one<1\n")
    for name in install.UV_CONTENTS - {"UV_NO_EDITABLE"}:
        monkeypatch.setenv(name, str(tmp_path / "constraints.txt"))
    environment, said = make(tmp_path)
    assert environment.is_current() and "+ one==1.0" in said


@pytest.mark.slow
def test_a_home_that_cannot_be_written_is_no_obstacle(tmp_path, requirements, monkeypatch):
    monkeypatch.setenv("HOME", os.devnull)  # root could write to any folder
    monkeypatch.delenv("UV_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (requirements / "tiny.lock").write_text(make_wheel(tmp_path / "wheels", "one", "1.0"))
    environment, _ = make(tmp_path)
    assert environment.is_current() and (tmp_path / "uv-cache").is_dir()
    fetched = install.Uv(tmp_path / "setup.log").settings["UV_PYTHON_INSTALL_DIR"]
    assert fetched == str(PROJECT / ".venv-python")  # which `make clean` deletes, and git ignores


@pytest.mark.slow
def test_the_projects_folder_may_have_any_name(tmp_path, requirements, monkeypatch):
    project = tmp_path / "100 %25 C# films? ü"
    project.mkdir()
    monkeypatch.setattr(install, "PROJECT", project)
    make_wheel(tmp_path / "made", "ours", "1.0")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "ours"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (project / "backend.py").write_text(
        f"import shutil\nWHEEL = {str(tmp_path / 'made' / 'ours-1.0-py3-none-any.whl')!r}\n"
        "def build_editable(folder, *others):\n    return shutil.copy(WHEEL, folder).split('/')[-1]\n"
    )
    (requirements / "lock.txt").write_text(make_wheel(tmp_path / "wheels", "one", "1.0"))
    for lock in install.torch_locks(""):
        lock.touch()
    environment = install.Environment("project", folder=tmp_path / "env")
    environment.make(install.Uv(tmp_path / "setup.log"), sys.executable)
    assert environment.is_current() and list(tmp_path.glob("env/lib/python*/site-packages/ours.py"))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("Resolved 1 package\nerror: File not found: /a.txt\n", "File not found: /a.txt"),
        ("error: Failed to initialize cache\n  cause: failed to create /x\n", "failed to create /x"),
        ("  × No solution found:\n  ╰─▶ Because one was yanked\n", "Because one was yanked"),
        ("ERROR: No matching distribution found for uv\n", "No matching distribution found for uv"),
        ("Killed\n", "uv failed"),
    ],
)
def test_the_reason_of_a_failure_is_its_last_cause(output, said):
    assert install.reason(output, "") == said


@pytest.mark.slow
def test_a_python_that_cannot_be_fetched_is_reported(tmp_path, requirements, monkeypatch, capsys):
    monkeypatch.setattr(install, "is_supported", lambda: False)
    uv = install.Uv(tmp_path / "setup.log")
    uv.settings |= {"PATH": str(tmp_path), "UV_PYTHON_INSTALL_DIR": str(tmp_path / "none"), "UV_OFFLINE": "1"}
    with pytest.raises(install.InstallError) as told:
        uv.find_python()
    assert str(told.value).startswith(
        "Python 3.11.4 to 3.14 is needed, there is none on this machine, and uv could not fetch one:"
    )
    assert str(told.value).endswith("make PYTHON=/path/to/python3.13")
    assert "There is no Python 3.11.4 to 3.14 on this machine; uv fetches 3.13" in capsys.readouterr().out


@pytest.mark.slow
def test_an_old_python_finds_a_supported_one(tmp_path, requirements, monkeypatch):
    monkeypatch.setattr(install, "is_supported", lambda: False)
    folder = tmp_path / "path"
    folder.mkdir()
    name = "python{}.{}".format(*sys.version_info)
    (folder / name).symlink_to(Path(sys.base_prefix) / "bin" / name)
    uv = install.Uv(tmp_path / "setup.log")
    uv.settings["PATH"] = str(folder)
    assert install.identity(uv.find_python()) == install.identity(sys.executable)


def test_a_python_that_was_chosen_and_is_too_old_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(install, "is_supported", lambda: False)
    monkeypatch.setattr(sys, "argv", ["install.py", "--this-python"])
    assert install.main() == 1
    assert capsys.readouterr().err.startswith("error: Python 3.11.4 to 3.14 is needed, but this is 3.")


@pytest.mark.parametrize(
    ("version", "supported"),
    [((3, 11, 2), False), ((3, 11, 4), True), ((3, 14, 9), True), ((3, 15, 0), False), ((3, 8, 20), False)],
)
def test_a_python_whose_tarfile_unpacks_safely_is_supported(monkeypatch, version, supported):
    with monkeypatch.context() as patched:
        patched.setattr(sys, "version_info", version)
        found = install.is_supported()
    assert found == supported


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    shutil.copytree(PROJECT / "requirements", tmp_path / "requirements")
    shutil.copyfile(PROJECT / "pyproject.toml", tmp_path / "pyproject.toml")
    (tmp_path / "build").write_text("in the way of the log")
    command = [sys.executable, tmp_path / "requirements" / "install.py"]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1, done.stdout
    assert done.stderr == f"error: the environments could not be made: File exists: {tmp_path / 'build'}\n"
    assert "ready" not in done.stdout


def test_every_locked_package_has_a_hash_and_no_lock_names_where_it_was_made():
    locks = [*PROJECT.glob("requirements/*.lock"), *PROJECT.glob("selfhost/docker/*.lock")]
    locks.append(PROJECT / "requirements/lock.txt")
    assert len(locks) == 16
    for file in locks:
        text = file.read_text()
        assert not re.search(r"^ *--(index|extra-index|find-links)|://| @ ", text, re.M), file
        for entry in re.split(r"^(?=[^\s#])", text, flags=re.M)[1:]:
            assert "--hash=sha256:" in entry, f"{file.name}: {entry}"


def test_the_versions_of_python_and_torch_agree():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == install.SUPPORTED_RANGE
    assert f"You need Python {install.SUPPORTED}" in (PROJECT / "README.md").read_text()
    assert "not (3, 11, 4) <= sys.version_info < (3, 15)" in (PROJECT / "Makefile").read_text()
    workflow = (PROJECT / ".github/workflows/tests.yml").read_text()
    assert 'python: ["3.11", "3.12", "3.13", "3.14"]' in workflow
    [torch] = [each for each in project["dependencies"] if each.startswith("torch")]
    assert torch in (PROJECT / "requirements/torch.in").read_text().splitlines()


@pytest.mark.parametrize(("value", "compiled"), [("1", True), ("", False)])
def test_modules_are_compiled_where_python_would_not_keep_what_it_compiles(monkeypatch, value, compiled):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", value)
    assert ("--compile-bytecode" in install.bytecode()) == compiled


def test_torchs_index_is_of_the_environment_that_has_torch():
    """`make deploy CONTAINER=ray` names it, and whoever makes that environment alone does not."""
    index = "https://download.pytorch.org/whl/cpu"
    for name, same in (("ray", True), ("sam", True), ("project", False)):
        fingerprints = {install.Environment(name, given).fingerprint for given in ("", index)}
        assert (len(fingerprints) == 1) == same
