"""`python -m selfhost`: run MLflow's server and the web server until Ctrl-C; train a champion if needed."""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import argparse
import json
import os
import signal
import sys
import time
import urllib.request
from typing import NoReturn

from project import ports
from project.console import say, shown, step
from project.persistent import move_to_var
from project.supervisor import Program
from selfhost import trainer
from selfhost.settings import Settings, SettingsError
from sentiment.training.command_line import Parser, exit_status, port
from tracking.client import without_passwords

HOST = "127.0.0.1"
# MLflow's server took 61 s on two cores with eight times as much load. The wait is shown meanwhile.
START_SECONDS = 600
# How often an MLflow server that ends during training is restarted.
MLFLOW_RESTARTS = 3
POLL_SECONDS = 0.2
SECONDS_BETWEEN_LINES = 10


class StartError(Exception):
    """The system cannot be started, or has ended; the message says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl-C or a failure. Returns the exit status; errors are one line on standard error.

    Ctrl-C is the normal end of a running system, so the status is then 0; before it serves, it is 130.
    """
    options = parse(arguments)
    # SIGINT too, since shells start background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    programs: list[Program] = []
    try:
        return exit_status(lambda: run(options, programs), StartError, ports.NotReadyError)
    finally:
        stop(programs)


def run(options: argparse.Namespace, programs: list[Program]) -> int:
    """Start everything, adding to `programs`, and wait for Ctrl-C. Raises StartError or NotReadyError."""
    serving = False
    try:
        web, mlflow = start(options, programs)
        serving = True
        print("Ctrl-C stops it", flush=True)
        watch(web, mlflow)
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
        return 0 if serving else 130


def start(options: argparse.Namespace, programs: list[Program]) -> tuple[Program, Program | None]:
    """Start everything, adding to `programs`; return the web server, and MLflow's server if it was started.

    Raises StartError or NotReadyError.
    """
    require_free(options.port, "WEB_PORT")
    uri, mlflow = tracking_server(options, programs)
    environment = {
        "MLFLOW_TRACKING_URI": uri,
        "SENTIMENT_CACHE": str(options.build / "selfhost" / "models"),
        "SENTIMENT_FEEDBACK": os.environ.get("SENTIMENT_FEEDBACK", str(options.var / "feedback")),
    }
    grace = trainer.GRACE_SECONDS + 5  # it has to end its own child, the training
    training = Program("the training", trainer_command(options), environment, grace=grace)
    programs.append(training)
    mlflow = wait_for_champion(training, mlflow, options, programs)
    for line in move_to_var(options.build, options.var, ["feedback"]):
        say(line)

    step("Web server")
    address = f"http://{HOST}:{options.port}"
    bind = ("--config", "selfhost/gunicorn.conf.py", "--bind", f"{HOST}:{options.port}")
    log = options.build / "selfhost" / "web.log"
    web = Program("the web server", [sys.executable, "-m", "gunicorn", *bind], environment, log)
    programs.append(web)
    wait_for(f"{address}/health", web)
    print_summary(address, uri, options)
    return web, mlflow


def tracking_server(options: argparse.Namespace, programs: list[Program]) -> tuple[str, Program | None]:
    """The address of the tracking server, and the server itself if it had to be started."""
    step("MLflow")
    if given := os.environ.get("MLFLOW_TRACKING_URI"):
        say(f"uses {without_passwords(given)}, as MLFLOW_TRACKING_URI says")
        return given, None
    uri = f"http://{HOST}:{options.mlflow_port}"
    if ports.answers(f"{uri}/version"):
        say(f"uses the server that runs at {uri}")
        return uri, None
    require_free(options.mlflow_port, "MLFLOW_PORT")
    for line in move_to_var(options.build, options.var, ["mlflow"]):
        say(line)
    server = start_mlflow(options, programs)
    wait_for(f"{uri}/health", server)
    say(uri)
    return uri, server


def start_mlflow(options: argparse.Namespace, programs: list[Program]) -> Program:
    """Start MLflow's server, and put it first in `programs`."""
    serve = ("serve", "--port", str(options.mlflow_port), "--folder", str(options.var / "mlflow"))
    log = options.build / "selfhost" / "mlflow.log"
    server = Program("the MLflow server", [sys.executable, "train/tracking.py", *serve], {}, log)
    programs.insert(0, server)  # to be stopped last, since all others need it
    return server


