"""docker-compose.yml and the images: valid, and each service runs by its own command."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from compose import COMPOSE, Container, Dockerfile, Host, compose
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import BAD, GOOD, PROJECT
from tests.contract.selfhost_fixtures import BAD_WORDS, GOOD_WORDS, Server, wait_until

DOCKERFILES = sorted((PROJECT / "selfhost" / "docker").glob("*.Dockerfile"))
SERVICES = compose()["services"]


def image_of(name: str) -> Dockerfile:
    return Dockerfile.read(PROJECT / SERVICES[name]["build"]["dockerfile"])


def test_the_dockerfiles_pass_the_linter():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, *DOCKERFILES], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.stem)
def test_images_begin_from_one_pinned_base(file):
    bases = re.findall(r"^FROM (\S+)", file.read_text(encoding="utf-8"), re.M)
    [base] = set(bases)
    assert re.fullmatch(r"python:3\.12\.12-slim-bookworm@sha256:[0-9a-f]{64}", base)
    # One base for all of them, so that they share its layers.
    assert all(f"FROM {base} " in other.read_text(encoding="utf-8") for other in DOCKERFILES)


def test_every_package_of_every_image_is_pinned_by_a_hash():
    for file in DOCKERFILES:
        text = file.read_text(encoding="utf-8").replace("\\\n", " ")
        installs = re.findall(r"\bpip\b[^&\n]*? install ([^&\n]*)", text)
        assert installs and all("--require-hashes" in options for options in installs)


@pytest.mark.parametrize("name", SERVICES)
def test_images_hold_all_that_their_packages_need(name):
    """By what the installed packages say of themselves, not by the lock that the images are made from."""
    packages = image_of(name).packages
    environment = {"sys_platform": "linux", "python_version": "3.12", "python_full_version": "3.12.12"}
    missing = [
        f"{package} needs {needed}"
        for package in packages
        if _installed(package)
        for needed in map(Requirement, importlib.metadata.requires(package) or ())
        if needed.marker is None or needed.marker.evaluate({**environment, "extra": ""})
        if canonicalize_name(needed.name) not in packages
    ]
    assert missing == []


def _installed(package: str) -> bool:
    try:
        return bool(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:  # for another platform or Python
        return False


def test_the_web_image_is_small():
    """No torch, none of what MLflow's server and its other models need, and no model."""
    image = image_of("web")
    assert not image.packages & {
        "torch",
        "mlflow",
        "pandas",
        "scipy",
        "scikit-learn",
        "pyarrow",
        "matplotlib",
    }
    assert not [path for path in image.copied if path.startswith("build")]


def test_the_compose_file_keeps_to_the_specification():
    checker = Path(sys.executable).with_name("check-jsonschema")
    command = [checker, "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_compose_file_leaves_nothing_out():
    content = compose()
    assert set(content) == {"name", "services", "volumes", "x-service"}
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert mounted == set(content["volumes"])
    for service in SERVICES.values():
        assert re.fullmatch(r"[\w-]+:\d+\.\d+\.\d+", service["image"])
        assert (PROJECT / service["build"]["dockerfile"]).is_file()
        assert set(service.get("depends_on", ())) <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_little(name):
    service, image = SERVICES[name], image_of(name)
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(image.user.partition(":")[0]) > 1000
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert ("healthcheck" in service) == (name != "trainer")


def test_variables_are_those_of_make():
    text = COMPOSE.read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{(\w+)", text))
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^(\w+) \?= ?(.*)$", makefile, re.M))
    assert used <= set(defaults)
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", text):
        assert default == defaults[name]


def test_only_what_the_images_copy_is_sent_to_docker():
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    copied = {source for name in SERVICES for source in image_of(name).copied}
    # The last is what serve/Dockerfile copies besides serve/.
    assert sent == copied | {"requirements/torch-cpu.lock", "requirements/serve.lock"}


@pytest.fixture
def reviews(tmp_path) -> Path:
    """A small file of reviews such as Kaggle's."""
    file = tmp_path / "data" / "reviews.csv"
    file.parent.mkdir()
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["review", "sentiment"])
        for number in range(240):
            words = GOOD_WORDS if number % 2 else BAD_WORDS
            review = " ".join(words[(number * 7 + k) % len(words)] for k in range(3 + number % 9))
            writer.writerow([f"{review} {number}", "positive" if number % 2 else "negative"])
    return file


@pytest.fixture
def started() -> Iterator[list[Server]]:
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.stop()


def start(container: Container, url: str, log: Path, ready: str) -> Server:
    return Server(container.command, url, container.environment, log, container.folder, bare=True).start(
        ready
    )


def run(container: Container, command: list[str]) -> subprocess.CompletedProcess[str]:
    folder, environment = container.folder, container.environment
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def healthy(container: Container) -> bool:
    return run(container, container.healthcheck).returncode == 0


@pytest.mark.slow
def test_the_services_run_by_their_own_commands(tmp_path, reviews, started):
    """From nothing to a verdict: the server, a training, and a page that finds the model by itself."""
    options = "epochs=4 vocab_size=120 embedding_dim=8 hidden_dim=8 ngram_min_reviews=2 batch_size=16"
    options += " snippets=0 counterfactuals=0"
    variables = {"DATA": "kaggle", "DATA_PATH": "/data/reviews.csv", "SET": options}
    host = Host(tmp_path, variables, {"/data": reviews.parent})
    mlflow, trainer, web = (host.container(name) for name in ("mlflow", "trainer", "web"))
    before = {container.folder: container.files() for container in (mlflow, trainer, web)}
    for container in (mlflow, web):
        assert not healthy(container)

    page = start(web, host.url("web"), tmp_path / "web.log", "/")
    started.append(page)
    assert page.post("/predict", {"review": GOOD}).status == 503
    assert not healthy(web)
    tracking = start(mlflow, host.url("mlflow"), tmp_path / "mlflow.log", "/health")
    started.append(tracking)
    assert healthy(mlflow)

    alias = "/api/2.0/mlflow/registered-models/alias?name=movie-sentiment&alias=champion"
    for name, status in (("mlflow:5000", 404), ("localhost:5001", 404), ("evil.example", 403)):
        assert tracking.get(alias, {"host": name}).status == status, name

    training = run(trainer, trainer.command)
    assert training.returncode == 0, training.stdout + training.stderr
    assert "champion: movie-sentiment version 1" in training.stdout

    wait_until(lambda: healthy(web))
    # One worker is ready; each of the others loads the model by itself, and answers 503 until then.
    wait_until(lambda: all(page.post("/predict", {"review": GOOD}).status == 200 for _ in range(8)))
    for review, sentiment in ((GOOD, "positive"), (BAD, "negative")):
        answer = page.post("/predict", {"review": review})
        assert (answer.status, answer.json["sentiment"]) == (200, sentiment)
    assert page.get("/model").json["runtime"] == "onnxruntime"
    assert page.post("/feedback", {**answer.json, "review": BAD, "vote": "up"}).status == 201

    assert len(list(web.volumes["feedback"].glob("date=*/*.json"))) == 1
    assert json.loads((web.volumes["models"] / "current.json").read_text())["champion"]["version"] == "1"
    assert (mlflow.volumes["database"] / "mlflow.db").is_file()
    assert any(mlflow.volumes["artefacts"].rglob("weights.npz"))
    assert any(trainer.volumes["prepared"].rglob("word_dict.json"))
    for folder, files in before.items():
        assert {file for file in folder.rglob("*") if not file.is_symlink()} == files, "the root is read-only"
