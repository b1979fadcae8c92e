"""The champion: the version of a registered model that should be served; and the challenger, if any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# The path of the model folder within a registered version's files, and the tag with the model's version.
MODEL_FOLDER = "artifacts/model"
MODEL_TAG = "model"
# The alias of a version that answers a share of the texts, and the tag with that share in percent.
CHALLENGER, PERCENT_TAG = "challenger", "challenger_percent"


class RegistryError(Exception):
    """The registry cannot be reached, or does not deliver a model."""


@dataclass(frozen=True)
class Champion:
    """A version of a registered model, identified uniquely even if its number was deleted and used again."""

    name: str
    version: str
    run_id: str
    created: int  # milliseconds since 1970
    model: str  # the artefact's version, as it was registered; empty if that is not known
    percent: float = 0.0  # the percentage of texts that it answers as a challenger

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


class Source(Protocol):
    """A source of champions, such as tracking.registry.Registry."""

    def champion(self) -> Champion | None:
        """The champion; None if there is none. Raises RegistryError."""

    def fetch(self, champion: Champion, folder: Path) -> Path:
        """Download a model folder to a place below `folder`, and return its path. Raises RegistryError."""
