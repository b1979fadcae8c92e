"""Choose the version of the SageMaker Python SDK: 2 in this process, or 3 in a separate environment."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Protocol, cast

from pipeline.settings import PipelineError, Settings, sdk3_python
from project.paths import PROJECT


class Sdk(Protocol):
    """The functions of sagemaker_sdk.py and sagemaker_sdk3.py, which have their arguments."""

    def start_training(self, name: str, **arguments: Any) -> str:
        """Start a training job, and return its name."""

    def start_preparing(self, name: str, **arguments: Any) -> None:
        """Start a processing job that prepares reviews."""

    def start_transform(self, name: str, **arguments: Any) -> None:
        """Start a batch transform job."""


class Sdk3:
    """Calls the functions of sagemaker_sdk3.py in the virtual environment of version 3."""

    def start_training(self, name: str, **arguments: Any) -> str:
        """As sagemaker_sdk3.start_training. Raises PipelineError."""
        return str(self._call("start_training", name, arguments))

    def start_preparing(self, name: str, **arguments: Any) -> None:
        """As sagemaker_sdk3.start_preparing. Raises PipelineError."""
        self._call("start_preparing", name, arguments)

    def start_transform(self, name: str, **arguments: Any) -> None:
        """As sagemaker_sdk3.start_transform. Raises PipelineError."""
        self._call("start_transform", name, arguments)

    def _call(self, function: str, name: str, arguments: dict[str, Any]) -> Any:
        done = subprocess.run(
            [sdk3_python(), "-m", "pipeline.sagemaker_sdk3", function],
            input=json.dumps(arguments | {"name": name}),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
            raise PipelineError(
                f"version 3 of the SageMaker SDK could not {function.replace('_', ' ')}: {last}"
            )
        return json.loads(done.stdout.splitlines()[-1])


def of(settings: Settings) -> Sdk:
    """The functions of the chosen version. Call this only to start a job: importing takes seconds."""
    if settings.sdk == "3":
        return Sdk3()
    from pipeline import sagemaker_sdk

    return cast(Sdk, sagemaker_sdk)
