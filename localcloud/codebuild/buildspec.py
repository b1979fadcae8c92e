"""Buildspecs of version 0.2 that build an image and push it.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
Commands are not run by a shell: localcloud carries out docker's commands itself, and refuses any others.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from localcloud.codebuild.errors import BuildFailed

VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
LOGIN = re.compile(r"aws ecr get-login-password( --region \S+)? \| docker login .*--password-stdin \S+")
SHELL_SYNTAX = re.compile(r"[|&;<>()`$*?\n]")
BUILD_OPTIONS = {"--file": "file", "-f": "file", "--tag": "tag", "-t": "tag"} | {
    name: name for name in ("--platform", "--provenance", "--output")
}
"""Options of docker build for the format of an image, which have no effect here."""


@dataclass(frozen=True)
class Login:
    """`aws ecr get-login-password | docker login`: does nothing, since images are in this cloud's folder."""


@dataclass(frozen=True)
class DockerBuild:
    """`docker build --file FILE --tag TAG CONTEXT`."""

    file: str
    tag: str
    context: str


@dataclass(frozen=True)
class DockerPush:
    """`docker push TAG`."""

    tag: str


Command = Login | DockerBuild | DockerPush


def commands(text: str) -> list[str]:
    """The commands of a buildspec. Raises BuildFailed if it has anything except the phase "build"."""
    try:
        spec = yaml.safe_load(text)
        found = spec["phases"]["build"]["commands"]
        known = set(spec) == {"version", "phases"} and set(spec["phases"]) == {"build"}
        known = known and set(spec["phases"]["build"]) == {"commands"} and str(spec["version"]) == "0.2"
    except (yaml.YAMLError, TypeError, KeyError):
        known = False
    if not known or not all(isinstance(each, str) for each in found):
        raise BuildFailed(
            "YAML_FILE_ERROR: localcloud runs only buildspecs of version 0.2 with nothing but "
            "phases.build.commands"
        )
    return list(found)


def parse(line: str, variables: Mapping[str, str]) -> Command:
    """Parses a command, and inserts variables. Raises BuildFailed if localcloud does not support it."""
    given = VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), line).strip()
    if LOGIN.fullmatch(given):
        return Login()
    words = [] if SHELL_SYNTAX.search(given) else shlex.split(given)
    if words[:2] == ["docker", "build"]:
        return _docker_build(given, words[2:])
    if words[:2] == ["docker", "push"] and len(words) == 3:
        return DockerPush(words[2])
    raise BuildFailed(
        f"COMMAND_EXECUTION_ERROR: localcloud does not run `{given}`: it runs only docker login, "
        "docker build --file --tag and docker push"
    )


def _docker_build(line: str, words: list[str]) -> DockerBuild:
    options, contexts = {"file": "Dockerfile"}, []
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name in BUILD_OPTIONS and (equals or words):
            options[BUILD_OPTIONS[name]] = value if equals else words.pop(0)
        else:
            contexts.append(word)
    if len(contexts) != 1 or contexts[0].startswith("-") or "tag" not in options:
        raise BuildFailed(
            f"COMMAND_EXECUTION_ERROR: localcloud cannot run `{line}`: it supports only the options "
            f"{', '.join(BUILD_OPTIONS)}, and needs a tag and one context"
        )
    return DockerBuild(options["file"], options["tag"], contexts[0])
