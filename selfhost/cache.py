"""The cache of models on this machine, from which the web server starts if the registry is unavailable.

    current.json    the champion that was fetched last, and the version of its model
    <version>/      model folders, by version
    lock            held by the one process that fetches models
    absence         why there is no model, as that process last found

Several processes share a cache. Folders are written elsewhere and renamed, and current.json is replaced last,
so each process sees a complete model or none.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from sentiment.errors import ArtifactError
from sentiment.files import CHECKSUMS, atomic_write, write_json
from sentiment.serving.predictor import Predictor
from tracking.champion import Champion

# How many earlier models are kept: a process may still be loading the previous one.
OLD_MODELS = 1


@dataclass(frozen=True)
class Cached:
    """A cached champion: its model's version and folder.

    `fetched` (nanoseconds since 1970) distinguishes repeated downloads of the same model.
    """

    champion: Champion
    model: str
    fetched: int
    folder: Path

    def predictor(self) -> Predictor:
        """Load and verify the model. Raises ArtifactError if it is not the one that was fetched."""
        predictor = Predictor.from_folder(self.folder)
        if predictor.version != self.model:
            raise ArtifactError(f"{self.folder} holds the model {predictor.version}, not {self.model}")
        return predictor


class ModelCache:
    """The folder of cached models. Only the process with the lock may write."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._current = folder / "current.json"
        self._absence = folder / "absence"
        self._lock: IO[bytes] | None = None

    def current(self) -> Cached | None:
        """The champion that was fetched last; None if there is none, or if the cache cannot be read."""
        try:
            content = json.loads(self._current.read_text(encoding="utf-8"))
            champion, model = Champion(**content["champion"]), str(content["model"])
            return Cached(champion, model, int(content["fetched"]), self.folder / Path(model).name)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def holds_lock(self) -> bool:
        """Whether this process has the lock."""
        return self._lock is not None

    def lock(self) -> bool:
        """Try to get the lock, which ends with the process; return whether this process has it."""
        if self._lock is not None:
            return True
        self.folder.mkdir(parents=True, exist_ok=True)
        file = (self.folder / "lock").open("wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._lock = file
        for leftover in self.folder.glob(".new-*"):  # from a process that was killed during a download
            shutil.rmtree(leftover, ignore_errors=True)
        return True

    def release(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def note_absence(self, code: str) -> None:
        """Store why there is no model, as an error code of the API, for the other processes."""
        with atomic_write(self._absence) as new:
            new.write_text(code, encoding="utf-8")

    def absence(self) -> str:
        """Return the error code that was stored last; empty if there is none, or if it cannot be read."""
        try:
            return self._absence.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return ""

    @contextmanager
    def temporary_folder(self) -> Iterator[Path]:
        """Yield a temporary folder to download into, on the cache's own file system."""
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as folder:
            yield Path(folder)

    def keep(self, champion: Champion, folder: Path) -> Cached:
        """Verify a downloaded model folder, and make it the current model. Raises ArtifactError."""
        model = Predictor.from_folder(folder).version
        if champion.model not in ("", model):
            raise ArtifactError(
                f"{champion} was registered as the model {champion.model}, "
                f"but its files are the model {model}"
            )
        place = self.folder / model
        if not _holds(place, model):
            shutil.rmtree(place, ignore_errors=True)
            folder.rename(place)
        cached = Cached(champion, model, time.time_ns(), place)
        with atomic_write(self._current) as new:
            write_json(new, {"champion": asdict(champion), "model": model, "fetched": cached.fetched})
        self._tidy()
        return cached

    def forget(self) -> None:
        """Delete the current model, for example because it is broken and must be fetched again."""
        cached = self.current()
        self._current.unlink(missing_ok=True)
        if cached is not None:
            shutil.rmtree(cached.folder, ignore_errors=True)

    def _tidy(self) -> None:
        """Delete old models."""
        folders = [file.parent for file in self.folder.glob(f"[!.]*/{CHECKSUMS}")]
        current = self.current()
        old = [folder for folder in folders if current is None or folder != current.folder]
        for folder in sorted(old, key=lambda folder: folder.stat().st_mtime)[:-OLD_MODELS]:
            shutil.rmtree(folder, ignore_errors=True)


def _holds(folder: Path, model: str) -> bool:
    try:
        return Predictor.from_folder(folder).version == model
    except ArtifactError:
        return False
