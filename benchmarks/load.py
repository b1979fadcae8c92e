"""Measure the deployed chain and the self-hosted server under load: `make load`.

    localcloud run -- python -m benchmarks.load [--requests 20000] [--seconds 10] [--only chain]

It needs the stack of `make deploy` on an offline cloud, and refuses AWS, since all traffic must stay on this
machine. It sends requests with 1, 8, 32 and 128 simultaneous clients, and then with 8 up to the given number
of requests, compares every answer completely with that of the model itself, writes docs/reliability.md, and
says which goals were reached. It fails if a request gets neither the model's answer nor a refusal with a time
for the next try, or if memory grows; the speed depends on the machine. At 100 answers a second, it takes
about nine minutes.
"""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import argparse
import contextlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psutil
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks import load_report, machine
from benchmarks.errors import BenchError
from benchmarks.load_client import LOOPBACK, Case
from benchmarks.load_measure import START_SECONDS, Measured, goals, measure
from project import ports
from project.console import say, step
from project.paths import PROJECT
from project.supervisor import Program
from selfhost.cache import ModelCache
from selfhost.model import verdict
from sentiment.data.sources import load_reviews
from sentiment.files import atomic_write
from sentiment.serving.predictor import Predictor
from sentiment.training.command_line import Parser, exit_status
from tracking.champion import Champion

REVIEWS = 48
UNTHROTTLED = {"ThrottlingRateLimit": 10_000.0, "ThrottlingBurstLimit": 5_000}
"""API Gateway's default limits. With those of the stack, only the limits would be measured."""
TARGET = PROJECT / "docs" / "reliability.md"


def main(arguments: list[str] | None = None) -> int:
    """Run the measurement from the command line; returns the exit status."""
    parser = Parser(prog="python -m benchmarks.load", description=__doc__.partition("\n")[0])
    parser.add_argument("--stack", default="movie-sentiment")
    parser.add_argument(
        "--requests", type=int, default=20_000, help="requests of the final run, by 8 clients"
    )
    parser.add_argument("--seconds", type=float, default=10, help="duration for each number of clients")
    parser.add_argument("--only", choices=["chain", "selfhost"])
    parser.add_argument("--output", type=Path, default=TARGET)
    options = parser.parse_args(arguments)
    return exit_status(lambda: run(options), BenchError, ports.NotReadyError)


def run(options: argparse.Namespace) -> None:
    """Measure, write the document and say which goals were reached. Raises BenchError."""
    stack = stack_outputs(options.stack)
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="load-") as scratch:
        step("Load")
        folder = deployed_model(stack["ModelName"], Path(scratch))
        cases = cases_of(folder)
        say(f"{len(cases)} reviews, answered by the model itself")
        measured: list[Measured] = []
        if options.only != "selfhost":
            measured.append(measure_chain(stack["ApiUrl"], cases, options))
        if options.only != "chain":
            measured.append(measure_selfhost(folder, Path(scratch), cases, options))
    described = f"{machine.summary(machine.describe())}; its load average was {busy:.1f} when it began"
    text = load_report.document(measured, described, time.strftime("%Y-%m-%d", time.gmtime()), len(cases))
    with atomic_write(options.output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    say(f"wrote: {options.output}")
    unreached = [f"{each.title}: {problem}" for each in measured for problem in report_goals(each)]
    if unreached:
        raise BenchError("; ".join(unreached))


def report_goals(measured: Measured) -> Iterator[str]:
    """Print which goals were reached; yield those that were missed although they hold on any machine."""
    step(f"{measured.title}: goals")
    for goal in goals(measured):
        say(f"{goal.verdict + ':':<14}{goal.text}: {goal.found}")
        if goal.reached is False and goal.on_every_machine:
            yield f"{goal.text}: {goal.found}"


# -- What is asked -------------------------------------------------------------------------------------------


def stack_outputs(name: str) -> dict[str, str]:
    """The outputs of the deployed stack. Raises BenchError where it is not deployed."""
    try:
        stacks = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise BenchError(
            f"the stack {name!r} cannot be measured ({error}): `make load` deploys it offline"
        ) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    if missing := {"ApiUrl", "ModelName"} - outputs.keys():
        raise BenchError(f"the stack {name!r} has no output {missing.pop()}: run `make deploy` first")
    return outputs


def deployed_model(name: str, scratch: Path) -> Path:
    """The folder of the model that the stack serves, unpacked; `name` is SageMaker's name of it."""
    described = boto3.client("sagemaker").describe_model(ModelName=name)
    address = urlsplit(described["PrimaryContainer"]["ModelDataUrl"])
    archive, folder = scratch / "model.tar.gz", scratch / "model"
    boto3.client("s3").download_file(address.netloc, address.path.removeprefix("/"), str(archive))
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def cases_of(folder: Path) -> list[Case]:
    """Test reviews of every length, each with the answer of the model in the folder."""
    from sentiment_api.api import public_members  # selfhost has put its folder on the path

    predictor = Predictor.from_folder(folder)
    texts = sorted(load_reviews("sample").select("test").texts, key=len)
    chosen = texts[:: max(1, len(texts) // REVIEWS)][:REVIEWS]
    return [
        Case(
            json.dumps({"review": text}).encode(),
            # Converted by JSON, which turns tuples into lists.
            json.loads(
                json.dumps(public_members(verdict(predictor.explain([text])[0], predictor.version, True)))
            ),
        )
        for text in chosen
    ]


# -- The two systems -----------------------------------------------------------------------------------------


def measure_chain(url: str, cases: list[Case], options: argparse.Namespace) -> Measured:
    """API Gateway, Lambda and endpoint, on localcloud; `url` is the API's."""
    address = urlsplit(url)
    if address.hostname not in LOOPBACK:
        raise BenchError(f"{url} is not on this machine: `make load` starts an offline cloud for itself")
    with urllib.request.urlopen(f"http://{address.netloc}/_localcloud/health", timeout=10) as answer:
        cloud = psutil.Process(json.load(answer)["pid"])
    title = "The chain on localcloud"
    step(title)
    with unthrottled(url.rpartition("/")[2]):
        return measure(
            title,
            f"{url}/predict",
            cloud,
            cases,
            requests=options.requests,
            seconds=options.seconds,
            root_is_its_own=True,
            report=say,
        )


@contextlib.contextmanager
def unthrottled(api: str) -> Iterator[None]:
    """Lift the limits of an API's stage for the block."""
    gateway, stage = boto3.client("apigatewayv2"), {"ApiId": api, "StageName": "$default"}
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
    with cache.temporary_folder() as temporary:
        model = shutil.copytree(folder, temporary / "model")
        cache.keep(Champion("load", "1", "", 0, Predictor.from_folder(folder).version), model)
    cache.release()
    port = ports.free_port()
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
        ports.wait_until_answers(f"{url}/health", server, START_SECONDS)
        children = psutil.Process().children()
        [process] = [child for child in children if f"127.0.0.1:{port}" in child.cmdline()]
        title = "The self-hosted server"
        step(title)
        return measure(
            title,
            f"{url}/predict",
            process,
            cases,
            requests=options.requests,
            seconds=options.seconds,
            root_is_its_own=False,
            report=say,
        )
    finally:
        server.stop()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
