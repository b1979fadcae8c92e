"""Unpack tar archives from untrusted sources: models and data sets.

An archive that would fill the disk, or write outside its folder, is refused with the reason. Only regular
files are unpacked, no links or devices.
"""

import bz2
import gzip
import lzma
import math
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from sentiment.errors import ArchiveError
from sentiment.files import is_full

UNJUDGED_BYTES = 64 << 20
"""Up to this size, any compression ratio is accepted: a small file of zeros packs very well."""
MAX_HEADER_BYTES = 10_240
"""Of all headers of one member: enough for two of the longest paths of Linux. tarfile reads each into memory,
calls itself for the next, and before Python 3.11.10 and 3.12.6 needs quadratic time for long ones.
"""
CHUNK_BYTES = 1 << 16
OPENERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
"""How to open a compressed file, by its magic bytes."""


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to: `size` in bytes, number of files, and bytes per byte of the archive."""

    size: int
    members: int
    ratio: int = 100


MODEL = Limits(size=4 << 30, members=1000)
DATASET = Limits(size=8 << 30, members=500_000)
"""The Large Movie Review Dataset has 0.5 GB in 100,000 files."""


def unpack(
    archive: Path,
    folder: Path,
    limits: Limits,
    wanted: Callable[[str], bool] = lambda name: True,
    unpacked: Callable[[], object] = lambda: None,
) -> None:
    """Unpack the wanted members of a .tar, .tar.gz, .tar.bz2 or .tar.xz into `folder`.

    `wanted` is given each member's name; `unpacked` is called after each file. Raises ArchiveError, and
    OSError if the disk is full; the files unpacked until then stay.
    """
    name = "the archive's list"
    try:
        opened = archive.open("rb")
    except OSError as error:
        raise ArchiveError(f"{archive}: cannot be read ({error.strerror})") from None
    try:
        with opened as packed:
            stream = _Unpacked(packed, limits)
            with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r:") as tar:
                size = 0
                for number, member in enumerate(tar, start=1):
                    name = member.name
                    size += member.size  # of a sparse file, more than the stream has
                    _check(number, size if member.size >= 0 else -1, limits)
                    safe = tarfile.data_filter(member, str(folder))
                    with stream.content():
                        if not wanted(name) or safe.isdir():
                            continue
                        if not safe.isfile():
                            raise _Refused("it is a link")
                        tar.extract(safe, folder, filter="data")
                    unpacked()
            with stream.content():
                while stream.read(CHUNK_BYTES):
                    continue  # read the checksum at the end as well: an archive that lacks it is broken
    except (_Refused, tarfile.FilterError) as error:
        raise ArchiveError(f"{archive}: member {name:.200} is refused: {error}") from None
    except Exception as error:  # tarfile raises some ten kinds for archives that lie
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            if is_full(error):
                raise
            reason = error.strerror or error
            raise ArchiveError(f"{archive}: cannot be unpacked to {folder} ({reason})") from None
        raise ArchiveError(
            f"{archive}: damaged or incomplete at member {name:.200} ({error or type(error).__name__}); "
            "fetch it again"
        ) from None


class _Refused(Exception):
    """An archive breaks a rule; the message says which."""


class _Unpacked:
    """A file object for tarfile that decompresses an archive sequentially and enforces the limits."""

    def __init__(self, packed: BinaryIO, limits: Limits):
        self._packed, self._limits = packed, limits
        begins = packed.read(6)
        packed.seek(0)
        openers = [opener for magic, opener in OPENERS.items() if begins.startswith(magic)]
        self._content = openers[0](packed) if openers else packed
        self._read = 0
        self._left_of_headers: float = MAX_HEADER_BYTES

    @contextmanager
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
            raise _Refused(f"a member has headers of more than {MAX_HEADER_BYTES:,} bytes")
        return self._next(size)

    def _next(self, size: int) -> bytes:
        content = self._content.read(size)
        self._read += len(content)
        _check(0, self._read, self._limits)
        if self._read > max(UNJUDGED_BYTES, self._limits.ratio * self._packed.tell()):
            raise _Refused(f"it unpacks to more than {self._limits.ratio} times its size")
        return content

    def tell(self) -> int:
        return self._content.tell()

    def seek(self, position: int) -> int:
        while (ahead := position - self._content.tell()) > 0 and self._next(min(ahead, CHUNK_BYTES)):
            continue
        if ahead < 0:
            raise _Refused("its members are not in order")
        return self._content.tell()


def _check(members: int, size: int, limits: Limits) -> None:
    if members > limits.members:
        raise _Refused(f"it holds more than {limits.members:,} files")
    if not 0 <= size <= limits.size:
        raise _Refused(f"it unpacks to more than {limits.size:,} bytes")
