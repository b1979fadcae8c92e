"""The champion: the version of a registered model that is to be served. A challenger may stand beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# Where the files of a registered version keep the model folder, and its tag that names the model (train/).
MODEL_FOLDER = "artifacts/model"
MODEL_TAG = "model"
# The alias of a version that answers a share of the texts, and its tag that says which share (%).
CHALLENGER, PERCENT_TAG = "challenger", "challenger_percent"


class RegistryError(Exception):
    """The registry cannot be asked, or does not hand out what it lists."""


@dataclass(frozen=True)
class Champion:
    """A version of a registered model: enough to tell it from any other, deleted and re-used numbers too."""

    name: str
    version: str
    run_id: str
    created: int  # milliseconds since 1970
    model: str  # the artefact's version, as it was registered; empty where that is not known
    percent: float = 0.0  # the share of the texts that it answers as a challenger

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


class Source(Protocol):
    """Where champions come from (selfhost.registry)."""

    def champion(self) -> Champion | None:
        """The champion; None while there is none. Raises RegistryError."""

    def fetch(self, champion: Champion, folder: Path) -> Path:
        """Download its model folder below `folder`; where it lies then. Raises RegistryError."""
