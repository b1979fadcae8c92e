"""The picture and the page of the architecture say what the code does."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests.conftest import PROJECT

PAGES = sorted(
    page.relative_to(PROJECT).as_posix()
    for folder in (".", "docs", "localcloud", "selfhost")
    for page in (PROJECT / folder).glob("*.md")
)


def test_the_picture_shows_the_imports_that_the_code_has():
    spec = importlib.util.spec_from_file_location("architecture", PROJECT / "docs" / "architecture.py")
    architecture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(architecture)
    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.draw(architecture.arrows()), (
        "run: python docs/architecture.py"
    )


def test_the_readmes_tree_names_every_folder():
    tree = re.search(
        r"^## The tree\n\n```text\n(.*?)```", (PROJECT / "README.md").read_text("utf-8"), re.M | re.S
    )
    named = {line.split()[0].rstrip("/") for line in tree[1].splitlines()}
    assert {name for name in named if not (PROJECT / name).exists()} == set()
    packages = {file.parent.name for file in PROJECT.glob("*/__init__.py")}
    assert packages > {"sentiment", "tests"} and packages | {"website", "infra", "train", "docs"} <= named
    assert {"Makefile", "MLproject", "docker-compose.yml"} <= named


def test_localclouds_tree_names_every_module_and_folder():
    text = (PROJECT / "localcloud" / "README.md").read_text("utf-8")
    tree = re.search(r"^## How it is built\n\n```\n(.*?)```", text, re.M | re.S)
    named = [line.split()[0].rstrip("/") for line in tree[1].splitlines()]
    modules = {file.name for file in (PROJECT / "localcloud").glob("*.py")} - {"__init__.py"}
    folders = {file.parent.name for file in (PROJECT / "localcloud").glob("*/__init__.py")}
    assert sorted(named) == sorted(modules | folders | {"containers"})


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page):
    file = PROJECT / page
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", file.read_text(encoding="utf-8"))
    assert [link for link in links if not (file.parent / link).exists()] == []
