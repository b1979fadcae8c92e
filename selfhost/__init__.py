"""The self-hosted system: Flask and gunicorn serve the page and the API, with the champion from MLflow."""

import sys

from project.paths import PROJECT

# The API's package is in the folder lambda/, which cannot be a package itself, since `lambda` is a keyword.
if (LAMBDA := str(PROJECT / "lambda")) not in sys.path:
    sys.path.insert(0, LAMBDA)
