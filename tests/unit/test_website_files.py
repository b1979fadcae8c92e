"""What the page is made of: little, its own, and under a strict policy."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

WEBSITE = Path(__file__).resolve().parents[2] / "website"
FILES = sorted(file for file in WEBSITE.rglob("*") if file.is_file())
# CloudFront compresses what it sends (infra/template.yaml).
MAX_BYTES_SENT = 30_000
# Raised by 2,000 for a long review that scrolls by the keys, too, and for a reason of its own in each state.
MAX_BYTES = 62_000


def text_of(suffix: str) -> str:
    return "\n".join(file.read_text("utf-8") for file in FILES if file.suffix == suffix)


def test_all_files_together_are_small():
    assert sum(len(gzip.compress(file.read_bytes())) for file in FILES) < MAX_BYTES_SENT
    assert sum(file.stat().st_size for file in FILES) < MAX_BYTES


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere():
    policy = re.search(r'content="(default-src[^"]+)"', text_of(".html"))[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["img-src"] == "'self'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in policy


def test_nothing_is_loaded_from_elsewhere():
    for text in (text_of(".html"), text_of(".css"), text_of(".js")):
        links = re.findall(r"""(?:src|href|from|import|url)\s*[=(]?\s*["']?([^"'\s>)]+)""", text)
        assert not [link for link in links if re.match(r"(https?:)?//", link)]


@pytest.mark.parametrize(
    "sink", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"]
)
def test_no_text_can_become_markup_or_code(sink):
    assert sink not in text_of(".js")
