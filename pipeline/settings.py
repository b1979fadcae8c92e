"""The settings of a deployment; every step receives the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.containers import DEFAULT_CONTAINER, HOSTING, Image
from pipeline.fleet import MAX_INSTANCES, type_problem
from project.choices import Choices, ProjectError
from project.paths import PROJECT

# The beginnings of MLflow's URIs for a registered model and for a run's model.
MLFLOW_MODELS = ("models:/", "runs:/")
# Versions of the SageMaker Python SDK.
SDKS = ("2", "3")
# The value of MODEL for the newest approved model of SageMaker's model registry.
APPROVED = "approved"


class PipelineError(ProjectError):
    """A step cannot continue; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Settings(Choices):
    """The settings of a run on AWS, in addition to Choices.

    - `model` is an existing model to use instead of training one (pipeline.given_model).
    - `stack` is the name of the CloudFormation stack, and `sam` the SAM CLI.
    - `on` says where the reviews are prepared: "here", or by a job on "sagemaker" (pipeline.remote).
    - `instances` is the number of instances of each job; `spot` trains on spot instances.
    - `endpoint` is "serverless", "instances", or empty for the container's default; `endpoint_instances`,
      `autoscale` and `provisioned` are the details (pipeline.hosting).
    - `container` names the image for hosting (pipeline.containers), `sdk` the version of the SageMaker
      Python SDK that starts the jobs.
    - `auto` promotes a model that keeps the rules, and `trusted` are words that no campaign is suspected
      about (`make retrain`); `version` is the number of a model package (`make promote`).
    - `window` is how far `make drift` looks back: hours (24h) or days (7d).
    - `canary` is the percentage of texts that a new model answers at first, None for all. It takes over after
      `canary_minutes` if it has given `canary_answers` by then (pipeline.rollout).

    Raises SentimentError or PipelineError for values that cannot work.
    """

    model: str | None = None
    stack: str = "movie-sentiment"
    sam: str = "sam"
    on: str = "here"
    instances: int = 1
    spot: bool = False
    train_instance_type: str = "ml.m5.xlarge"
    transform_instance_type: str = "ml.m5.large"
    endpoint_memory_mb: int = 3072
    endpoint: str = ""
    endpoint_instances: int = 1
    endpoint_instance_type: str = "ml.m5.large"
    autoscale: str = ""
    provisioned: int = 0
    container: str = DEFAULT_CONTAINER
    sdk: str = "2"
    auto: bool = False
    trusted: tuple[str, ...] = ()
    version: str | None = None
    window: str = "24h"
    canary: int | None = None
    canary_minutes: float = 30
    canary_answers: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        named = self.model and (self.model == APPROVED or self.model.startswith(MLFLOW_MODELS))
        if self.model and not named and not Path(self.model).exists():
            raise PipelineError(
                f"MODEL={self.model}: there is no such file or folder; give a model folder, a model.tar.gz, "
                "approved, models:/NAME@ALIAS or runs:/ID/model"
            )
        if self.container not in HOSTING:
            raise PipelineError(f"CONTAINER={self.container}: choose one of {', '.join(HOSTING)}")
        if self.sdk not in SDKS:
            raise PipelineError(f"SDK={self.sdk}: choose one of {', '.join(SDKS)}")
        if self.sdk == "3" and not sdk3_python().exists():
            raise PipelineError(
                "SDK=3 needs a virtual environment of its own, which is missing: run `make base SDK=3`"
            )
        if self.canary is not None and not 0 < self.canary < 100:
            raise PipelineError(f"CANARY={self.canary} is not a percentage from 1 to 99")
        self._check_fleet()

    def _check_fleet(self) -> None:
        if self.on == "sagemaker" and self.wants_unlabelled():
            raise PipelineError(
                f"ON=sagemaker: the recipe {self.recipe} learns from unlabelled reviews, which can only be "
                "prepared here; leave ON out"
            )
        if not 1 <= self.instances <= MAX_INSTANCES:
            raise PipelineError(f"INSTANCES={self.instances}: a job has 1 to {MAX_INSTANCES} instances")
        batch = self.chosen_recipe().batch_size
        if self.instances > batch:
            raise PipelineError(
                f"INSTANCES={self.instances}: the instances share each batch, which has {batch} reviews; "
                f"use fewer instances or a larger batch (SET=batch_size={self.instances})"
            )
        kinds = [("Training", "train_instance_type"), ("Transform", "transform_instance_type")]
        if self.on == "sagemaker":
            kinds.append(("Processing", "train_instance_type"))
        for job, name in kinds:
            chosen = getattr(self, name)
            # The defaults need no check; looking up a type takes half a second.
            if chosen != type(self).__dataclass_fields__[name].default and (
                problem := type_problem(job, chosen)
            ):
                raise PipelineError(problem)

    @property
    def hosting_image(self) -> Image:
        """The image for hosting."""
        return HOSTING[self.container]


def sdk3_python() -> Path:
    """The Python interpreter with version 3 of the SageMaker SDK (requirements/install.py)."""
    return PROJECT / ".venv-sdk3" / "bin" / "python"
