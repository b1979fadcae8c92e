"""The registry of models in MLflow: what is registered, which one is the champion, and how to get one."""

import json
import os
import shutil
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.uri import is_databricks_unity_catalog_uri, is_databricks_uri

from sentiment.errors import ArtifactError, SentimentError
from sentiment.files import CHECKSUMS, atomic_folder
from sentiment.serving.artifact import version_of
from tracking.champion import CHALLENGER, PERCENT_TAG
from tracking.mlflow_run import MODEL_NAME
from tracking.run_record import RunRecord

CHAMPION = "champion"
VOTES_TAG = "votes"
"""How many votes a version has learned from, where it has."""
REASONS_TAG = "reasons_against"
"""What its comparison with the champion says against a version: empty where it keeps the rules."""
# The alias of the version that was champion before.
PREVIOUS = "previous"


class RegistryChoiceError(SentimentError):
    """The registry cannot hold a champion of that name; the message says what to set instead."""


def registered_name() -> str:
    """The registered model's name: movie-sentiment, unless MLFLOW_REGISTERED_MODEL says otherwise.

    Raises RegistryChoiceError where Databricks would refuse it: Unity Catalog, its default registry, has
    names of three levels; the older one of a workspace has no aliases.
    """
    name = os.environ.get("MLFLOW_REGISTERED_MODEL") or "movie-sentiment"
    registry = mlflow.get_registry_uri()
    if is_databricks_unity_catalog_uri(registry):
        levels = name.split(".")
        if len(levels) != 3 or not all(levels):
            raise RegistryChoiceError(
                f"Unity Catalog names models CATALOG.SCHEMA.MODEL, which {name!r} is not: set "
                "MLFLOW_REGISTERED_MODEL, e.g. to main.default.movie_sentiment"
            )
    elif is_databricks_uri(registry):
        raise RegistryChoiceError(
            f"the model registry of a Databricks workspace ({registry}) has no aliases, and so no champion: "
            "unset MLFLOW_REGISTRY_URI, which leaves it to Unity Catalog"
        )
    return name


def register(client: MlflowClient, record: RunRecord, folder: Path, model_uri: str, run_id: str) -> list[str]:
    """Register a logged model, unless that very model is there, and let it contend for champion.

    Returns what to tell a person.
    """
    name, version = registered_name(), version_of(folder)
    _make_registered_model(client, name)
    if same := _versions(client, name, version):
        registered = max(same, key=lambda each: int(each.version))
        said = f"model {version} is registered already: {name} version {registered.version}"
    else:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        tags = {
            "model": version,
            "recipe": str(record.parameters.get("recipe", "")),
            "validation_accuracy": str(metrics["validation_accuracy"]),
            "validation_split": str(record.data.get("validation_split", "")),
        }
        if record.data.get("votes"):
            tags[VOTES_TAG] = str(record.data["votes"])
        if record.test:
            tags["test_accuracy"] = str(record.test["accuracy"])
        registered = client.create_model_version(
            name, model_uri, run_id, tags, model_id=model_uri.removeprefix("models:/")
        )
        said = f"registered model {version}: {name} version {registered.version}"
    return [said, _contend(client, name, registered)]


def _contend(client: MlflowClient, name: str, contender: ModelVersion) -> str:
    """Make the contender champion if there is none, or if it did better on the same validation reviews."""
    champion = champion_of(client, name)
    if champion is not None and champion.version == contender.version:
        return f"version {contender.version} is the champion"
    if champion is None:
        client.set_registered_model_alias(name, CHAMPION, contender.version)
        return f"version {contender.version} is the champion: the first"
    by_hand = f"python train/tracking.py promote {contender.version}"
    if contender.tags.get(VOTES_TAG):
        return (
            f"version {champion.version} stays champion: version {contender.version} has learned from votes, "
            "so its comparison decides (make retrain WHERE=selfhost, make promote WHERE=selfhost)"
        )
    split = contender.tags.get("validation_split")
    if not split or split != champion.tags.get("validation_split"):
        return (
            f"version {champion.version} stays champion: it was validated on other reviews, so the two "
            f"cannot be compared; to choose this one: {by_hand}"
        )
    new, old = (float(each.tags["validation_accuracy"]) for each in (contender, champion))
    compared = f"{new:.4f} against {old:.4f} of version {champion.version} on the same validation reviews"
    if new > old:
        _crown(client, name, contender.version)
        return f"version {contender.version} is the champion: {compared}"
    return f"version {champion.version} stays champion: {compared}"


def champion_of(client: MlflowClient, name: str) -> ModelVersion | None:
    """The champion; None where there is none."""
    return _with_alias(client, name, CHAMPION)


