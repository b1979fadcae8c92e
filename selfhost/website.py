"""The page's files in memory: website/, config.json with the API's address, and the model card.

The card says which model answers, so it is rendered again when another model is served.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentiment_api.errors import HttpError

from project import model_card
from project.choices import ProjectError
from project.paths import PROJECT
from selfhost.logs import fields, logger

WEBSITE = PROJECT / "website"
# The API has the same origin as the page.
CONFIG = {"apiUrl": "/predict"}
# Browsers may cache files, but revalidate them each time.
CACHE_CONTROL = "no-cache"
COMPRESSIBLE = ("text/", "application/json", "application/javascript", "image/svg+xml")

log = logger()


@dataclass(frozen=True)
class File:
    """A file: its body, the compressed body if that is smaller, its content type, and its entity tag."""

    body: bytes
    compressed: bytes | None
    kind: str
    tag: str

    @classmethod
    def of(cls, name: str, body: bytes) -> File:
        """Make a file from its name and body."""
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        # Python 3.11 returns the type that RFC 9239 made obsolete.
        kind = "text/javascript" if kind == "application/javascript" else kind
        compressed = gzip.compress(body, mtime=0) if kind.startswith(COMPRESSIBLE) else None
        if compressed is not None and len(compressed) >= len(body):
            compressed = None
        shown = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        return cls(body, compressed, shown, hashlib.sha256(body).hexdigest()[:32])


def load(folder: Path = WEBSITE) -> dict[str, File]:
    """Load the files, by path; index.html has the empty path as well."""
    bodies = {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }
    bodies["config.json"] = json.dumps(CONFIG).encode()
    files = {name: File.of(name, body) for name, body in bodies.items()}
    return {**files, "": files["index.html"]}


class Card:
    """The model card. `describe` returns the body of GET /model, or raises HttpError if there is no model."""

    def __init__(self, describe: Callable[[], dict[str, Any]]):
        self._describe = describe
        self._rendered: tuple[str | None, File | None] | None = None

    def file(self) -> File | None:
        """The current card; None if it cannot be rendered, which is logged."""
        try:
            answering = self._describe()
        except HttpError:
            answering = None
        version = None if answering is None else str(answering["model"])
        if self._rendered is None or self._rendered[0] != version:
            self._rendered = version, self._render(answering)
        return self._rendered[1]

    def _render(self, answering: dict[str, Any] | None) -> File | None:
        try:
            return File.of(model_card.NAME, model_card.render(answering))
        except ProjectError as error:
            log.warning("the page has no model card", **fields(why=str(error)))
            return None
