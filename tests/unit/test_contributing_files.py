"""What a contributor's tools read: the workflow, the hooks, the dev container, licence and changelog."""

from __future__ import annotations

import json
import re
import sys
import tomllib
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


def test_every_exception_of_the_scanners_has_its_reason_beside_it():
    """bandit's in a comment or docstring at the line, checkov's in itself; none repeats one for all code."""
    skips = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["bandit"]["skips"]
    recipe = (PROJECT / "Makefile").read_text(encoding="utf-8")
    programs = re.search(r"^PROGRAMS := (.*)$", recipe, re.M)[1].split()
    silent, found = [], 0
    for file in (file for program in programs for file in (PROJECT / program).rglob("*.py")):
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if exception := re.search(r"# nosec(.*)", line):
                found += 1
                code, _, reason = exception[1].strip().partition(" - ")
                beside = [lines[number - 1], *lines[number + 1 : number + 2]]
                explained = reason or re.match(r'\s*(#|""")', beside[0]) or '"""' in "".join(beside)
                if not explained or not re.fullmatch(r"B\d{3}", code) or code in skips:
                    silent.append(f"{file.relative_to(PROJECT)}:{number + 1}")
    for line in (PROJECT / "infra" / "template.yaml").read_text(encoding="utf-8").splitlines():
        if exception := re.search(r"checkov:skip(.*)", line):
            found += 1
            if not re.fullmatch(r"=CKV2?_\w+_\d+:\S+( \S+){3,}", exception[1]):
                silent.append(line.strip())
    for check in re.findall(r"--skip-check (\S+)", recipe):
        found += 1
        if not re.search(rf"^# .*\b{check}\b", recipe, re.M):
            silent.append(check)
    assert silent == [] and found > 20


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
