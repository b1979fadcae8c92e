"""What a contributor's tools read: the workflow, the hooks, the dev container, licence and changelog."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import yaml

from tests.conftest import PROJECT

TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M))


def test_the_workflow_runs_targets_that_there_are_by_actions_of_pinned_commits():
    text = (PROJECT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    targets = {step["run"].split()[1] for step in steps if step.get("run", "").startswith("make ")}
    assert targets == {"check", "test"} and targets <= TARGETS
    uses = re.findall(r"uses: (.*)", text)
    assert uses and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in uses)
    assert workflow["permissions"] == {"contents": "read"} and "secrets." not in text


def test_hooks_run_what_make_style_runs():
    text = (PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    hooks = [hook for repository in yaml.safe_load(text)["repos"] for hook in repository["hooks"]]
    recipe = (PROJECT / "Makefile").read_text(encoding="utf-8").split("\nstyle:")[1].split("\n\n")[0]
    commands = [line.strip("\t@").replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()[1:]]
    entries = [hook["entry"].removeprefix("env ").replace(" --force-exclude", "") for hook in hooks]
    # Hooks format the files; `make style` only says which ones are not formatted.
    assert sorted(entries) == sorted(command.replace(" format --check", " format") for command in commands)
    for entry in entries:
        program = next(word for word in entry.split() if "=" not in word)
        assert (Path(sys.executable).parent / Path(program).name).exists(), entry


def test_the_dev_container_sets_up_by_make():
    container = json.loads((PROJECT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert container["postCreateCommand"] == "make setup" and "image" in container


def test_contributing_names_targets_that_there_are():
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"make ([a-z-]+)", text)) <= TARGETS
    assert len(text.splitlines()) <= 60


def test_the_changelog_keeps_its_form():
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.M)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", heading) for heading in headings[1:])
    assert set(re.findall(r"^### (.*)$", text, re.M)) <= {
        "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security",
    }  # fmt: skip
