"""What a person may choose for a run; every step receives the same settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sentiment import dataset
from sentiment.hyperparameters import changed_recipe, checked
from sentiment.recipes import Recipe

PROJECT = Path(__file__).resolve().parent.parent

# The newest PyTorch that SageMaker offers for training and inference alike (image_uris of SDK 2.257).
FRAMEWORK_VERSION = "2.6.0"
PY_VERSION = "py312"
# How the model of a registry or a run in MLflow is named.
MLFLOW_MODELS = ("models:/", "runs:/")


class PipelineError(Exception):
    """A step cannot go on; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Settings:
    """Choices of one run, which are checked as soon as they are made: before anything is made or billed.

    `data` names a source of `sentiment.dataset`, `data_path` its file or folder where it needs one.
    `hyperparameters` override those of the recipe (sentiment.hyperparameters has their names).
    `model` takes a model that is there instead of training one (see pipeline.given_model).
    Raises SentimentError or PipelineError for what cannot be.
    """

    data: str = "sample"
    data_path: Path | None = None
    recipe: str = "fast"
    hyperparameters: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    stack: str = "movie-sentiment"
    sam: str = "sam"
    train_instance_type: str = "ml.m5.xlarge"
    transform_instance_type: str = "ml.m5.large"
    endpoint_memory_mb: int = 3072
    build: Path = PROJECT / "build"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hyperparameters", checked(self.recipe, self.hyperparameters))
        dataset.check_source(self.data, self.data_path, self.wants_unlabelled())
        if self.model and not self.model.startswith(MLFLOW_MODELS) and not Path(self.model).exists():
            raise PipelineError(
                f"MODEL={self.model}: there is no such file or folder; give a model folder, a model.tar.gz, "
                "models:/NAME@ALIAS or runs:/ID/model"
            )

    def chosen_recipe(self) -> Recipe:
        """The recipe with the hyperparameters that override its own."""
        return changed_recipe(self.recipe, self.hyperparameters)

    def wants_unlabelled(self) -> bool:
        """Whether training learns from unlabelled reviews as well."""
        return self.chosen_recipe().virtual_adversarial > 0


def assignments(pairs: list[str]) -> dict[str, str]:
    """NAME=VALUE, as a person writes hyperparameters. Raises PipelineError for what is none."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise PipelineError(f"'{pair}' is not NAME=VALUE")
        if name in found:
            raise PipelineError(f"{name} is set twice: {found[name]} and {value}")
        found[name] = value
    return found
