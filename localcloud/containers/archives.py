"""Unpacks archives from untrusted sources. One that would fill the disk or leave its folder is refused.

All of localcloud uses this module to unpack archives, the runners as well.
"""

import contextlib
import gzip
import io
import math
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

UNJUDGED_BYTES = 64 << 20
"""Up to this size, any compression ratio is accepted: a small file of zeros packs very well."""
MAX_HEADER_BYTES = 10_240
"""Of all headers of one member: enough for two of the longest paths of Linux. tarfile reads each into memory,
calls itself for the next, and before Python 3.11.10 and 3.12.6 needs quadratic time for long ones.
"""
CHUNK_BYTES = 1 << 16


class ArchiveError(Exception):
    """An archive is broken, too large, or would write outside its folder; the message says which."""


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to: size in bytes, files and folders, and bytes per byte of the archive."""

    size: int = 20 << 30
    members: int = 200_000
    ratio: int = 200


LIMITS = Limits()
IN_MEMORY = Limits(size=1 << 30)


def unpack_tar(archive: Path, folder: Path, limits: Limits = LIMITS) -> None:
    """Unpacks a .tar.gz into `folder`. Raises ArchiveError; the files unpacked until then stay."""
    folder.mkdir(parents=True, exist_ok=True)
    with _explained(), archive.open("rb") as packed:
        stream = _Unpacked(packed, limits)
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:") as tar:  # which only reads it
            size = 0
            for number, member in enumerate(tar, start=1):
                size += member.size  # of a sparse file, more than the stream has
                _check(number, size if member.size >= 0 else -1, limits)
                _refuse_links_on_the_way(folder, member)
                with stream.content():
                    tar.extract(member, folder, filter="data")
        with stream.content():
            while stream.read(CHUNK_BYTES):
                continue  # read the checksum at the end as well: an archive that lacks it is broken


def unpack_zip(archive: bytes, folder: Path, limits: Limits = LIMITS) -> None:
    """Unpacks a zip file into `folder`; zipfile writes nothing outside. Raises ArchiveError."""
    with _explained(), zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = opened.infolist()
        _check(len(members), sum(member.file_size for member in members), limits)
        for member in members:
            written = Path(opened.extract(member, folder))  # zipfile drops what would lead out of it
            if (member.external_attr >> 16) & 0o111 and written.is_file():
                written.chmod(written.stat().st_mode | 0o111)


def gunzip(packed: bytes) -> bytes:
    """The content of a gzip file. Raises ArchiveError, also if it is more than IN_MEMORY."""
    with _explained():
        stream = _Unpacked(io.BytesIO(packed), IN_MEMORY)
        with stream.content():
            return b"".join(iter(lambda: stream.read(CHUNK_BYTES), b""))


class _Unpacked:
    """A file object for tarfile that decompresses a gzip file sequentially and enforces the limits."""

    def __init__(self, packed: BinaryIO, limits: Limits):
        self._packed, self._limits = packed, limits
        self._content = gzip.GzipFile(fileobj=packed)
        self._read = 0
        self._left_of_headers: float = MAX_HEADER_BYTES

    @contextlib.contextmanager
    def content(self) -> Iterator[None]:
        """What is read now is content; what is read afterwards are the headers of the next member."""
        self._left_of_headers = math.inf
        try:
            yield
        finally:
            self._left_of_headers = MAX_HEADER_BYTES

    def read(self, size: int) -> bytes:
        self._left_of_headers -= size
        if size < 0 or self._left_of_headers < 0:
            raise ArchiveError(f"a member of it has headers of more than {MAX_HEADER_BYTES:,} bytes")
        return self._next(size)

    def _next(self, size: int) -> bytes:
        content = self._content.read(size)
        self._read += len(content)
        _check(0, self._read, self._limits)
        if self._read > max(UNJUDGED_BYTES, self._limits.ratio * self._packed.tell()):
            raise ArchiveError(f"it unpacks to more than {self._limits.ratio} times its size")
        return content

    def tell(self) -> int:
        return self._content.tell()

    def seek(self, position: int) -> int:
        while (ahead := position - self._content.tell()) > 0 and self._next(min(ahead, CHUNK_BYTES)):
            continue
        if ahead < 0:
            raise ArchiveError("its parts do not follow each other")
        return self._content.tell()


def _check(members: int, size: int, limits: Limits) -> None:
    if members > limits.members:
        raise ArchiveError(f"it holds more than {limits.members:,} files")
    if not 0 <= size <= limits.size:
        raise ArchiveError(f"it unpacks to more than {limits.size:,} bytes")


def _refuse_links_on_the_way(folder: Path, member: tarfile.TarInfo) -> None:
    """Raises an error for links in the path: very long ones have led tarfile's filter out of the folder."""
    names = [member.name, member.linkname] if member.islnk() else [member.name]
    for name in names:
        place = folder
        for part in PurePosixPath(name).parts:
            place = place / part
            if place.is_symlink():
                raise ArchiveError(f"{name!r} would be written through a link")
    if member.islnk() and not (folder / member.linkname).is_file():
        raise ArchiveError(f"{member.name!r} links to {member.linkname!r}, which does not come before it")


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except tarfile.FilterError as error:
        raise ArchiveError(str(error)) from error
    except Exception as error:  # tarfile and zipfile raise some ten kinds for archives that lie
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            raise ArchiveError(f"it cannot be unpacked here: {error.strerror or error}") from error
        raise ArchiveError(f"it is damaged or incomplete ({error or type(error).__name__})") from error
