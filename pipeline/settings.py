"""The settings of a deployment; every step receives the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.containers import DEFAULT_CONTAINER, HOSTING, Image
from project.choices import Choices, ProjectError
from project.paths import PROJECT

# How the model of a registry or a run in MLflow is named.
MLFLOW_MODELS = ("models:/", "runs:/")
# Versions of the SageMaker Python SDK.
SDKS = ("2", "3")


class PipelineError(ProjectError):
    """A step cannot go on; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Settings(Choices):
    """The choices of one run on AWS.

    `model` takes a model that is there instead of training one (see pipeline.given_model). Raises
    SentimentError or PipelineError for what cannot be. `container` names the image that answers
    (pipeline.containers), `sdk` the version of the SageMaker Python SDK that starts the jobs.
    """

    model: str | None = None
    stack: str = "movie-sentiment"
    sam: str = "sam"
    train_instance_type: str = "ml.m5.xlarge"
    transform_instance_type: str = "ml.m5.large"
    endpoint_memory_mb: int = 3072
    container: str = DEFAULT_CONTAINER
    sdk: str = "2"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model and not self.model.startswith(MLFLOW_MODELS) and not Path(self.model).exists():
            raise PipelineError(
                f"MODEL={self.model}: there is no such file or folder; give a model folder, a model.tar.gz, "
                "models:/NAME@ALIAS or runs:/ID/model"
            )
        if self.container not in HOSTING:
            raise PipelineError(f"CONTAINER={self.container}: there are {', '.join(HOSTING)}")
        if self.sdk not in SDKS:
            raise PipelineError(f"SDK={self.sdk}: there are {', '.join(SDKS)}")
        if self.sdk == "3" and not sdk3_python().exists():
            raise PipelineError("SDK=3 has an environment of its own, which is not there: make base SDK=3")

    @property
    def hosting_image(self) -> Image:
        """What is known of the image that answers."""
        return HOSTING[self.container]


def sdk3_python() -> Path:
    """The interpreter that has version 3 of the SageMaker SDK (see requirements/install.py)."""
    return PROJECT / ".venv-sdk3" / "bin" / "python"
