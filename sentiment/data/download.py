"""Download and unpack data sets; interrupted downloads resume, and nothing incomplete is left in place."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from sentiment import archives
from sentiment.errors import ArchiveError, DatasetError
from sentiment.files import atomic_folder, is_full, sha256_of
from sentiment.progress import Progress

TIMEOUT_SECONDS = 30
ATTEMPTS = 5
PAUSE_SECONDS = 2.0
CHUNK_BYTES = 1 << 18


def download(
    url: str, target: str | Path, sha256: str, progress: bool = True, pause: float = PAUSE_SECONDS
) -> Path:
    """Download `url` to `target`, unless that file is there already, and return `target`.

    A partial download in `target`.part is resumed. `pause` is the time in seconds between attempts. Raises
    DatasetError if the server cannot be reached, keeps breaking off, or sends a file with another SHA-256.
    """
    target = Path(target)
    if target.is_file() and sha256_of(target) == sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    problem = "the connection broke off each time"
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause)
        try:
            if _fetch_rest(url, part, progress):
                break
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise DatasetError(f"{url}: the server answered {error.code} {error.reason}") from None
            problem = f"the server answered {error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            if isinstance(error, OSError) and is_full(error):
                raise DatasetError(f"{part} cannot be written: {error.strerror}") from None
            problem = str(getattr(error, "reason", error)) or type(error).__name__
    else:
        raise DatasetError(
            f"{url}: could not be downloaded ({problem}); run the same command again to resume, "
            f"or put the file at {target} yourself"
        )
    if sha256_of(part) != sha256:
        part.unlink()
        raise DatasetError(
            f"{url}: the downloaded file is not the expected one (its checksum differs); download it again"
        )
    part.replace(target)
    return target


def _fetch_rest(url: str, part: Path, progress: bool) -> bool:
    """Append what is missing to `part`; return whether the server has sent all of it."""
    there = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return True  # nothing is missing; the checksum says whether it is right
        raise
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            there = 0
        length = response.headers.get("Content-Length")
        total = there + int(length) if length else None
        with part.open("ab" if there else "wb") as stream, Progress(part.stem, total, "B", progress) as shown:
            shown.add(there)
            while chunk := response.read(CHUNK_BYTES):
                stream.write(chunk)
                shown.add(len(chunk))
            return total is None or shown.done == total


def unpack(
    archive: str | Path,
    target: str | Path,
    wanted: Callable[[str], bool] = lambda name: True,
    progress: bool = True,
) -> Path:
    """Unpack the wanted members of a tar archive (.tar, .tar.gz, .tar.xz) into `target`, all or none.

    Raises DatasetError for an archive that is broken, too large, or would write outside `target`.
    """
    archive, target = Path(archive), Path(target)
    try:
        with (
            atomic_folder(target) as temporary,
            Progress(f"unpacking {archive.name}", None, "files", progress) as shown,
        ):
            archives.unpack(archive, temporary, archives.DATASET, wanted, shown.add)
    except ArchiveError as error:
        raise DatasetError(str(error)) from None
    except OSError as error:
        raise DatasetError(f"{archive}: cannot be unpacked to {target} ({error.strerror or error})") from None
    return target
