"""Write files atomically, and verify them by checksums."""

import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHECKSUMS = "checksums.json"
MAX_LIST_BYTES = 1 << 20
"""Size limit of a checksum list."""


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(file: Path, content: object) -> None:
    """Write JSON deterministically: the same content gives the same bytes."""
    file.write_text(
        json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def require_writable(folder: Path) -> None:
    """Raises an OSError that names what stands in the way unless files could be written in the folder, which
    need not be there yet.
    """
    place = folder.absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "cannot be written to", str(place))


def is_full(error: BaseException) -> bool:
    """Whether a write failed because the disk or a quota on it is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def naming_errors(place: Path) -> Iterator[None]:
    """Add `place` to an OSError of the block that names no file, as that of a full disk does not."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(place)
        raise


@contextmanager
def atomic_write(target: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary file beside `target`; rename it to `target` at the end, or delete it on failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with naming_errors(target):
            yield temporary
        temporary.chmod(mode)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; it replaces `target` at the end, or is deleted on failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with naming_errors(target):
            yield temporary
        temporary.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            os.replace(target, old / target.name)
            os.replace(temporary, target)
            shutil.rmtree(old)
        else:
            os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_checksums(folder: Path, file_name: str = CHECKSUMS) -> None:
    """List the SHA-256 of every file under `folder` in `file_name`."""
    sums = {str(file.relative_to(folder).as_posix()): sha256_of(file) for file in files_under(folder)}
    sums.pop(file_name, None)
    write_json(folder / file_name, sums)


def broken_files(
    folder: Path, file_name: str = CHECKSUMS, may_be_added: Callable[[str], bool] = lambda name: False
) -> list[str]:
    """Compare a folder with its checksum list; return the differences as "name: reason".

    A file differs if it is missing, changed, or not in the list. The result is empty if there are none.
    `may_be_added` is given the name in `folder` of a file that is not in the list, and says whether it is
    allowed.
    """
    try:
        listed = read_object(folder / file_name, MAX_LIST_BYTES)
    except (OSError, ValueError) as error:
        return [f"{file_name}: not readable ({error})"]
    there = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if not _is_folder(file)}
    broken = []
    for name, expected in sorted(listed.items()):
        file = there.pop(name, None)
        if file is None:
            broken.append(f"{name}: missing")
        elif not file.is_file() or file.is_symlink():
            broken.append(f"{name}: no regular file")
        elif sha256_of(file) != expected:
            broken.append(f"{name}: its content is not what was written")
    there.pop(file_name, None)
    return broken + [f"{name}: not in {file_name}" for name in sorted(there) if not may_be_added(name)]


def read_object(file: Path, largest: int) -> dict[str, Any]:
    """Read a JSON object from a file of at most `largest` bytes. Raises OSError or ValueError.

    Numbers are finite: Python also reads NaN, Infinity and 1e999, and would write what is not JSON.
    """
    with file.open("rb") as stream:
        content = stream.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"it has more than {largest:,} bytes")
    try:
        parsed = json.loads(content.decode("utf-8"), parse_float=_finite, parse_constant=_finite)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: byte {error.start} cannot be read") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(parsed, dict):
        raise ValueError("it is not a JSON object")
    return parsed


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text:.20} is not a finite number")
    return number


def _is_folder(file: Path) -> bool:
    return file.is_dir() and not file.is_symlink()


def files_under(folder: Path) -> list[Path]:
    """All regular files below a folder, sorted by path."""
    return sorted(file for file in folder.rglob("*") if file.is_file())
