"""A cache of measured results, as JSON, so that an interrupted run can be resumed.

A result is valid as long as its key, a hash of everything that went into it, is the same. Results of another
machine are refused.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchError
from sentiment.files import atomic_write


def key_of(*inputs: object) -> str:
    """The key of a result with these inputs: JSON values, and Paths, whose content is hashed."""
    digest = hashlib.sha256()
    for value in inputs:
        if isinstance(value, Path):
            digest.update(value.name.encode() + b"\0" + value.read_bytes())
        else:
            digest.update(json.dumps(value, sort_keys=True).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Results:
    """The results below `folder`, measured on `machine` (machine.describe()); `again` ignores cached ones."""

    folder: Path
    machine: dict[str, Any]
    again: bool = False

    def cached(
        self, name: str, key: str, measure: Callable[[], dict[str, Any]]
    ) -> tuple[dict[str, Any], bool]:
        """The result under the key, measured and cached if it is not there yet; and whether it was there.

        Raises BenchError where the cached result comes from another machine.
        """
        cached = None if self.again else self._read(name, key)
        if cached is not None:
            return cached["result"], True
        started = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        # Read back, so that a new result has the same form as a cached one.
        result = json.loads(json.dumps(measure() | {"measured": started}))
        with atomic_write(self._file(name)) as temporary:
            content = {"key": key, "machine": self.machine, "result": result}
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return result, False

    def has(self, name: str, key: str) -> bool:
        """Whether a result is cached under the key. Raises BenchError where it comes from another machine."""
        return self._read(name, key) is not None

    def _read(self, name: str, key: str) -> dict[str, Any] | None:
        try:
            cached = json.loads(self._file(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(cached, dict) or cached.get("key") != key:
            return None
        if cached["machine"] != self.machine:
            differing = sorted(k for k in self.machine if cached["machine"].get(k) != self.machine[k])
            raise BenchError(
                f"{self._file(name)} was measured on another machine or with other packages "
                f"(differing: {', '.join(differing)}); figures of two machines cannot stand in one table; "
                "measure everything again with --again"
            )
        return cached

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"
