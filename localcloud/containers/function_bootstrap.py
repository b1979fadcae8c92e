"""Runs the genuine runtime client for the handler in _HANDLER, from the code in the working directory.

It takes the place of Lambda's own bootstrap: the last argument of the command that a wrapper script
(AWS_LAMBDA_EXEC_WRAPPER) gets, which may insert options of the interpreter before it.
"""

import os
import sys

sys.path[0] = os.getcwd()  # as of `python -m`: this folder holds programs of other containers

from awslambdaric.__main__ import main  # noqa: E402

if __name__ == "__main__":
    main([sys.argv[0], os.environ["_HANDLER"]])
