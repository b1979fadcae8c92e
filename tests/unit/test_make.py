"""What a person types after `make`: a mistake is one line that says what to do, before anything is made."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.containers import HOSTING
from pipeline.settings import SDKS
from requirements import make_settings
from sentiment.data.sources import SOURCES
from sentiment.training.recipes import RECIPES
from tests.conftest import PROJECT
from tests.environments import interpreter

MAKEFILE = str(PROJECT / "Makefile")

# Those of a make that runs these tests are not meant for the ones that they run.
OUTER = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "PORT", "WEB_PORT", "MLFLOW_PORT")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in OUTER}


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=ENVIRONMENT | environment,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_a_bare_make_ranks_every_target_first_steps_first():
    text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^([a-z-]+):.*## (.+)$", text, re.M))
    done = run("make")
    listed = re.findall(r"^  ([a-z-]+) +(.+)$", done.stdout, re.M)
    assert done.returncode == 0 and listed[0][0] == "demo"
    assert dict(listed) | {"help": documented["help"]} == documented and len(listed) == len(documented) - 1
    headings = re.findall(r"^[A-Z].*$", done.stdout, re.M)
    assert headings[0] == "First steps" and len(headings) > 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("PYTHON=python9", "PYTHON=python9 does not run; name a Python 3.11.4 to 3.14: make PYTHON="),
        ("PORT=99999", "PORT=99999 is not a port: a number from 1 to 65535"),
        ("PORT=abc", "PORT=abc is not a port"),
        ("WEB_PORT=0", "WEB_PORT=0 is not a port"),
        ("MLFLOW_PORT=", "MLFLOW_PORT= is not a port"),
        ("RECIPIE=best", "there is no setting RECIPIE; did you mean RECIPE?"),
        ("recipe=best", "there is no setting recipe; did you mean RECIPE?"),
        ("UNHEARD=of it's", "there is no setting UNHEARD; a bare `make` lists the names"),
        (
            "EPOCHS=3",
            "there is no setting EPOCHS; a bare `make` lists the names, and a hyperparameter is set by ",
        ),
    ],
)
def test_a_mistake_is_one_line(typed, said):
    done = run("make", "demo", typed)
    line, of_make = done.stderr.splitlines()
    assert line.startswith(f"error: {said}") and of_make.startswith("make: ***")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("DATA=Kaggle", ": choose sample, aclimdb or kaggle; did you mean kaggle?"),
        ("RECIPE=", ": choose fast, best, semi or predecessor"),
        ("RECIPE=bset", ": choose fast, best, semi or predecessor; did you mean best?"),
        ("CONTAINER=slmi", ": choose slim, ray or pytorch; did you mean slim?"),
        ("WHERE=aws selfhost", ": choose aws or selfhost"),
        ("SDK=3.0", ": choose 2 or 3"),
        ("ON=moon", ": choose here or sagemaker"),
        ("ENDPOINT=serverles", ": choose serverless or instances; did you mean serverless?"),
        ("SPOT=yes", ": choose 0 or 1"),
        ("AUTO=true", ": choose 0 or 1"),
        ("QUICK= 1", ": choose 0 or 1"),
        ("INSTANCES=-1", " is not a number of instances: 1 or more"),
        ("INSTANCES=\u0664", " is not a number of instances: 1 or more"),
        ("INSTANCES=99999999999", " is not a number of instances: 1 or more"),
        ("PROVISIONED=", " is not a number of containers: 0 or more"),
        ("AUTOSCALE=2-10", " is not MIN:MAX instances, such as 2:10"),
        ("CANARY=10%", " is not a share of the texts: a number from 1 to 99 (%)"),
        ("CANARY_MINUTES=nan", " is not a number of minutes"),
        ("CANARY_ANSWERS=1e3", " is not a number of answers, such as 50"),
        ("VERSION=3; echo", " is not the number of a version, such as 3"),
        ("WINDOW=yesterday", " is not hours or days, such as 24h or 7d"),
        (
            "TORCH_INDEX=cpu",
            " is not the URL of a package index, such as https://download.pytorch.org/whl/cpu",
        ),
        ("STACK=my stack's", " is not a stack name: a letter, then"),
    ],
)
def test_an_invalid_value_is_reported_before_anything_is_installed(capsys, typed, said):
    assert make_settings.main(MAKEFILE, typed) == 1
    assert capsys.readouterr().err.startswith(f"error: {typed}{said}")
    assert make_settings.main(MAKEFILE, "SET=anything", "--environment", typed) == 1
    assert capsys.readouterr().err.endswith("; the environment sets it\n")


@pytest.mark.slow
def test_a_misspelled_setting_deletes_nothing():
    done = run("make", "-n", "clean", "BIULD=other")
    assert done.stdout.index("make_settings.py Makefile 'BIULD=other'") < done.stdout.index("rm -rf build")
    assert "make_settings" not in run("make", "-n", "clean").stdout


def test_every_default_and_every_choice_passes(capsys):
    choices = [f"{name}={value}" for name, values in make_settings.CHOICES.items() for value in values]
    defaults = re.findall(r"^([A-Z_]+) \?= ?(\w*)$", Path(MAKEFILE).read_text(encoding="utf-8"), re.M)
    assert len(defaults) > 20
    assert make_settings.main(MAKEFILE, *choices, *("=".join(pair) for pair in defaults)) == 0, capsys


def test_the_choices_are_those_that_the_programs_know():
    wanted = {"DATA": SOURCES, "RECIPE": RECIPES, "CONTAINER": HOSTING, "SDK": SDKS}
    assert {name: set(make_settings.CHOICES[name]) for name in wanted} == {
        name: set(values) for name, values in wanted.items()
    }


@pytest.mark.slow
def test_a_value_reaches_its_program_as_it_was_typed():
    """-n: what make would run, as its shell would read it."""
    path, words = 'it\'s "my" film, `pwd` (é) #2.csv', "we're it"
    typed = ("DATA=kaggle", f"DATA_PATH={path}", "SET=epochs=2\n seed='1'", f"TRUST={words}", "AUTO=0")
    for target, where, settings in (
        ("retrain", "aws", {"--set=epochs=2", "--set=seed='1'", f"--trust={words}"}),
        ("retrain", "selfhost", {"--set=epochs=2  seed='1'", f"--trust={words}"}),
        ("bench", "aws", set()),
        ("selfhost", "aws", {"--set=epochs=2  seed='1'"}),
    ):
        commands = run("make", "-n", target, f"WHERE={where}", *typed).stdout.replace("\\\n", " ")
        given = set(shlex.split(commands))
        assert settings | {f"--data-path={path}"} <= given and "--auto" not in given


@pytest.mark.slow
def test_modules_of_another_project_are_not_taken(tmp_path):
    (tmp_path / "difflib.py").write_text("raise SystemExit('of another project')")
    done = run("make", "demo", "RECIPIE=best", PYTHONPATH=str(tmp_path))
    assert "error: there is no setting RECIPIE; did you mean RECIPE?" in done.stderr


@pytest.mark.slow
def test_a_broken_home_of_python_hides_no_python():
    """Before make 4.4, `unexport` has no effect on what $(shell ...) runs."""
    done = run("make", "demo", "RECIPIE=best", PYTHONHOME="/nowhere")
    assert "error: there is no setting RECIPIE; did you mean RECIPE?" in done.stderr


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder with the Makefile. localcloud leaves a mark when it starts; python prints its arguments."""
    for name in ("Makefile", "requirements/make_settings.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(PROJECT / name, tmp_path / name)
    (tmp_path / "requirements" / "install.py").touch()
    programs = {
        "localcloud": 'touch started; while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
        "python": 'env | grep ^PYTHON; for word; do printf "[%s]" "$word"; done; echo',
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (file := tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    return tmp_path


@pytest.mark.slow
def test_settings_of_python_for_other_programs_do_not_reach_ours(checkout):
    others = {"PYTHONSAFEPATH": "1", "PYTHONOPTIMIZE": "2", "PYTHONINSPECT": "1", "PYTHONHOME": "/nowhere"}
    done = run("make", "-C", str(checkout), "summary", "BIN=bin", **others)
    assert done.returncode == 0 and "[summary]" in done.stdout
    assert not [name for name in others if name in done.stdout]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["demo", "load"])
def test_what_make_only_prints_starts_no_cloud(checkout, target):
    done = run("make", "-C", str(checkout), "-n", target, "BIN=bin")
    assert done.returncode == 0 and "bin/localcloud run" in done.stdout
    assert not (checkout / "started").exists()


@pytest.mark.slow
def test_the_make_behind_localcloud_gets_what_was_typed(checkout):
    """And with -j no warning that it cannot share the jobs."""
    path = 'it\'s "my" $HOME (é) #2.csv'
    typed = ("BIN=bin", "DATA=kaggle", f"DATA_PATH={path.replace('$', '$$')}", "SET=epochs=1 seed=2")
    done = run("make", "-j2", "-C", str(checkout), "demo", *typed)
    assert (done.returncode, done.stderr) == (0, "") and (checkout / "started").exists()
    assert "make[1]: Entering directory" not in done.stdout
    steps = [line for line in done.stdout.splitlines() if line.endswith("[deploy]")]
    assert len(steps) == 1
    assert f"[--data-path={path}]" in steps[0] and "[--set=epochs=1][--set=seed=2]" in steps[0]


@pytest.mark.slow
def test_a_port_from_the_environment_is_checked_too():
    assert "error: PORT=abc is not a port" in run("make", "demo", PORT="abc").stderr


@pytest.mark.slow
def test_a_taken_port_advises_what_was_typed():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        localcloud = [sys.executable, "-m", "localcloud", "run", "--port", port]
        advised = run(*localcloud, "--port-advice", "make demo PORT=4600", "--", "true")
        plain = run(*localcloud, "--", "true")
    assert advised.stderr.endswith("; stop that, or make demo PORT=4600\n") and advised.returncode == 1
    assert plain.stderr.endswith("; stop that, or choose another port with --port\n")
    # -n: what make would run.
    told = run("make", "-n", "notebook").stdout
    assert "--port '4566' --port-advice \"make notebook PORT=4600\"" in told


def test_a_wrong_option_of_localcloud_is_one_line():
    done = run(sys.executable, "-m", "localcloud", "run", "--port", "99999", "--", "true")
    assert done.stderr == "localcloud: argument --port: a port is a number from 0 to 65535\n"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["", "localhost", "http://127.0.0.1:9"])
def test_pictures_of_no_page_are_one_line(page):
    done = run(sys.executable, "docs/screenshots.py", page)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_bills_of_materials_name_what_the_locks_do_with_its_hashes(tmp_path):
    scanners = interpreter("scan").parent
    recipe = run("make", "--dry-run", "sbom").stdout.partition("mkdir -p build/sbom")
    script = "".join(recipe[1:]).replace("build/sbom", shlex.quote(str(tmp_path)))
    done = run("sh", "-e", "-c", script.replace(".venv-scan/bin", shlex.quote(str(scanners))))
    assert done.returncode == 0, done.stderr
    locks = [*PROJECT.glob("requirements/*.lock"), *PROJECT.glob("selfhost/docker/*.lock")]
    for lock in (*locks, PROJECT / "requirements" / "lock.txt"):
        bill = json.loads((tmp_path / f"{lock.name.replace('.', '-')}.cdx.json").read_text("utf-8"))
        pinned = re.findall(r"^([\w.-]+)(?:\[.*\])?==([^ ;]+)", lock.read_text("utf-8"), re.M)
        components = bill["components"]
        assert sorted((one["name"], one["version"]) for one in components) == sorted(pinned)
        assert all(one["externalReferences"][0]["hashes"] for one in components)
