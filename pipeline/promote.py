"""`make promote`: approve the newest model, if it keeps the rules, or a version that is named."""

from __future__ import annotations

from pipeline import model_packages
from pipeline.settings import PipelineError, Settings
from project.console import say, step


def run(settings: Settings) -> None:
    """Approve a version of the model package group. Raises PipelineError."""
    step(f"Promote a model of {settings.stack}")
    if settings.version is not None:
        package = model_packages.named(settings, settings.version)
    else:
        found = model_packages.newest(
            settings, model_packages.APPROVED, model_packages.PENDING, model_packages.REJECTED
        )
        if found is None:
            raise PipelineError("no model has been registered: run `make retrain` first")
        package = found
    version, status = package["ModelPackageVersion"], package["ModelApprovalStatus"]
    if status == model_packages.REJECTED and settings.version is None:
        # ApprovalDescription is missing until the status is changed.
        why = package.get("ApprovalDescription") or package["ModelPackageDescription"]
        raise PipelineError(
            f"version {version} was rejected: {why}; to promote it nevertheless, run "
            f"`make promote VERSION={version}`"
        )
    if status == model_packages.APPROVED:
        say(f"unchanged: version {version} is approved")
        return
    model_packages.set_status(package, model_packages.APPROVED, "Promoted by a person.")
    say(f"version {version} is approved; to deploy it, run `make deploy MODEL=approved`")
