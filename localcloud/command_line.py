"""The arguments of the command line: ``localcloud up | run | env | status | interrupt | down``."""

import argparse
import shutil
import socket
import sys
from typing import NoReturn, TypeAlias

from localcloud import __version__
from localcloud.moto_operations import RECORDS

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Prints one line, as for every other error, without the usage."""
        self.exit(2, f"localcloud: {message}\n")


def parser() -> argparse.ArgumentParser:
    """The parser of the command line. `subcommand` is the name of the command that was given."""
    root = Parser(
        prog="localcloud",
        description="An offline AWS on this machine: jobs, endpoints, functions and APIs really run.",
        epilog="Start with: localcloud run -- PROGRAM, with any program that speaks to AWS",
    )
    root.add_argument("--version", action="version", version=__version__)
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    up = _add_command(commands, "up", "start the cloud and stay until Ctrl-C")
    _add_cloud_options(up)
    up.add_argument("--detach", action="store_true", help="return when the cloud is up; `down` stops it")
    up.add_argument("--detached", action="store_true", help=argparse.SUPPRESS)
    run = _add_command(
        commands, "run", "run a command with its AWS calls going to the cloud, started if need be"
    )
    _add_cloud_options(run)
    _add_role(run)
    run.add_argument("--stay", action="store_true", help="after the command succeeded, stay up until Ctrl-C")
    run.add_argument("command", nargs="+", metavar="-- COMMAND", help="the command and its arguments")
    _add_role(_add_command(commands, "env", 'print what to set in a shell: eval "$(localcloud env)"'))
    _add_command(commands, "status", "show what the cloud is running")
    interrupted = _add_command(
        commands,
        "interrupt",
        "take the spot instances of a training job away, so that it starts again from its checkpoints",
    )
    interrupted.add_argument("job", metavar="JOB", help="name of a training job with managed spot training")
    interrupted.add_argument("--region", help="its region, if several have a job of this name")
    _add_command(commands, "down", "stop the cloud")
    return root


def _add_command(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    added.set_defaults(subcommand=name)
    added.add_argument("--port", type=_port, default=4566, help="port of the cloud (default: %(default)s)")
    added.add_argument(
        "--host", type=_host, default="127.0.0.1", help="address it listens on (default: %(default)s)"
    )
    return added


def _add_cloud_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--python",
        type=_program,
        default=sys.executable,
        help="interpreter that runs jobs, models and functions (default: this one)",
    )
    command.add_argument(
        "--token",
        action="store_true",
        help="answer only clients that carry the secret in what `env` prints; needed for a --host that "
        "other machines reach",
    )
    command.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another host name to answer to, of a domain that nobody else controls (*.NAME: any "
        "subdomain of NAME)",
    )
    command.add_argument(
        "--records",
        action="append",
        default=[],
        choices=sorted(RECORDS),
        metavar="SERVICE",
        help="store and show what this service's requests say where they would otherwise be refused, "
        f"without carrying them out ({', '.join(sorted(RECORDS))}); may be repeated",
    )
    command.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="PATTERN=RUNNER",
        help="run SageMaker containers of images whose names match PATTERN with this runner: "
        "pytorch-inference and ray serve models, python runs commands",
    )
    command.add_argument(
        "--port-advice",
        default="choose another port with --port",
        metavar="TEXT",
        help="advice to print if the port is taken; for programs that start localcloud",
    )
    command.add_argument("--verbose", action="store_true", help="print each request")


def _add_role(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--role",
        metavar="NAME",
        help="act as this IAM role, as a SageMaker notebook does; it is made, with "
        "AmazonSageMakerFullAccess, if there is none (default: the account's owner)",
    )


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _host(text: str) -> str:
    try:
        socket.getaddrinfo(text, None, socket.AF_INET)
    except (OSError, UnicodeError):
        raise argparse.ArgumentTypeError(f"'{text}' is not an address or name of this machine") from None
    return text


def _program(text: str) -> str:
    if shutil.which(text) is None:
        raise argparse.ArgumentTypeError(f"there is no program '{text}'")
    return text
