"""The folders of the project and of its results."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / "build"
"""Results that can be reproduced."""
VAR = PROJECT / "var"
"""What cannot be reproduced: MLflow's database and models, people's votes, a model that is not logged yet."""