def wait_for_champion(
    training: Program, mlflow: Program | None, options: argparse.Namespace, programs: list[Program]
) -> Program | None:
    """Wait for the training to end, restarting MLflow's server if it ends; return that server.

    Raises StartError if the training fails.
    """
    restarts = 0
    while (status := training.poll()) is None:
        if mlflow is not None and restarts < MLFLOW_RESTARTS and (ended := mlflow.poll()) is not None:
            restarts += 1
            say(f"the MLflow server ended with status {ended} ({log_of(mlflow)}); starting it again")
            mlflow = start_mlflow(options, programs)
        time.sleep(POLL_SECONDS)
    if status:
        raise StartError("there is no champion to serve; the reason is above")
    return mlflow


def trainer_command(options: argparse.Namespace) -> list[str]:
    """The command that trains a champion, unless there is one."""
    command = [sys.executable, "-m", "selfhost.trainer", "--if-needed", "--build", str(options.build)]
    command += ["--var", str(options.var), "--data", options.data, "--data-path", options.data_path]
    return [*command, "--recipe", options.recipe, "--set", options.set]


def watch(web: Program, mlflow: Program | None) -> NoReturn:
    """Wait until the web server ends, and raise StartError. It keeps serving if MLflow's server ends."""
    while True:
        if (status := web.poll()) is not None:
            raise StartError(f"the web server ended with status {status}:\n{web.last_lines()}")
        if mlflow is not None and (status := mlflow.poll()) is not None:
            say(f"the MLflow server ended with status {status} ({log_of(mlflow)}); the page stays up")
            mlflow = None
        time.sleep(POLL_SECONDS)


def log_of(program: Program) -> str:
    """Where a program's output is: the path of its log, or a phrase."""
    return "its output is above" if program.log is None else shown(program.log)


def require_free(port: int, variable: str) -> None:
    """Raises StartError if no server can listen there; `variable` is the make variable that changes it."""
    if obstacle := ports.obstacle(port, HOST):
        airplay = " (macOS: AirPlay Receiver, in the settings of AirDrop & Handoff)" if port == 5000 else ""
        advice = "stop what uses it, or run" if obstacle == ports.TAKEN else "run"
        other = port + 50 if 1024 <= port < 65486 else 5050
        raise StartError(f"port {port} {obstacle}{airplay}: {advice} `make selfhost {variable}={other}`")


def wait_for(address: str, program: Program) -> None:
    """Wait until a program's server answers, printing a line every few seconds. Raises NotReadyError."""
    last_line = 0.0

    def report(waited: float) -> None:
        nonlocal last_line
        if waited - last_line > SECONDS_BETWEEN_LINES:
            last_line = waited
            say(f"waiting for {program.name} ({waited:.0f} s)")

    ports.wait_until_answers(address, program, START_SECONDS, report)


def print_summary(address: str, tracking_uri: str, options: argparse.Namespace) -> None:
    """Print the addresses and the accuracy of the model."""
    with urllib.request.urlopen(f"{address}/model", timeout=30) as answer:
        model = json.load(answer)
    validation = model["metrics"]["validation"]
    step("Ready")
    say(f"Page    {address}")
    say(f"API     {address}/predict")
    say(f"MLflow  {without_passwords(tracking_uri)}")
    say("Try     curl -H 'content-type: application/json' \\")
    say(f'          -d \'{{"review": "What a wonderful film!"}}\' {address}/predict')
    say(
        f"model {model['model']} ({model['recipe']}): accuracy {validation['accuracy']:.2%} "
        f"on {validation['reviews']:,} validation reviews"
    )
    say(f"logs: {shown(options.build / 'selfhost')}")


def stop(programs: list[Program]) -> None:
    """Stop all programs, the last one first, since each needs those before it. A second Ctrl-C is ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for program in reversed(programs):
        program.stop()
        program.wait()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(prog="python -m selfhost", description=__doc__)
    parser.add_argument("--port", type=port, default=5000, help="port of page and API (%(default)s)")
    parser.add_argument("--mlflow-port", type=port, default=5001, help="port of MLflow (%(default)s)")
    trainer.add_arguments(parser)
    options = parser.parse_args(arguments)
    trainer.require_choices(options, parser)
    if options.port == options.mlflow_port and not os.environ.get("MLFLOW_TRACKING_URI"):
        parser.error(
            f"WEB_PORT and MLFLOW_PORT are both {options.port}: the page and MLflow need a port each"
        )
    try:
        Settings.from_environment(var=options.var)
    except SettingsError as error:
        parser.error(str(error))
    return options


if __name__ == "__main__":
    sys.exit(main())
