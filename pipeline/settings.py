"""The settings of a deployment; every step receives the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.containers import DEFAULT_CONTAINER, HOSTING, Image
from pipeline.fleet import MAX_INSTANCES, type_problem
from project.choices import Choices, ProjectError
from project.paths import PROJECT

# How the model of a registry or a run in MLflow is named.
MLFLOW_MODELS = ("models:/", "runs:/")
# Versions of the SageMaker Python SDK.
SDKS = ("2", "3")
# The newest approved model of SageMaker's model registry.
APPROVED = "approved"


class PipelineError(ProjectError):
    """A step cannot go on; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Settings(Choices):
    """The choices of one run on AWS.

    `model` takes a model that is there instead of training one (see pipeline.given_model). Raises
    SentimentError or PipelineError for what cannot be. `container` names the image that answers
    (pipeline.containers), `sdk` the version of the SageMaker Python SDK that starts the jobs. Each job of
    the run has `instances` machines; `spot` trains on spot instances.
    `on` says where the reviews are prepared: "here", or by a job on "sagemaker" (pipeline.remote).
    `endpoint` is "serverless", "instances" or empty for what fits the container;
    `endpoint_instances`, `autoscale` and `provisioned` are the details (pipeline.hosting).
    `canary` is the share of texts (%) that a new model answers at first, `None` all;
    it takes over after `canary_minutes`, given that many `canary_answers` by then (pipeline.rollout).
    For `make retrain`, `auto` promotes a model that keeps the rules, and `trusted` are words that votes are
    believed about; for `make promote`, `version` names a model package. `window` is how far `make drift`
    looks back: hours (24h) or days (7d).
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
            raise PipelineError(f"CONTAINER={self.container}: there are {', '.join(HOSTING)}")
        if self.sdk not in SDKS:
            raise PipelineError(f"SDK={self.sdk}: there are {', '.join(SDKS)}")
        if self.sdk == "3" and not sdk3_python().exists():
            raise PipelineError("SDK=3 has an environment of its own, which is not there: make base SDK=3")
        if self.canary is not None and not 0 < self.canary < 100:
            raise PipelineError(f"CANARY={self.canary}: a share of the texts from 1 to 99 %")
        if not 0 <= self.canary_minutes < float("inf"):
            raise PipelineError(f"CANARY_MINUTES={self.canary_minutes}: a number of minutes, such as 30")
        if self.canary_answers < 0:
            raise PipelineError(f"CANARY_ANSWERS={self.canary_answers}: a number of answers, such as 50")
        self._check_fleet()

    def _check_fleet(self) -> None:
        if self.on == "sagemaker" and self.wants_unlabelled():
            raise PipelineError(
                f"ON=sagemaker: the recipe {self.recipe} learns from unlabelled reviews, which are prepared "
                "here only; leave ON out"
            )
        if not 1 <= self.instances <= MAX_INSTANCES:
            raise PipelineError(f"INSTANCES={self.instances}: a job has 1 to {MAX_INSTANCES} machines")
        batch = self.chosen_recipe().batch_size
        if self.instances > batch:
            raise PipelineError(
                f"INSTANCES={self.instances}: the machines share each batch, and one has {batch} reviews; "
                f"take fewer machines or a larger batch (SET=batch_size={self.instances})"
            )
        kinds = [("Training", "train_instance_type"), ("Transform", "transform_instance_type")]
        if self.on == "sagemaker":
            kinds.append(("Processing", "train_instance_type"))
        for job, name in kinds:
            chosen = getattr(self, name)
            # The defaults are known; to look a type up takes half a second.
            if chosen != type(self).__dataclass_fields__[name].default and (
                problem := type_problem(job, chosen)
            ):
                raise PipelineError(problem)

    @property
    def hosting_image(self) -> Image:
        """What is known of the image that answers."""
        return HOSTING[self.container]


def sdk3_python() -> Path:
    """The interpreter that has version 3 of the SageMaker SDK (see requirements/install.py)."""
    return PROJECT / ".venv-sdk3" / "bin" / "python"
