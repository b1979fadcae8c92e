"""Experiments, trials and trial components: records of what was tried, and of the resulting metrics."""

import math
import statistics
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.protocol import InvalidRequest
from localcloud.protocol.service import Operation
from localcloud.sagemaker.errors import ResourceNotFound
from localcloud.sagemaker.job_components import Parts
from localcloud.sagemaker.records import Record, Table, select

RUN_PARTS = ("Parameters", "InputArtifacts", "OutputArtifacts")
"""The maps of a trial component that updates add to and remove from."""


class Entities:
    """The operations that experiments, trials and trial components have in common.

    `noun` is the resource's name in the names of operations and members ("TrialComponent").
    """

    def __init__(self, cloud: Cloud, noun: str, resource: str):
        self.noun = noun
        self.table = Table(
            cloud,
            resource,
            missing=lambda arn: ResourceNotFound(f"{noun} {arn} does not exist."),
            exists=lambda arn: InvalidRequest(
                f"{noun} names must be unique within an AWS account and region. {noun} with name "
                f"({arn.rpartition('/')[2]}) already exists."
            ),
        )

    def create(self, **request: Any) -> dict[str, Any]:
        return self.arn(self.table.add(request[f"{self.noun}Name"], request))

    def get(self, request: Mapping[str, Any]) -> Record:
        return self.table.get(request[f"{self.noun}Name"])

    def arn(self, record: Record) -> dict[str, Any]:
        return {f"{self.noun}Arn": record.arn}

    def describe(self, **request: Any) -> dict[str, Any]:
        return self.described(self.get(request))

    def described(self, record: Record) -> dict[str, Any]:
        echoed = {name: value for name, value in record.request.items() if name != "Tags"}
        return {
            "DisplayName": record.name,
            **echoed,
            **self.arn(record),
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
        }

    def update(self, **request: Any) -> dict[str, Any]:
        record = self.get(request)
        record.request |= {name: value for name, value in request.items() if name != f"{self.noun}Name"}
        record.update()
        return self.arn(record)

    def summaries(self, records: Iterable[Record], request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a List operation to `records`."""
        page, token = select(records, request)
        return {f"{self.noun}Summaries": [self.described(each) for each in page], "NextToken": token}


class Experiments:
    """The operations on experiments and what belongs to them."""

    def __init__(self, cloud: Cloud):
        self.experiments = Entities(cloud, "Experiment", "experiment")
        self.trials = Entities(cloud, "Trial", "experiment-trial")
        self.components = Entities(cloud, "TrialComponent", "experiment-trial-component")
        self._lock = threading.Lock()
        self._members: dict[tuple[str, str], None] = {}
        """Pairs of the ARNs of a trial and of one of its components, in the order in which they were made."""
        self._metrics: dict[str, list[dict[str, Any]]] = {}

    @property
    def tables(self) -> tuple[Table, ...]:
        return self.experiments.table, self.trials.table, self.components.table

    @property
    def operations(self) -> dict[str, Operation]:
        return {
            "CreateExperiment": self.experiments.create,
            "DescribeExperiment": self.experiments.describe,
            "UpdateExperiment": self.experiments.update,
            "DeleteExperiment": self._delete_experiment,
            "ListExperiments": lambda **request: self.experiments.summaries(self.experiments.table, request),
            "CreateTrial": self._create_trial,
            "DescribeTrial": self.trials.describe,
            "UpdateTrial": self.trials.update,
            "DeleteTrial": self._delete_trial,
            "ListTrials": self._list_trials,
            "CreateTrialComponent": self.components.create,
            "DescribeTrialComponent": lambda **request: self.component(self.components.get(request)),
            "UpdateTrialComponent": self._update_component,
            "DeleteTrialComponent": self._delete_component,
            "ListTrialComponents": self._list_components,
            "AssociateTrialComponent": self._associate,
            "DisassociateTrialComponent": self._disassociate,
        }

    def component(self, record: Record) -> dict[str, Any]:
        """The description of a trial component."""
        parts: dict[str, Any] = {part: {} for part in RUN_PARTS}
        return parts | self.components.described(record) | {"Metrics": self._metric_summaries(record)}

    def parents(self, component: Record) -> list[dict[str, str]]:
        """The trials that a component belongs to, with their experiments (Parents in Search)."""
        return [
            {"TrialName": trial.name, "ExperimentName": trial.request["ExperimentName"]}
            for trial in self.trials.table
            if (trial.arn, component.arn) in self._members
        ]

    def components_of(self, trial: Record) -> list[Record]:
        return [each for each in self.components.table if (trial.arn, each.arn) in self._members]

    def put_metrics(self, **request: Any) -> dict[str, Any]:
        """BatchPutMetrics of the metrics API."""
        record = self.components.get(request)
        with self._lock:
            self._metrics.setdefault(record.arn, []).extend(request["MetricData"])
        return {}

    def add_job(self, jobs: Table, job: Record, kind: str, parts: Callable[[], Parts]) -> None:
        """Makes the trial component of a job with an ExperimentConfig, and associates it with the trial.

        `kind` is Training, Processing or Transform; `parts` is called for such a job only. Raises ApiError if
        the experiment or the trial does not exist. Any error removes the job from `jobs`.
        """
        if not (config := job.request.get("ExperimentConfig")):
            return
        try:
            trial = self._trial_of(config, f"Create{kind}Job")
            component = self.components.table.add(*_component(job, kind, config, parts()))
        except Exception:
            jobs.remove(job.name)
            raise
        self._members[trial.arn, component.arn] = None

    def end_job(
        self, job: Record, kind: str, ending: Mapping[str, Any], metrics: Iterable[dict[str, Any]] = ()
    ) -> None:
        """Completes the trial component of a job, unless there is none or it has been deleted.

        `ending` has the members that the job's description is about to have.
        """
        component = next((each for each in self.components.table if _source_arn(each) == job.arn), None)
        if component is None:
            return
        status = {"PrimaryStatus": ending[f"{kind}JobStatus"]}
        if "FailureReason" in ending:
            status["Message"] = ending["FailureReason"]
        end = ending[f"{kind}EndTime"]
        component.request |= {
            "Status": status,
            "StartTime": job.live.get(f"{kind}StartTime", end),
            "EndTime": end,
        }
        if artifacts := job.live.get("ModelArtifacts"):
            model = {"SageMaker.ModelArtifact": {"Value": artifacts["S3ModelArtifacts"]}}
            component.request["OutputArtifacts"] = component.request.get("OutputArtifacts", {}) | model
        component.update()
        with self._lock:
            self._metrics.setdefault(component.arn, []).extend(metrics)

    def _trial_of(self, config: Mapping[str, Any], operation: str) -> Record:
        if missing := [name for name in ("ExperimentName", "TrialName") if name not in config]:
            raise InvalidRequest(
                f"{operation}: localcloud needs ExperimentConfig.{missing[0]}; it creates no trials."
            )
        experiment, trial = self.experiments.get(config), self.trials.get(config)
        if trial not in self._trials_of(experiment):
            raise InvalidRequest(f"Trial {trial.arn} does not belong to {experiment.arn}.")
        return trial

    def _create_trial(self, **request: Any) -> dict[str, Any]:
        self.experiments.get(request)
        return self.trials.create(**request)

    def _delete_experiment(self, **request: Any) -> dict[str, Any]:
        record = self.experiments.get(request)
        if self._trials_of(record):
            raise InvalidRequest(f"{record.arn} cannot be deleted before all of its trials are.")
        return self.experiments.arn(self.experiments.table.remove(record.name))

    def _delete_trial(self, **request: Any) -> dict[str, Any]:
        record = self.trials.get(request)
        if self.components_of(record):
            raise InvalidRequest(
                f"{record.arn} cannot be deleted before all trial components are disassociated from it."
            )
        return self.trials.arn(self.trials.table.remove(record.name))

    def _delete_component(self, **request: Any) -> dict[str, Any]:
        record = self.components.get(request)
        if self.parents(record):
            raise InvalidRequest(
                f"{record.arn} cannot be deleted before it is disassociated from all trials."
            )
        self._metrics.pop(record.arn, None)
        return self.components.arn(self.components.table.remove(record.name))

    def _update_component(self, **request: Any) -> dict[str, Any]:
        record = self.components.get(request)
        for part in RUN_PARTS:
            removed = request.pop(f"{part}ToRemove", ())
            given = record.request.get(part, {}) | request.pop(part, {})
            record.request[part] = {key: value for key, value in given.items() if key not in removed}
        return self.components.update(**request)

    def _list_trials(self, **request: Any) -> dict[str, Any]:
        found = list(self.trials.table)
        if "ExperimentName" in request:
            found = self._trials_of(self.experiments.get(request))
        if "TrialComponentName" in request:
            component = self.components.get(request)
            found = [trial for trial in found if (trial.arn, component.arn) in self._members]
        return self.trials.summaries(found, request)

    def _list_components(self, **request: Any) -> dict[str, Any]:
        given = [name for name in ("ExperimentName", "TrialName", "SourceArn") if name in request]
        if len(given) > 1:
            # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListTrialComponents.html
            raise InvalidRequest(f"If you specify {given[0]}, you can't filter by {given[1]}.")
        found = list(self.components.table)
        if "TrialName" in request:
            found = self.components_of(self.trials.get(request))
        if "ExperimentName" in request:
            trials = self._trials_of(self.experiments.get(request))
            arns = {component.arn for trial in trials for component in self.components_of(trial)}
            found = [component for component in found if component.arn in arns]
        if "SourceArn" in request:  # which SDK v2 gives in lower case
            wanted = request["SourceArn"].lower()
            found = [each for each in found if _source_arn(each).lower() == wanted]
        return self.components.summaries(found, request)

    def _associate(self, **request: Any) -> dict[str, Any]:
        component, trial = self.components.get(request), self.trials.get(request)
        self._members[trial.arn, component.arn] = None
        return {**self.components.arn(component), **self.trials.arn(trial)}

    def _disassociate(self, **request: Any) -> dict[str, Any]:
        component, trial = self.components.get(request), self.trials.get(request)
        if self._members.pop((trial.arn, component.arn), self) is self:
            raise ResourceNotFound(f"{component.arn} is not associated with {trial.arn}.")
        return {**self.components.arn(component), **self.trials.arn(trial)}

    def _trials_of(self, experiment: Record) -> list[Record]:
        return [
            trial
            for trial in self.trials.table
            if trial.request["ExperimentName"].lower() == experiment.name.lower()
        ]

    def _metric_summaries(self, component: Record) -> list[dict[str, Any]]:
        with self._lock:
            data = list(self._metrics.get(component.arn, ()))
        found: dict[str, list[dict[str, Any]]] = {}
        for point in data:
            found.setdefault(point["MetricName"], []).append(point)
        return [
            {
                "MetricName": name,
                "SourceArn": component.arn,
                "TimeStamp": points[-1]["Timestamp"],
                "Max": max(values),
                "Min": min(values),
                "Last": values[-1],
                "Count": len(values),
                **_average_and_deviation(values),
            }
            for name, points in found.items()
            if (values := [float(point["Value"]) for point in points])
        ]


def _average_and_deviation(values: list[float]) -> dict[str, float]:
    """Both by exact arithmetic, in which no sum overflows; NaN if a value is infinite or NaN."""
    if not all(map(math.isfinite, values)):
        return {"Avg": math.nan, "StdDev": math.nan}
    return {"Avg": statistics.mean(values), "StdDev": statistics.pstdev(values)}


def _source_arn(component: Record) -> str:
    """The job of a component; empty for one that was created by a request."""
    return str(component.request.get("Source", {}).get("SourceArn", ""))


def _component_name(job: Record, kind: str) -> str:
    """The name that AWS gives to the trial component of a job."""
    return f"{job.name}-aws-{kind.lower()}-job"


def _component(job: Record, kind: str, config: Mapping[str, Any], parts: Parts) -> tuple[str, dict[str, Any]]:
    """The name and the members of a job's trial component."""
    name, source = _component_name(job, kind), {"SourceArn": job.arn, "SourceType": f"SageMaker{kind}Job"}
    return name, {
        "TrialComponentName": name,
        "DisplayName": config.get("TrialComponentDisplayName", name),
        "Source": source,
        "TrialComponentSource": source,
        "Status": {"PrimaryStatus": "InProgress"},
        **parts,
    }
