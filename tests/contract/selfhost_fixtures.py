"""What tests of the self-hosted system share: a real MLflow server with champions, and a real gunicorn."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import psutil
import pytest

from project.ports import free_port
from selfhost.cache import ModelCache
from sentiment.data.prepared import prepare
from sentiment.data.reviews import table
from sentiment.files import sha256_of
from sentiment.serving.artifact import CHECKSUMS
from tests.conftest import BAD, BUILD, GOOD, PROJECT
from tests.tethered import tethered
from tests.unit import sentiment_fixtures
from tracking.champion import MODEL_FOLDER, MODEL_TAG, Champion

NAME = "movie-sentiment"
START_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    """An HTTP response, read to its end."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


class Server:
    """A command that answers HTTP at `url`, in a process group of its own."""

    def __init__(
        self,
        command: list[str],
        url: str,
        environment: Mapping[str, str],
        log: Path,
        folder: Path = PROJECT,
        bare: bool = False,
    ):
        self.command, self.url, self.log, self.folder = command, url, log, folder
        self.environment = dict(environment) if bare else {**os.environ, **environment}
        self.process: subprocess.Popen | None = None

    def start(self, ready: str = "/health") -> Server:
        """Start it; return when `ready` is answered, be it by an error."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                tethered(self.command),
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until(lambda: self._answers(ready), START_SECONDS)
        return self

    def _answers(self, path: str) -> bool:
        assert self.process.poll() is None, f"{self.command} ended:\n{self.log.read_text()}"
        try:
            return self.get(path).status > 0
        except OSError:
            return False

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, content: Any) -> Answer:
        return self.ask("POST", path, json.dumps(content).encode(), {"content-type": "application/json"})

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        request = urllib.request.Request(self.url + path, body, dict(headers or {}), method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.status, error.headers, error.read())

    def kill(self) -> None:
        """As the kernel does it: nothing is tidied up."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """As Ctrl-C or `docker stop` do it; the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self.process is None:
            return 0
        if number == signal.SIGKILL:
            family = psutil.Process(self.process.pid).children(recursive=True)
            os.killpg(self.process.pid, number)
            for each in family:  # what has a process group of its own
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        elif self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(60)
        finally:
            if _group_lives(self.process.pid):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process = None
        return status


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def empty_database() -> Path:
    """What a new server would make, kept for each version of MLflow: its migrations take seconds."""
    file = BUILD / f"mlflow-{importlib.metadata.version('mlflow')}.db"
    if not file.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
            made = Path(scratch) / file.name
            store = f"SqlAlchemyStore('sqlite:///{made}', 'mlflow-artifacts:/')"
            program = f"from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore; {store}"
            subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
            made.rename(file)
    return file


class Tracking(Server):
    """MLflow's server on sqlite, as `make mlflow` starts it; it can be killed and started again."""

    def __init__(self, folder: Path):
        (folder / "data").mkdir()
        shutil.copyfile(empty_database(), folder / "data" / "mlflow.db")
        port = free_port()
        serve = ("serve", "--port", str(port), "--folder", str(folder / "data"))
        command = [sys.executable, "train/tracking.py", *serve]
        super().__init__(command, f"http://127.0.0.1:{port}", {}, folder / "mlflow.log")

    def register(self, model: Path, name: str, alias: str = "champion") -> str:
        """Register a model folder as training does and make it the champion; the version in the registry."""
        from mlflow.exceptions import MlflowException

        client = self._client()
        run = client.create_run("0")
        client.log_artifacts(run.info.run_id, str(model), f"logged/{MODEL_FOLDER}")
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            assert error.error_code == "RESOURCE_ALREADY_EXISTS"
        tags = {MODEL_TAG: version_of(model)}
        source = f"{run.info.artifact_uri}/logged"
        version = client.create_model_version(name, source, run.info.run_id, tags=tags)
        client.set_registered_model_alias(name, alias, version.version)
        return str(version.version)

    def champion(self, name: str, version: str) -> None:
        """Make a registered version the champion."""
        self._client().set_registered_model_alias(name, "champion", version)

    def _client(self):
        from mlflow import MlflowClient  # takes seconds to import

        return MlflowClient(self.url, self.url)


