"""The self-hosted system: Flask and gunicorn serve the page, the API and the champion of MLflow."""

import sys

from project.paths import PROJECT

# The API is a package of the Lambda's folder, which cannot be a package itself: `lambda` is a keyword.
if (LAMBDA := str(PROJECT / "lambda")) not in sys.path:
    sys.path.insert(0, LAMBDA)
