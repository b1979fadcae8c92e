"""Builds an image from a Dockerfile without Docker: its files, its packages, and the command that it runs.

Only images of Python programs can be built, whose RUN steps install locked packages. The packages are
installed into an environment of the image's own, unless the interpreter that runs containers has the same
versions. Steps that create users or make an image smaller have no effect here. Any other step is refused by
name.
"""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from localcloud.codebuild.errors import BuildFailed

PYTHON_IMAGE = re.compile(r"(\S+/)?python:\S+")
WITHOUT_EFFECT = frozenset({"find", "groupadd", "useradd", "rm"})
IGNORED = frozenset({"CMD", "EXPOSE", "LABEL", "USER"})
"""Instructions without effect: SageMaker's argument "serve" replaces CMD, and containers here share the
machine's network and run as its user."""
NETWORK = ("0.0.0.0", "127.0.0.1")  # nosec B104
"""Containers here have no network of their own, and must not be reachable from other machines."""
COPY_MODE = re.compile(r"--chmod=(0?[0-7]{3})")
OWNERS = 0o600, 0o700
"""The rights to files and folders that their owner keeps, whatever --chmod says. Docker's root needs none."""
DESCRIPTION = "image.json"


@dataclass
class Stage:
    """A stage of the Dockerfile: its files below `root`, lock files to install, and the command."""

    root: Path
    folder: str = "/"
    locks: list[Path] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    entry_point: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        """The file on this machine for a path in the image."""
        place = (self.root / self.folder.lstrip("/") / path) if not path.startswith("/") else None
        place = place or self.root / path.lstrip("/")
        if not place.resolve().is_relative_to(self.root.resolve()):
            raise BuildFailed(f"{path} is outside the image")
        return place


def build(
    dockerfile: Path,
    context: Path,
    folder: Path,
    install: Callable[[list[Path], Path], str],
    report: Callable[[str], None],
) -> None:
    """Builds an image into `folder`, with its entry point and environment in the file DESCRIPTION.

    `install` installs lock files into a folder, and returns the interpreter with their packages (see
    containers/image_environment.py); `report` gets the lines of the build's log. Raises BuildFailed.
    """
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for number, (name, rest) in enumerate(_instructions(dockerfile), start=1):
        report(f"Step {number} : {name} {rest}")
        if name == "FROM":
            stage = _from(rest, folder / f"stage-{len(stages)}", stages)
        elif stage is None:
            raise BuildFailed(f"{name} comes before the first FROM")
        elif name == "COPY":
            _copy(stage, rest, context, stages)
        elif name == "RUN":
            _run(stage, rest)
        elif name == "WORKDIR":
            stage.folder = rest
        elif name == "ENV":
            stage.environment |= _variables(rest)
        elif name == "ENTRYPOINT":
            stage.entry_point = _exec_form(name, rest)
        elif name not in IGNORED:
            raise BuildFailed(f"localcloud does not carry out {name} {rest}")
    if stage is None or stage.entry_point[:1] != ["python"]:
        raise BuildFailed('localcloud runs images whose ENTRYPOINT is ["python", ...]')
    _describe(stage, folder, install(stage.locks, folder / "packages"))


def _instructions(dockerfile: Path) -> list[tuple[str, str]]:
    try:
        text = dockerfile.read_text(encoding="utf-8")
    except OSError as error:
        raise BuildFailed(f"failed to read dockerfile: {error.strerror}: {dockerfile.name}") from None
    code = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    lines = (line.strip() for line in re.sub(r"\\\n\s*", " ", code).splitlines())
    pairs = [line.partition(" ") for line in lines if line]
    return [(name.upper(), rest.strip()) for name, _, rest in pairs]


def _from(rest: str, root: Path, stages: dict[str, Stage]) -> Stage:
    image, *alias = rest.split() or [""]
    is_named = len(alias) == 2 and alias[0].upper() == "AS"
    if not PYTHON_IMAGE.fullmatch(image) or (alias and not is_named):
        raise BuildFailed(f"localcloud builds only on Python's own images (python:...), not on {rest}")
    root.mkdir(parents=True)
    stages[alias[1] if is_named else root.name] = stage = Stage(root)
    return stage


def _copy(stage: Stage, rest: str, context: Path, stages: dict[str, Stage]) -> None:
    words = shlex.split(rest)
    options = [word for word in words if word.startswith("--")]
    *sources, target = [word for word in words if word not in options]
    mode = COPY_MODE.fullmatch(" ".join(options))
    if options and not mode:
        source = stages.get(options[0].removeprefix("--from="))
        if len(options) > 1 or source is None:
            raise BuildFailed(
                f"localcloud does not carry out COPY {rest}: it takes --from=STAGE or --chmod=755, alone"
            )
        stage.locks += source.locks
        for name in sources:
            if source.inside(name).exists():
                shutil.copytree(source.inside(name), stage.inside(target), dirs_exist_ok=True)
        return
    place = stage.inside(target)
    for name in sources:
        file = context / name
        if not file.exists() or not file.resolve().is_relative_to(context.resolve()):
            raise BuildFailed(f'failed to compute cache key: "/{name}": not found')
        if file.is_dir():
            into = place
            shutil.copytree(file, into, dirs_exist_ok=True)
        else:
            into = place / file.name if target.endswith("/") else place
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, into)
        if mode:
            for each in (file, *file.rglob("*")):
                (into / each.relative_to(file)).chmod(int(mode[1], 8) | OWNERS[each.is_dir()])


def _variables(rest: str) -> dict[str, str]:
    """The variables of ENV except PATH, which names the folders of the image's packages."""
    found = {}
    for word in shlex.split(rest):
        name, equals, value = word.partition("=")
        if name == "PATH" and equals:
            continue
        if not equals or "$" in value:
            raise BuildFailed(
                f"localcloud does not carry out ENV {rest}: it supports only NAME=VALUE, without variables"
            )
        found[name] = value
    return found


def _run(stage: Stage, rest: str) -> None:
    for command in rest.split("&&"):
        words = shlex.split(command)
        if words[0] == "pip" and "install" in words:
            stage.locks += [stage.inside(name) for name in _requirements(command, words)]
        elif words[0] not in WITHOUT_EFFECT and words[:3] != ["python", "-m", "venv"]:
            raise BuildFailed(
                f"localcloud does not carry out RUN {command.strip()}: it only installs the packages "
                "of lock files with pip"
            )


def _requirements(command: str, words: list[str]) -> list[str]:
    """The lock files that pip installs. Raises BuildFailed if it installs anything else."""
    rest = words[words.index("install") + 1 :]
    files = [after for word, after in pairwise(rest) if word in ("-r", "--requirement")]
    if not files or [word for word in rest if not word.startswith("-") and word not in files]:
        raise BuildFailed(
            f"localcloud does not carry out RUN {command.strip()}: pip must install a lock file"
        )
    return files


def _exec_form(name: str, rest: str) -> list[str]:
    try:
        words = json.loads(rest)
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BuildFailed(f"localcloud needs {name} in its exec form, a JSON list of strings")
    return words


def _describe(stage: Stage, folder: Path, python: str) -> None:
    def here(word: str) -> str:
        return str(stage.inside(word)) if word.startswith("/") and stage.inside(word).exists() else word

    environment = {name: value.replace(*NETWORK) for name, value in stage.environment.items()}
    command = [python, *map(here, stage.entry_point[1:])]
    description = json.dumps({"command": command, "environment": environment})
    (folder / DESCRIPTION).write_text(description, encoding="utf-8")
