"""An argument parser whose errors are one line, with a suggestion for a mistyped option."""

import argparse
import os
import select
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from sentiment.errors import SentimentError, nearest
from sentiment.training.hyperparameters import canonical

UNREAD = 128 + 13
"""The exit status of a program that SIGPIPE ends, since nobody reads its output any more (`| head`)."""


class Parser(argparse.ArgumentParser):
    """Also accepts --hidden_dim for --hidden-dim, and the course's names of options."""

    # Narrower than the base class: callers cannot pass a namespace.
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        return super().parse_known_args([_spelled(word) for word in _words(args)], namespace)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            name = unknown[0].partition("=")[0]
            known = [option for option in self._option_string_actions if option.startswith("--")]
            self.error(f"there is no option {name}{nearest(name, known)}")
        return options

    def error(self, message: str) -> NoReturn:
        """Print one line without the usage, which says nothing to users of `make`, and exit.

        Of a failed job, only the end of the output is shown.
        """
        self.exit(2, error_line(message) + "\n")


def error_line(message: str) -> str:
    """Format the last line of a program that fails.

    In a SageMaker job it begins with the name of an exception, because the container's toolkit takes the
    job's FailureReason from what follows the first such name in the script's output.
    """
    return f"{'ValueError' if 'SM_TRAINING_ENV' in os.environ else 'error'}: {message}"


def exit_status(run: Callable[[], int | None], *errors: type[Exception]) -> int:
    """The exit status of a program that does `run`; what stops it is one line on standard error.

    That is a SentimentError, an OSError, too little memory, or one of the program's own `errors`. Where
    nobody reads its output any more, the program ends without a word.
    """
    expected: tuple[type[Exception], ...] = (SentimentError, MemoryError, *errors)
    try:
        status = run() or 0
        sys.stdout.flush()
        return status
    except expected as error:
        return fail(str(error) or "out of memory")
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _is_unread(sys.stdout.fileno()):
            # What is left to write would be an error again, when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return UNREAD
        reason = str(error.strerror or error)
        return fail(f"{error.filename}: {reason}" if error.filename else reason)
    except KeyboardInterrupt:
        return 130


def _is_unread(output: int) -> bool:
    """Whether a file descriptor is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(output, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def fail(message: str) -> int:
    """Print the one line that a program ends with; returns the exit status."""
    print(error_line(message), file=sys.stderr, flush=True)
    return 1


def argument(read: Callable[[str], object]) -> Callable[[str], object]:
    """Use `read` as the type of an argument: its SentimentError becomes an error of the parser."""

    def convert(text: str) -> object:
        try:
            return read(text)
        except SentimentError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def port(text: str) -> int:
    """The type of an argument that is a port of this machine."""
    number = int(text) if text.isdecimal() else 0
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port: a number from 1 to 65535")
    return number


def _words(args: Sequence[str] | None) -> Sequence[str]:
    return sys.argv[1:] if args is None else args


def _spelled(word: str) -> str:
    name, equals, value = word.partition("=")
    if not name.startswith("--") or name == "--":
        return word
    return "--" + canonical(name[2:]).replace("_", "-") + equals + value