def version_of(model: Path) -> str:
    """The version that names a model folder."""
    return sha256_of(model / CHECKSUMS)[:12]


@pytest.fixture(scope="session")
def tracking(tmp_path_factory) -> Iterator[Tracking]:
    server = Tracking(tmp_path_factory.mktemp("mlflow"))
    try:
        yield server.start()
    finally:
        server.stop()


# Words of tests/conftest.py's reviews and some of their kind.
GOOD_WORDS = f"{GOOD} wonderful superb touching brilliant loved".split()
BAD_WORDS = f"{BAD} terrible boring hated poor mess".split()


@pytest.fixture(scope="session")
def talking_model(tmp_path_factory) -> Path:
    """A tiny model that tells GOOD from BAD, trained by the real train.py on made-up reviews."""
    from train import train

    folder, draw = tmp_path_factory.mktemp("talking"), random.Random(3)
    rows = []
    for split, count in (("train", 200), ("validation", 40)):
        for number in range(count):
            words = draw.choices(sentiment_fixtures.NEUTRAL, k=draw.randint(0, 6))
            words += draw.choices(GOOD_WORDS if number % 2 else BAD_WORDS, k=draw.randint(2, 12))
            draw.shuffle(words)
            rows.append((f"{' '.join(words)} {number}", number % 2, split, f"{split}/{number}"))
    data = prepare(table(rows), "words", folder / "prepared", progress=False)
    arguments = ["--recipe", "fast", "--train", str(data.train), "--validation", str(data.validation)]
    arguments += ["--model-dir", str(folder / "model"), "--precision", "float32", "--threads", "1"]
    assert train.main(arguments + sentiment_fixtures.options_of(epochs=4)) == 0
    return folder / "model"


@pytest.fixture(scope="session")
def models() -> tuple[Path, Path]:
    """Two models that differ, the first with a wide part and a cut, the second without."""
    return sentiment_fixtures.model_folder("fast"), sentiment_fixtures.model_folder("predecessor")


class Web(Server):
    """gunicorn with its configuration file: two workers, and the registry asked twice a second."""

    def __init__(self, folder: Path, tracking_uri: str, name: str, **environment: str):
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "--config", "selfhost/gunicorn.conf.py"]
        self.cache, self.feedback = folder / "models", folder / "feedback"
        settings = {
            "MLFLOW_TRACKING_URI": tracking_uri,
            "SENTIMENT_MODEL": f"models:/{name}@champion",
            "SENTIMENT_CACHE": str(self.cache),
            "SENTIMENT_FEEDBACK": str(self.feedback),
            "SENTIMENT_POLL_SECONDS": "0.5",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "2",
            "OMP_NUM_THREADS": "1",
            "WEB_CONCURRENCY": "2",
        }
        super().__init__(
            [*command, "--bind", f"127.0.0.1:{port}"],
            f"http://127.0.0.1:{port}",
            settings | environment,
            folder / "web.log",
        )

    def hold(self, model: Path) -> None:
        """Put a copy of a model folder into the cache, as if it had been fetched."""
        cache = ModelCache(self.cache)
        assert cache.lock()
        with cache.temporary_folder() as folder:
            shutil.copytree(model, folder / "model")
            cache.keep(Champion("held", "1", "", 0, version_of(model)), folder / "model")
        cache.release()

    def lines(self) -> list[dict[str, Any]]:
        """The log so far; every line of it is a JSON object."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def served(self) -> str | None:
        """The version of the model that answers, in one of the workers; None while there is none."""
        answer = self.get("/model")
        return answer.json["model"] if answer.status == 200 else None

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def wait_for_model(self, version: str) -> None:
        """Until every worker has said that it serves that model."""

        def all_serve() -> bool:
            said = [line for line in self.lines() if line["message"] == "serving a model"]
            latest = {line["process"]: line["model"] for line in said}
            workers = self.workers()
            return bool(workers) and all(latest.get(worker.pid) == version for worker in workers)

        wait_until(all_serve)


@pytest.fixture
def registered() -> str:
    """A name in the registry that no other test uses."""
    return f"{NAME}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def web(tmp_path, tracking, registered) -> Iterator[Web]:
    """A web server with an empty cache, not started yet."""
    server = Web(tmp_path, tracking.url, registered)
    try:
        yield server
    finally:
        server.stop()
