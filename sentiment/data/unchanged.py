"""Find the prepared data of a source whose files have not changed, without reading the reviews again.

A record beside the prepared data lists the files that were read, with their sizes, times and inodes, and
names the result. It is valid only while these, the code that reads and prepares, and the packaged texts are
unchanged; in case of doubt the reviews are read again. Git's index works like this, with the same precaution
against files that change within one tick of the file system's clock (https://git-scm.com/docs/racy-git).
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from sentiment.data import aclimdb, sample
from sentiment.data.prepared import Prepared
from sentiment.errors import DatasetError
from sentiment.files import atomic_write, broken_files, write_json
from sentiment.text.tokenizers import TOKENIZERS

PACKAGE = Path(__file__).parent
SETTLED_SECONDS = 2.0
"""A file modified more recently than this could change again with the same time stamp (FAT's tick is 2 s)."""


class SourceState:
    """What the file system says of the files that `load_reviews(source, path, unlabelled)` reads.

    Create it before reading the reviews. `cache_dir` is where the prepared data are kept, and `voted` the
    file of cleaned votes, if training learns from votes as well.
    """

    def __init__(
        self,
        source: str,
        path: Path | None,
        unlabelled: bool,
        tokenizer: str,
        cache_dir: str | Path,
        short_texts: bool = False,
        voted: Path | None = None,
    ):
        self._cache_dir = Path(cache_dir)
        place = None if path is None else str(path.absolute())
        version = TOKENIZERS[tokenizer].version
        self._request = [source, place, unlabelled, tokenizer, version, short_texts, _package_digest()]
        self._places = _places(source, path)
        if voted is not None and self._places:
            self._request.append(str(voted.absolute()))
            self._places.append(voted)
        self._files = _digest(self._places)

    def prepared(self) -> Prepared | None:
        """The verified data that were prepared from the same files; None if that is not certain."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if self._files is None or not isinstance(record, dict) or record.get("files") != self._files:
            return None
        folder = self._cache_dir / str(record.get("key"))
        return None if broken_files(folder) else Prepared(folder, folder.name, reused=True)

    def remember(self, prepared: Prepared) -> None:
        """Record what was prepared from the files, unless one of them changed meanwhile or just before."""
        if self._files is not None and self._files == _digest(self._places):
            with atomic_write(self._record) as temporary:
                write_json(temporary, {"files": self._files, "key": prepared.key})

    @property
    def _record(self) -> Path:
        name = hashlib.sha256(json.dumps(self._request).encode()).hexdigest()[:20]
        return self._cache_dir / f"{name}.source.json"


def _places(source: str, path: Path | None) -> list[Path]:
    """The files and folders that a source reads; empty for sources that are not known here."""
    if source == "sample":
        try:
            return [sample.installed_file() if path is None else path]
        except DatasetError:
            return []
    if path is None or source not in ("kaggle", "aclimdb"):
        return []
    # An archive is unpacked beside itself, and read from there.
    suffix = next((suffix for suffix in aclimdb.ARCHIVE_SUFFIXES if path.name.endswith(suffix)), None)
    return [path] if suffix is None else [path, path.with_name(path.name.removesuffix(suffix))]


def _digest(places: Iterable[Path]) -> str | None:
    """The SHA-256 of the states of all files at and below the places.

    None if there are none, if one cannot be examined, or if one has changed too recently to be sure.
    """
    states: list[tuple[str, int, int, int, int]] = []
    settled_ns = time.time_ns() - int(SETTLED_SECONDS * 1e9)
    try:
        for place in places:
            files = sorted(_files_below(place)) if place.is_dir() else [str(place)]
            for file in files:
                status = os.stat(file)
                if max(status.st_mtime_ns, status.st_ctime_ns) > settled_ns:
                    return None
                times = status.st_mtime_ns, status.st_ctime_ns
                states.append((file, status.st_size, *times, status.st_ino))
    except OSError:
        return None
    return hashlib.sha256(json.dumps(states).encode()).hexdigest() if states else None


def _files_below(folder: Path) -> Iterable[str]:
    """The files below a folder. Raises OSError if a folder cannot be read or is a link."""
    for parent, folders, names in os.walk(folder, onerror=_raise):
        if any(os.path.islink(os.path.join(parent, name)) for name in folders):
            raise OSError(f"{parent} holds a link to a folder")
        yield from (os.path.join(parent, name) for name in names)


def _raise(error: OSError) -> None:
    raise error


def _package_digest() -> str:
    """The SHA-256 of the modules that read and prepare reviews, and of the files of texts and labels beside
    them, since all affect the result."""
    digest = hashlib.sha256()
    for file in sorted(file for file in PACKAGE.iterdir() if file.is_file()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
