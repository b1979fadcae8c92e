"""MLflow's model registry: register models, choose the champion and a challenger, and fetch models."""

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
"""The tag with the number of votes that a version has learned from, if any."""
REASONS_TAG = "reasons_against"
"""The tag with the reasons against a version from its comparison with the champion; may be empty."""
# The alias of the previous champion.
PREVIOUS = "previous"


class RegistryChoiceError(SentimentError):
    """What was asked of the registry is not possible; the message says why, or what to do."""


def registered_name() -> str:
    """The name of the registered model: MLFLOW_REGISTERED_MODEL, by default movie-sentiment.

    Raises RegistryChoiceError if Databricks would refuse it: Unity Catalog, its default registry, needs names
    with three levels, and the older registry of a workspace has no aliases.
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
    """Register a logged model, unless it is registered, and make it champion if it is better.

    Returns the messages to print.
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
    return [said, _compare_with_champion(client, name, registered)]


def _compare_with_champion(client: MlflowClient, name: str, contender: ModelVersion) -> str:
    """Make the contender champion if there is none, or if it is better on the same validation reviews.

    Returns a message that says what was done and why.
    """
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
        _make_champion(client, name, contender.version)
        return f"version {contender.version} is the champion: {compared}"
    return f"version {champion.version} stays champion: {compared}"


def champion_of(client: MlflowClient, name: str) -> ModelVersion | None:
    """The champion; None if there is none."""
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
    """Make a registered version champion, whatever its figures; it is then no longer the challenger.

    Without a `version`, it is the newest one that has been compared with a champion. Raises
    RegistryChoiceError if there is none, or if its comparison gave reasons against it. Returns a message.
    """
    name = registered_name()
    if version is None:
        version = _compared(client, name)
    _make_champion(client, name, version)
    challenger = _with_alias(client, name, CHALLENGER)
    if challenger is not None and str(challenger.version) == version:
        client.delete_registered_model_alias(name, CHALLENGER)
    return f"version {version} of {name} is the champion"


def challenge(client: MlflowClient, version: str, percent: float) -> str:
    """Make a registered version the challenger, which answers `percent` of the texts. Returns a message.

    Raises RegistryChoiceError if the version is the champion, or if there is no champion.
    """
    name = registered_name()
    champion = champion_of(client, name)
    if champion is None or str(champion.version) == version:
        raise RegistryChoiceError(
            f"{name} has no champion to challenge"
            if champion is None
            else f"version {version} is the champion"
        )
    # The tag comes first, so that whoever sees the alias also sees the share.
    client.set_model_version_tag(name, version, PERCENT_TAG, f"{percent:g}")
    client.set_registered_model_alias(name, CHALLENGER, version)
    return f"version {version} of {name} answers {percent:g} % of the texts beside version {champion.version}"


def rollback(client: MlflowClient) -> str:
    """End a challenge, or, if there is none, return to the previous champion. Returns a message.

    Raises RegistryChoiceError if there is no previous champion.
    """
    name = registered_name()
    challenger, previous = (_with_alias(client, name, alias) for alias in (CHALLENGER, PREVIOUS))
    if challenger is not None:
        client.delete_registered_model_alias(name, CHALLENGER)
        return f"version {challenger.version} of {name} is no longer a challenger"
    if previous is None:
        raise RegistryChoiceError(f"{name} has had no champion before this one")
    return promote(client, str(previous.version))


def _make_champion(client: MlflowClient, name: str, version: str) -> None:
    """Make a version champion, and remember the previous one."""
    before = champion_of(client, name)
    client.set_registered_model_alias(name, CHAMPION, version)
    # Stores return versions as numbers, servers as text.
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
    """The registered versions that hold the model with this version (sentiment.serving.artifact)."""
    return _versions(client, registered_name(), model)


def _versions(client: MlflowClient, name: str, model: str) -> list[ModelVersion]:
    found = _all_versions(client, name)
    if is_databricks_unity_catalog_uri(mlflow.get_registry_uri()):  # its search returns versions without tags
        found = [client.get_model_version(name, each.version) for each in found]
    return [each for each in found if each.tags.get("model") == model]


def _all_versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    return list(client.search_model_versions(f"name = '{name}'"))


def fetch(uri: str, target: Path) -> str:
    """Download the model folder of a models:/ or runs:/ URI to `target`, and return the model's version.

    Raises ArtifactError if the MLflow model is not one of this project's.
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
