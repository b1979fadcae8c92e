"""A program imports this before anything else, so that Ctrl-C ends it without a traceback from then on.

Imports of torch or of SageMaker's SDK take seconds, and `exit_status` (training/command_line.py) answers for
Ctrl-C only once a program's own work begins.
"""

import sys
from types import TracebackType


def report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an exception that nothing has caught, unless it is Ctrl-C.

    Python then ends itself by SIGINT, which tells a shell and make why.
    """
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = report
