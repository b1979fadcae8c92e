"""The table of runners, which replace the containers of known images.

An image is only a name here. A runner replaces the containers of images with certain repository names; the
user can assign runners to other images (``localcloud up --image PATTERN=RUNNER``).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import localcloud
from localcloud.protocol import InvalidRequest

SERVES, COMMANDS = "serves", "commands"
RAY_PYTHON = "LOCALCLOUD_RAY_PYTHON"
"""The variable with an interpreter that has Ray Serve, instead of the one in .venv-ray beside localcloud."""


@dataclass(frozen=True)
class Runner:
    """Describes how the containers of some images are run."""

    name: str
    purpose: str
    """SERVES a model over HTTP, or runs the COMMANDS of ContainerEntrypoint and scripts."""
    repositories: tuple[str, ...]
    """Patterns (fnmatch) of the names of ECR repositories."""
    script: str = ""
    """The program of `localcloud/containers` that serves."""
    needs_ray: bool = False
    """Whether that program runs in a separate environment with Ray Serve."""

    def python(self, job_python: Path) -> Path:
        """The interpreter for the program. Raises InvalidRequest, with how to install it, if missing."""
        if not self.needs_ray:
            return job_python
        own = Path(localcloud.__file__).parents[1] / ".venv-ray" / "bin" / "python"
        python = Path(os.environ.get(RAY_PYTHON) or own)
        if not python.exists():
            raise InvalidRequest(
                f"localcloud runs the containers of {', '.join(self.repositories)} with the genuine Ray "
                f"Serve, and there is no {python}: `python3 requirements/install.py ray` installs it, or "
                f"{RAY_PYTHON} names an interpreter that has ray[serve] and httpx."
            )
        return python


RUNNERS = (
    Runner("pytorch-inference", SERVES, ("pytorch-inference", "pytorch-inference-*"), "inference.py"),
    Runner("ray", SERVES, ("ray",), "ray_serve.py", needs_ray=True),
    Runner(
        "python",
        COMMANDS,
        (
            *("pytorch-training", "pytorch-training-*", "pytorch-inference", "pytorch-inference-*"),
            *(
                "pytorch",
                "tensorflow-training",
                "huggingface-*-training*",
                "mxnet-training",
                "*-trcomp-training",
            ),
            *("autogluon-training", "smdistributed-modelparallel", "sagemaker-tensorflow-scriptmode"),
            *("sagemaker-pytorch", "sagemaker-mxnet", "sagemaker-chainer", "sagemaker-rl-*"),
            *("sagemaker-scikit-learn", "sagemaker-xgboost", "sagemaker-base-python*"),
            *("sagemaker-distribution*", "python"),
        ),
    ),
)
"""The first that matches is used. "python" runs commands and scripts in the interpreter of `--python`."""
IMAGE = re.compile(r"(?:\w[\w.:-]*/)*(?P<repository>[^/:@]+)(?::[^/@]+)?(?:@.+)?")


def runner_of(image: str, purpose: str, operation: str, registered: Mapping[str, str]) -> Runner:
    """The runner of an image. `registered` has names of runners by patterns of whole image names.

    Raises InvalidRequest, naming the image and what to do, for an image without one.
    """
    named = {name for pattern, name in registered.items() if fnmatchcase(image, pattern)}
    found = IMAGE.fullmatch(image)
    repository = found["repository"] if found else image
    for runner in RUNNERS:
        fits = any(fnmatchcase(repository, pattern) for pattern in runner.repositories)
        if runner.purpose == purpose and (runner.name in named or fits):
            return runner
    names = " or ".join(runner.name for runner in RUNNERS if runner.purpose == purpose)
    raise InvalidRequest(
        f"{operation}: localcloud has no runner for the image {image}, whose containers it would have to "
        f"imitate. If they behave like those of {names}, start localcloud with "
        f"--image '{image}=NAME' and that name (* stands for anything)."
    )


def registration(text: str) -> tuple[str, str]:
    """The pattern and the runner of PATTERN=RUNNER. Raises ValueError, saying what is wrong."""
    pattern, _, name = text.rpartition("=")
    names = [runner.name for runner in RUNNERS]
    if not pattern or name not in names:
        raise ValueError(f"{text!r} is not PATTERN=RUNNER with one of the runners {', '.join(names)}")
    return pattern, name
