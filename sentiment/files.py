"""Files that are whole or not there: written aside, then renamed; and the checksums that prove it."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKSUMS = "checksums.json"


def sha256_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(file: Path, content: object) -> None:
    """Write JSON whose bytes depend on the content alone."""
    file.write_text(
        json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )


@contextmanager
def written_aside(target: Path, mode: int = 0o644) -> Iterator[Path]:
    """A temporary file beside `target` that takes its name when the block ends, and goes when it fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(mode)
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def folder_written_aside(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its place (an older one included) when the block ends."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield aside
        aside.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            os.replace(target, old / target.name)
            os.replace(aside, target)
            shutil.rmtree(old)
        else:
            os.replace(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_checksums(folder: Path, file_name: str = CHECKSUMS) -> None:
    """List the SHA-256 of every file under `folder` in `file_name`."""
    sums = {str(file.relative_to(folder).as_posix()): sha256_of(file) for file in files_under(folder)}
    sums.pop(file_name, None)
    write_json(folder / file_name, sums)


def broken_files(folder: Path, file_name: str = CHECKSUMS) -> list[str]:
    """What of the checksum list is missing or changed, as "name: reason"; empty when all is as written."""
    try:
        sums = json.loads((folder / file_name).read_text(encoding="utf-8"))
        listed = dict(sums)
    except (OSError, ValueError, TypeError) as error:
        return [f"{file_name}: not readable ({type(error).__name__})"]
    broken = []
    for name, expected in sorted(listed.items()):
        file = folder / name
        if not file.is_file():
            broken.append(f"{name}: missing")
        elif sha256_of(file) != expected:
            broken.append(f"{name}: its content is not what was written")
    return broken


def files_under(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())