def _with_alias(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        # "INVALID_PARAMETER_VALUE: Registered model alias champion not found", from servers and databases.
        if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
            return None
        raise


def promote(client: MlflowClient, version: str | None) -> str:
    """Make a registered version champion, by a person's decision; if it was the challenger, none is left.

    Without a `version`, it is the newest that has been compared with a champion. Raises RegistryChoiceError
    where there is none, or its comparison speaks against it.
    """
    name = registered_name()
    if version is None:
        version = _compared(client, name)
    _crown(client, name, version)
    challenger = _with_alias(client, name, CHALLENGER)
    if challenger is not None and str(challenger.version) == version:
        client.delete_registered_model_alias(name, CHALLENGER)
    return f"version {version} of {name} is the champion"


def challenge(client: MlflowClient, version: str, percent: float) -> str:
    """Have a registered version answer that share of the texts beside the champion.

    Raises RegistryChoiceError where the version is the champion, or there is none to stand beside.
    """
    name = registered_name()
    champion = champion_of(client, name)
    if champion is None or str(champion.version) == version:
        raise RegistryChoiceError(
            f"{name} has no champion to challenge"
            if champion is None
            else f"version {version} is the champion"
        )
    # First, so that whoever finds the alias finds the share.
    client.set_model_version_tag(name, version, PERCENT_TAG, f"{percent:g}")
    client.set_registered_model_alias(name, CHALLENGER, version)
    return f"version {version} of {name} answers {percent:g} % of the texts beside version {champion.version}"


def rollback(client: MlflowClient) -> str:
    """End a challenge; where there is none, make the version that was champion before champion again.

    Raises RegistryChoiceError where no champion was before.
    """
    name = registered_name()
    challenger, previous = (_with_alias(client, name, alias) for alias in (CHALLENGER, PREVIOUS))
    if challenger is not None:
        client.delete_registered_model_alias(name, CHALLENGER)
        return f"version {challenger.version} of {name} is no longer a challenger"
    if previous is None:
        raise RegistryChoiceError(f"{name} has had no champion before this one")
    return promote(client, str(previous.version))


def _crown(client: MlflowClient, name: str, version: str) -> None:
    """Make a version champion, and remember which was."""
    before = champion_of(client, name)
    client.set_registered_model_alias(name, CHAMPION, version)
    # A store gives versions as numbers, a server as text.
    if before is not None and str(before.version) != str(version):
        client.set_registered_model_alias(name, PREVIOUS, before.version)


def _compared(client: MlflowClient, name: str) -> str:
    found = [client.get_model_version(name, each.version) for each in _all_versions(client, name)]
    compared = [each for each in found if REASONS_TAG in each.tags]
    if not compared:
        raise RegistryChoiceError(
            f"no version of {name} has been compared with a champion: make retrain WHERE=selfhost"
        )
    newest = max(compared, key=lambda each: int(each.version))
    if reasons := newest.tags[REASONS_TAG]:
        raise RegistryChoiceError(
            f"version {newest.version} of {name} is not to be promoted: {reasons}; to do so all the same, "
            f"name it: make promote WHERE=selfhost VERSION={newest.version}"
        )
    return str(newest.version)


def versions_of(client: MlflowClient, model: str) -> list[ModelVersion]:
    """The registered versions that hold the model of that version digest."""
    return _versions(client, registered_name(), model)


def _versions(client: MlflowClient, name: str, model: str) -> list[ModelVersion]:
    found = _all_versions(client, name)
    if is_databricks_unity_catalog_uri(mlflow.get_registry_uri()):  # finds versions without their tags
        found = [client.get_model_version(name, each.version) for each in found]
    return [each for each in found if each.tags.get("model") == model]


def _all_versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    return list(client.search_model_versions(f"name = '{name}'"))


def fetch(uri: str, target: Path) -> str:
    """Put the model folder of a models:/ or runs:/ URI at `target`; the version that names it.

    Raises ArtifactError where the MLflow model there is none of this project's.
    """
    with atomic_folder(target) as temporary:
        downloaded = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(temporary)))
        folder = downloaded / "artifacts" / MODEL_NAME
        if not (folder / CHECKSUMS).is_file():
            raise ArtifactError(f"{uri} holds no model folder of this project (artifacts/{MODEL_NAME}/)")
        moved = temporary / ".model"
        shutil.move(folder, moved)
        for other in [each for each in temporary.iterdir() if each != moved]:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
        for each in moved.iterdir():
            shutil.move(each, temporary / each.name)
        moved.rmdir()
        return version_of(temporary)


def _make_registered_model(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(
            name, description="Sentiment of movie reviews: text in, prediction out"
        )
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise
