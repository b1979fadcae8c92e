"""Models on this machine: what a web server starts from when the registry is away.

    current.json    the champion that was fetched last, and which model it is
    <version>/      model folders, by the version of the artefact
    lock            held by the one process that fetches
    absence         what that process last found to be the reason why there is no model

Several processes share a cache. Folders are written aside and renamed, and current.json is replaced last, so
each of them sees a whole model or none.
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

# Models kept beside the current one: a process may still be loading the one before it.
OLD_MODELS = 1


@dataclass(frozen=True)
class Cached:
    """A champion on this machine. `fetched` (nanoseconds since 1970) tells a repeated download apart."""

    champion: Champion
    model: str
    fetched: int
    folder: Path

    def predictor(self) -> Predictor:
        """Load and verify it. Raises ArtifactError where it is not what was fetched."""
        predictor = Predictor.from_folder(self.folder)
        if predictor.version != self.model:
            raise ArtifactError(f"{self.folder} holds the model {predictor.version}, not {self.model}")
        return predictor


class ModelCache:
    """The folder that holds models. Only the process that has the lock may write."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._current = folder / "current.json"
        self._absence = folder / "absence"
        self._lock: IO[bytes] | None = None

    def current(self) -> Cached | None:
        """The champion fetched last; None where there is none, or the cache is not readable."""
        try:
            content = json.loads(self._current.read_text(encoding="utf-8"))
            champion, model = Champion(**content["champion"]), str(content["model"])
            return Cached(champion, model, int(content["fetched"]), self.folder / Path(model).name)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def holds_lock(self) -> bool:
        return self._lock is not None

    def lock(self) -> bool:
        """Try to become the process that fetches, until it ends: the kernel frees the lock. Whether it is."""
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
        for leftover in self.folder.glob(".new-*"):  # by a process that was killed while it downloaded
            shutil.rmtree(leftover, ignore_errors=True)
        return True

    def release(self) -> None:
        """Let another process fetch."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def note_absence(self, code: str) -> None:
        """Store for the other processes why there is no model, as the code of the API's error."""
        with atomic_write(self._absence) as new:
            new.write_text(code, encoding="utf-8")

    def absence(self) -> str:
        """Return the code that was noted last; empty if there is none, or it is not readable."""
        try:
            return self._absence.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return ""

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """Yield a temporary folder to download into, on the cache's own file system."""
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as folder:
            yield Path(folder)

    def keep(self, champion: Champion, folder: Path) -> Cached:
        """Verify a downloaded model folder and make it the current one. Raises ArtifactError."""
        model = Predictor.from_folder(folder).version
        if champion.model not in ("", model):
            raise ArtifactError(f"{champion} was registered as the model {champion.model}, but is {model}")
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
        """Drop the current model, which turned out to be broken: it will be fetched again."""
        cached = self.current()
        self._current.unlink(missing_ok=True)
        if cached is not None:
            shutil.rmtree(cached.folder, ignore_errors=True)

    def _tidy(self) -> None:
        """Remove older models."""
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
