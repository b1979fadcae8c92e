"""What the page is made of: little, its own, and under a strict policy."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

WEBSITE = Path(__file__).resolve().parents[2] / "website"
FILES = sorted(file for file in WEBSITE.rglob("*") if file.is_file())
# CloudFront compresses what it sends (infra/template.yaml).
MAX_BYTES_SENT = 43_000
# Raised for the API panel, explanations and labels in batches, the page about the model, votes taken back,
# two models.
MAX_BYTES = 104_000


def text_of(suffix: str) -> str:
    return "\n".join(file.read_text("utf-8") for file in FILES if file.suffix == suffix)


def test_all_files_together_are_small():
    assert sum(len(gzip.compress(file.read_bytes())) for file in FILES) < MAX_BYTES_SENT
    assert sum(file.stat().st_size for file in FILES) < MAX_BYTES


def modules_of(script: str) -> set[str]:
    """The modules that a script needs, directly or not."""
    found: set[str] = set()
    wanted = [script]
    while wanted:
        text = (WEBSITE / wanted.pop()).read_text("utf-8")
        new = set(re.findall(r'^import .* from "\./([\w-]+\.js)";', text, re.MULTILINE)) - found
        found |= new
        wanted += new
    return found


@pytest.mark.parametrize(("page", "script"), [("index.html", "app.js"), ("model.html", "about.js")])
def test_the_page_preloads_all_modules_at_once(page, script):
    """Else it would find each only by reading the one before: many round trips on a slow line."""
    preloaded = re.findall(r'rel="modulepreload" href="([^"]+)"', (WEBSITE / page).read_text("utf-8"))
    assert preloaded == sorted(modules_of(script))


@pytest.mark.parametrize("page", ["index.html", "model.html"])
def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(page):
    policy = re.search(r'content="(default-src[^"]+)"', (WEBSITE / page).read_text("utf-8"))[1]
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
