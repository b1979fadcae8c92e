"""Measure the deployed chain and the self-hosted server under load: `make load`.

    localcloud run -- python -m benchmarks.load [--requests 20000] [--seconds 10] [--only chain]

Needs the stack of `make deploy` on an offline cloud; AWS is refused, since all traffic stays on this machine.
Asks with 1, 8, 32 and 128 clients at once, then with 8 until so many requests have been sent, compares every
answer in full with what the model itself says, and writes docs/reliability.md. Fails where a request got
neither the model's answer nor a refusal that says when to come back, and where memory grows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks import load_report, machine
from benchmarks.errors import BenchError
from benchmarks.load_client import LOOPBACK, Case, Run, load
from pipeline import aws, stack
from pipeline.settings import PipelineError, Settings
from project.console import say, step
from project.paths import PROJECT
from project.supervisor import Program
from selfhost.cache import ModelCache
from selfhost.model import verdict
from sentiment.data.sources import load_reviews
from sentiment.files import atomic_write
from sentiment.serving.predictor import Predictor
from tracking.champion import Champion

LEVELS = (1, 8, 32, 128)
"""Clients at once."""
SOAK_CLIENTS = 8
REVIEWS = 48
WARM_UP_SHARE = 0.25
"""Of the requests of the soak: until then caches and what is kept of requests fill up."""
MAX_GROWTH = 0.05
"""Of memory, from the end of the warm-up to the end. Fewer than ENOUGH requests are no warm-up."""
ENOUGH = 5_000
START_SECONDS = 60
UNTHROTTLED = {"ThrottlingRateLimit": 10_000.0, "ThrottlingBurstLimit": 5_000}
"""API Gateway's own defaults: the stack's limits would be all that is measured."""
TARGET = PROJECT / "docs" / "reliability.md"


@dataclass(frozen=True)
class Held:
    """What a tree of processes holds at a moment."""

    memory_mb: float
    descriptors: int
    threads: int
    own_cpu_seconds: float
    """Of the tree's root alone: localcloud's own process."""
    others_cpu_seconds: float

    @classmethod
    def by(cls, root: psutil.Process) -> Held:
        memory = descriptors = threads = 0
        seconds = {True: 0.0, False: 0.0}
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess), process.oneshot():
                memory += process.memory_info().rss
                descriptors += process.num_fds()
                threads += process.num_threads()
                seconds[process == root] += sum(process.cpu_times()[:2])
        return cls(memory / 2**20, descriptors, threads, seconds[True], seconds[False])


@dataclass(frozen=True)
class Measured:
    """What a system did under load."""

    title: str
    runs: list[Run]
    soak: Run
    start: Held
    alone: Held
    """After the run of a single client."""
    warm: Held
    end: Held

    @property
    def growth(self) -> float:
        return self.end.memory_mb / self.warm.memory_mb - 1


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__.partition("\n")[0])
    parser.add_argument("--stack", default="movie-sentiment")
    parser.add_argument("--requests", type=int, default=20_000, help="sent by 8 clients in the end")
    parser.add_argument("--seconds", type=float, default=10, help="for each number of clients")
    parser.add_argument("--only", choices=["chain", "selfhost"])
    parser.add_argument("--output", type=Path, default=TARGET)
    options = parser.parse_args(arguments)
    try:
        run(options)
    except (BenchError, PipelineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(options: argparse.Namespace) -> None:
    settings = Settings(stack=options.stack)
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="load-") as scratch:
        step("Load")
        folder = deployed_model(settings, Path(scratch))
        cases = cases_of(folder)
        say(f"{len(cases)} reviews, answered by the model itself")
        measured = []
        if options.only != "selfhost":
            measured.append(measure_chain(settings, cases, options))
        if options.only != "chain":
            measured.append(measure_selfhost(folder, Path(scratch), cases, options))
    described = f"{machine.in_words(machine.describe())}; its load average was {busy:.1f} when it began"
    text = load_report.document(measured, described, time.strftime("%Y-%m-%d", time.gmtime()), len(cases))
    with atomic_write(options.output) as aside:
        aside.write_text(text, encoding="utf-8")
    say(f"wrote: {options.output}")
    for each in measured:
        if wrong := each.soak.wrong + sum(run.wrong for run in each.runs):
            raise BenchError(f"{each.title}: {wrong} wrong answers, see {options.output}")
        if options.requests >= ENOUGH and each.growth > MAX_GROWTH:
            raise BenchError(f"{each.title}: memory grew by {each.growth:.1%}")


# -- What is asked -------------------------------------------------------------------------------------------


def deployed_model(settings: Settings, scratch: Path) -> Path:
    """The folder of the model that the stack serves, unpacked."""
    described = aws.client("sagemaker").describe_model(ModelName=stack.output(settings, "ModelName"))
    bucket, key = aws.split_uri(described["PrimaryContainer"]["ModelDataUrl"])
    archive, folder = scratch / "model.tar.gz", scratch / "model"
    aws.client("s3").download_file(bucket, key, str(archive))
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def cases_of(folder: Path) -> list[Case]:
    """Test reviews of every length, each with the answer of the model in the folder."""
    predictor = Predictor.from_folder(folder)
    texts = sorted(load_reviews("sample").select("test").texts, key=len)
    chosen = texts[:: max(1, len(texts) // REVIEWS)][:REVIEWS]
    return [
        Case(
            json.dumps({"review": text}).encode(),
            # As JSON gives it back: tuples are lists there.
            json.loads(json.dumps(verdict(predictor.explain([text])[0], predictor.version, True))),
        )
        for text in chosen
    ]


# -- The two systems -----------------------------------------------------------------------------------------


def measure_chain(settings: Settings, cases: list[Case], options: argparse.Namespace) -> Measured:
    """API Gateway, Lambda and endpoint, on localcloud."""
    url = stack.output(settings, "ApiUrl")
    address = urlsplit(url)
    if address.hostname not in LOOPBACK:
        raise BenchError(f"{url} is not on this machine: `make load` starts an offline cloud for itself")
    with urllib.request.urlopen(f"http://{address.netloc}/_localcloud/health", timeout=10) as answer:
        cloud = psutil.Process(json.load(answer)["pid"])
    with unthrottled(url.rpartition("/")[2]):
        return measure("The chain on localcloud", f"{url}/predict", cloud, cases, options)


@contextlib.contextmanager
def unthrottled(api: str) -> Iterator[None]:
    gateway, stage = aws.client("apigatewayv2"), {"ApiId": api, "StageName": "$default"}
    former = gateway.get_stage(**stage)["DefaultRouteSettings"]
    gateway.update_stage(**stage, DefaultRouteSettings=UNTHROTTLED)
    try:
        yield
    finally:
        gateway.update_stage(**stage, DefaultRouteSettings=former)


def measure_selfhost(folder: Path, scratch: Path, cases: list[Case], options: argparse.Namespace) -> Measured:
    """gunicorn with the model in its cache, and no registry to ask."""
    cache = ModelCache(scratch / "cache")
    cache.lock()
    with cache.aside() as aside:
        model = shutil.copytree(folder, aside / "model")
        cache.keep(Champion("load", "1", "", 0, Predictor.from_folder(folder).version), model)
    cache.release()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "SENTIMENT_CACHE": str(cache.folder),
        "SENTIMENT_FEEDBACK": str(scratch / "feedback"),
    }
    command = [sys.executable, "-m", "gunicorn", "--config", "selfhost/gunicorn.conf.py"]
    server = Program(
        "the web server", [*command, "--bind", f"127.0.0.1:{port}"], environment, scratch / "web.log"
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(f"{url}/health"), server)
        children = psutil.Process().children()
        [process] = [child for child in children if f"127.0.0.1:{port}" in child.cmdline()]
        return measure("The self-hosted server", f"{url}/predict", process, cases, options)
    finally:
        server.stop()
        server.wait()


def wait_until(ready: Callable[[], bool], server: Program) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if server.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"{server.name} does not start:\n{server.last_lines()}")
        time.sleep(0.2)


def is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


# -- Measuring -----------------------------------------------------------------------------------------------


def measure(
    title: str, url: str, root: psutil.Process, cases: list[Case], options: argparse.Namespace
) -> Measured:
    step(title)
    load(url, cases, SOAK_CLIENTS, len(cases), START_SECONDS)  # until everything has been started
    start = Held.by(root)
    runs = []
    held = [start]
    for clients in LEVELS:
        runs.append(load(url, cases, clients, options.requests, options.seconds))
        held.append(Held.by(root))
        say(in_words(runs[-1]))
    warming = round(options.requests * WARM_UP_SHARE)
    soak = load(url, cases, SOAK_CLIENTS, warming, 600)
    warm = Held.by(root)
    rest = load(url, cases, SOAK_CLIENTS, options.requests - warming, 1200)
    soak.seconds += rest.seconds
    soak.answered += rest.answered
    soak.refused += rest.refused
    soak.kinds += rest.kinds
    end = Held.by(root)
    say(in_words(soak))
    measured = Measured(title, runs, soak, start, held[1], warm, end)
    say(f"memory {end.memory_mb:.0f} MB, {measured.growth:+.1%} since the warm-up")
    return measured


def in_words(run: Run) -> str:
    p50 = statistics.median(run.answered) * 1000 if run.answered else float("nan")
    return (
        f"{run.clients} clients: {run.throughput:.0f} answers/s, p50 {p50:.1f} ms, "
        f"{len(run.refused)} refused, {run.wrong} wrong"
    )


if __name__ == "__main__":
    sys.exit(main())
