"""The README's pictures of the page show the page as it is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_pictures_are_as_new_as_the_page():
    taken_of = (DOCS / "page-pictures.sha256").read_text(encoding="ascii").strip()
    spec = importlib.util.spec_from_file_location("screenshots", DOCS / "screenshots.py")
    assert spec is not None and spec.loader is not None
    screenshots = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(screenshots)
    assert screenshots.fingerprint() == taken_of, (
        "the page has changed since its pictures were taken: run `make demo`, then `make screenshots`"
    )
