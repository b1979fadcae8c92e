"""`python -m pipeline STEP`: run one step; `make` runs them in order."""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from pipeline import (
    check,
    data,
    deploy,
    destroy,
    drift,
    evaluate,
    hosting,
    image,
    package,
    prepare,
    promote,
    register,
    retrain,
    rollout,
    summary,
    train,
    upload,
)
from pipeline.containers import HOSTING
from pipeline.settings import SDKS, Settings
from project.choices import ProjectError, assignments
from sentiment.training.command_line import Parser, exit_status

STEPS: dict[str, tuple[Callable[[Settings], None], str]] = {
    "check": (check.run, "check settings, region and credentials"),
    "data": (data.run, "get the reviews"),
    "prepare": (prepare.run, "reviews -> arrays of word ids"),
    "bootstrap": (deploy.bootstrap, "create the stack's buckets and roles"),
    "image": (image.run, "build our own inference image and push it to the stack's repository"),
    "upload": (upload.run, "arrays -> S3"),
    "train": (train.run, "train by a SageMaker training job"),
    "package": (package.run, "check the model and upload it for endpoints"),
    "register": (register.run, "log the model's run to MLflow and register the model"),
    "evaluate": (evaluate.run, "test by SageMaker batch transform"),
    "retrain": (retrain.run, "train a model on votes, and compare it with the current one"),
    "promote": (promote.run, "approve the newest model of `make retrain`"),
    "drift": (drift.run, "compare what people send with what the model was measured on"),
    "deploy": (rollout.run, "deploy endpoint, Lambda, API and page by SAM"),
    "canary-finish": (rollout.finish, "watch a new model until it takes over or is rolled back"),
    "rollback": (rollout.back, "return to the previous model"),
    "publish": (deploy.publish, "upload only the page"),
    "summary": (summary.run, "print the page's and the API's address"),
    "destroy": (destroy.run, "delete the stack and everything in it"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one step. Returns the exit status; errors are one line on standard error."""
    options = _parser().parse_args(arguments)
    return exit_status(lambda: run(options), ProjectError, BotoCoreError, ClientError)


def run(options: argparse.Namespace) -> None:
    """Run the step that the options name. Raises ProjectError, and errors of AWS's."""
    settings = Settings(
        data=options.data,
        data_path=options.data_path,
        recipe=options.recipe,
        hyperparameters=assignments(options.set),
        model=options.model,
        stack=options.stack,
        sam=options.sam,
        on=options.on,
        instances=options.instances,
        spot=options.spot == "1",
        train_instance_type=options.train_instance_type,
        transform_instance_type=options.transform_instance_type,
        endpoint_memory_mb=options.endpoint_memory_mb,
        endpoint=options.endpoint,
        endpoint_instances=options.endpoint_instances,
        endpoint_instance_type=options.endpoint_instance_type,
        autoscale=options.autoscale,
        provisioned=options.provisioned,
        container=options.container,
        sdk=options.sdk,
        canary=options.canary,
        canary_minutes=options.canary_minutes,
        canary_answers=options.canary_answers,
        build=options.build,
        auto=options.auto,
        trusted=tuple(options.trust.lower().split()),
        version=options.version or None,
        window=options.window,
    )
    hosting.chosen(settings)  # every step refuses what only the last one needs
    try:
        STEPS[options.step][0](settings)
    except NoCredentialsError:
        raise ProjectError(
            "no AWS credentials were found: export AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY (without AWS there is `make demo`)"
        ) from None


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = Parser(
        prog="python -m pipeline",
        description="From reviews to a running service, step by step.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="steps:\n" + "\n".join(f"  {name:<11}{text}" for name, (_, text) in STEPS.items()),
    )
    parser.add_argument("step", choices=STEPS, metavar="STEP", help="one of those below")
    parser.add_argument(
        "--data", default=default.data, help="source of the reviews: sample, aclimdb or kaggle"
    )
    parser.add_argument("--data-path", type=Path, help="path of its archive, folder or CSV file")
    parser.add_argument("--recipe", default=default.recipe, help="named settings of the model")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a hyperparameter",
    )
    parser.add_argument(
        "--model", help="use this model: a folder, a model.tar.gz, approved, models:/... or runs:/..."
    )
    parser.add_argument(
        "--stack", type=_stack_name, default=default.stack, help="name of the CloudFormation stack"
    )
    parser.add_argument("--sam", default=default.sam, help="the SAM CLI")
    parser.add_argument(
        "--on",
        choices=("here", "sagemaker"),
        default=default.on,
        help="where the reviews are prepared: here, or in shards by a processing job",
    )
    parser.add_argument(
        "--instances", type=int, default=default.instances, metavar="N", help="instances of each job"
    )
    parser.add_argument(
        "--spot", choices=("0", "1"), default="0", help="1: train on spot instances, which AWS may take away"
    )
    parser.add_argument("--train-instance-type", default=default.train_instance_type)
    parser.add_argument("--transform-instance-type", default=default.transform_instance_type)
    parser.add_argument("--endpoint-memory-mb", type=int, default=default.endpoint_memory_mb)
    parser.add_argument("--endpoint", default=default.endpoint, help="serverless or instances")
    parser.add_argument("--endpoint-instances", type=int, default=default.endpoint_instances, metavar="N")
    parser.add_argument("--endpoint-instance-type", default=default.endpoint_instance_type)
    parser.add_argument(
        "--autoscale", default=default.autoscale, metavar="MIN:MAX", help="scale the instances with the load"
    )
    parser.add_argument(
        "--provisioned", type=int, default=default.provisioned, metavar="N", help="containers kept warm"
    )
    parser.add_argument(
        "--container", default=default.container, help=f"the image that answers: {', '.join(HOSTING)}"
    )
    parser.add_argument("--auto", action="store_true", help="retrain: promote a model that keeps the rules")
    parser.add_argument(
        "--trust", default="", metavar="WORDS", help="retrain: believe votes about these words"
    )
    parser.add_argument("--version", help="promote: the number of the model package")
    parser.add_argument(
        "--window", default=default.window, help="drift: how far to look back, in hours or days (24h, 7d)"
    )
    parser.add_argument(
        "--sdk", default=default.sdk, help=f"version of the SageMaker Python SDK: {', '.join(SDKS)}"
    )
    parser.add_argument(
        "--canary", type=int, metavar="PERCENT", help="try the model on this share of the texts first"
    )
    parser.add_argument(
        "--canary-minutes", type=float, default=default.canary_minutes, help="minimum duration of the trial"
    )
    parser.add_argument(
        "--canary-answers", type=int, default=default.canary_answers, help="answers it must give in a trial"
    )
    parser.add_argument("--build", type=Path, default=default.build, help="folder for results")
    return parser


def _stack_name(text: str) -> str:
    """Check a stack's name by CloudFormation's rules; it must also fit into jobs' names of 63 characters."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,34}", text):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a stack name: a letter, then up to 34 letters, digits and hyphens"
        )
    return text


if __name__ == "__main__":
    sys.exit(main())
