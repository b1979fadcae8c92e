"""Where the project keeps what it makes."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / "build"
"""What can be made again."""
VAR = PROJECT / "var"
"""What cannot: MLflow's database and models, people's votes, a trained model that is not logged yet."""
