"""docker-compose.yml without Docker: each service's own command, environment and files, on this machine.

A service runs in a folder that holds what its Dockerfile copies, with the packages that its Dockerfile
installs and no others, and with folders for volumes. Addresses and paths of containers are replaced by those
that stand for them here; all else is as the compose file and the Dockerfile have it.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name

from project.ports import free_port
from tests.conftest import PROJECT

COMPOSE = PROJECT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
SITE = Path(sysconfig.get_path("purelib"))
PORT = 5000
"""Of every container that listens."""


def compose(variables: dict[str, str] | None = None) -> dict[str, Any]:
    """The compose file with `${NAME:-default}` replaced, in every string of it."""

    def replaced(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: replaced(value) for name, value in node.items()}
        if isinstance(node, list):
            return [replaced(value) for value in node]
        if isinstance(node, str):
            return VARIABLE.sub(lambda found: (variables or {}).get(found[1]) or found[2] or "", node)
        return node

    return replaced(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Dockerfile:
    """What the last stage of a Dockerfile holds, and the packages that the first one installs."""

    packages: set[str]
    copied: list[str]
    environment: dict[str, str]
    folder: str
    user: str

    @classmethod
    def read(cls, path: Path) -> Dockerfile:
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
        last = lines[max(number for number, (word, _) in enumerate(lines) if word == "FROM") :]
        locks = {Path(name).name: PROJECT / name for name in re.findall(r"\S+\.lock", text) if "/" in name}
        packages = {
            name
            for lock in re.findall(r"--requirement (\S+)", text)
            for name in re.findall(r"^([\w.-]+)==", locks[lock].read_text(encoding="utf-8"), re.M)
        }
        copies = [
            shlex.split(rest) for word, rest in last if word == "COPY" and not rest.startswith("--from")
        ]
        # The containers' user can read them, whoever can read those of the checkout.
        assert all(source == target and mode == "--chmod=755" for mode, source, target in copies)
        stated = [part for word, rest in last if word == "ENV" for part in shlex.split(rest)]
        return cls(
            packages={canonicalize_name(name) for name in packages},
            copied=[source for _, source, _ in copies],
            environment=dict(part.split("=", 1) for part in stated),
            folder=next(rest for word, rest in last if word == "WORKDIR"),
            user=next(rest for word, rest in last if word == "USER"),
        )


@dataclass(frozen=True)
class Container:
    """How to run a service here. `volumes` are folders, by the names of the volumes."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    healthcheck: list[str]
    volumes: dict[str, Path]

    def files(self) -> set[Path]:
        """What the image holds, which nobody may change."""
        return {file for file in self.folder.rglob("*") if not file.is_symlink()}


class Host:
    """Stands for Docker: files and packages of images, volumes, and ports for the names of containers.

    `variables` are those that the compose file reads, `mounts` what `docker compose run --volume` adds.
    """

    def __init__(self, scratch: Path, variables: dict[str, str], mounts: dict[str, Path]):
        self.scratch, self.mounts = scratch, mounts
        self.services = compose(variables)["services"]
        self.ports = {name: free_port() for name in self.services}

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def container(self, name: str) -> Container:
        """Lay out a service's files."""
        service = self.services[name]
        image = Dockerfile.read(PROJECT / service["build"]["dockerfile"])
        root = self.scratch / name
        folder, temporary = root / "image", root / "tmp"
        for each in (folder, temporary):
            each.mkdir(parents=True)
        for source in image.copied:
            shutil.copytree(PROJECT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
        programs = install(image.packages, root / "packages")
        paths, volumes = {"/tmp": temporary, **self.mounts}, {}
        for volume in service["volumes"]:
            named, inside = volume.split(":")
            volumes[named] = paths[inside] = self.scratch / "volumes" / named
            volumes[named].mkdir(parents=True, exist_ok=True)
            if inside.startswith("/app/"):
                (folder / inside.removeprefix("/app/")).symlink_to(volumes[named])

        def here(text: str) -> str:
            text = text.replace(f"http://mlflow:{PORT}", self.url("mlflow"))
            text = text.replace("0.0.0.0", "127.0.0.1").replace(
                f"--port={PORT}", f"--port={self.ports[name]}"
            )
            text = text.replace(f"127.0.0.1:{PORT}", f"127.0.0.1:{self.ports[name]}")
            return re.sub(
                rf"(?<![\w.-])({'|'.join(paths)})(?![\w-])", lambda found: str(paths[found[0]]), text
            )

        environment = {**image.environment, **service["environment"]}
        environment = {name: here(value) for name, value in environment.items()}
        check = service.get("healthcheck", {"test": ["CMD", "false"]})["test"]
        assert check[0] == "CMD"
        return Container(
            command=[str(programs / service["command"][0]), *map(here, service["command"][1:])],
            environment=environment | {"PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin"},
            folder=folder,
            healthcheck=[str(programs / check[1]), *map(here, check[2:])],
            volumes=volumes,
        )


def install(packages: set[str], folder: Path) -> Path:
    """A virtual environment of these packages alone, as links into ours; the folder of its programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    programs, site = folder / "bin", next(folder.glob("lib/python*/site-packages"))
    installed = {canonicalize_name(each.name): each for each in importlib.metadata.distributions()}
    # Of a folder that several packages share, each brings its files; any other is linked as a whole.
    shared = Counter(top for each in installed.values() for top in _tops(each))
    for package in (installed[name] for name in sorted(packages & set(installed))):
        for top in _tops(package):
            if shared[top] == 1:
                (site / top).symlink_to(SITE / top)
        for file in package.files or ():
            alone = file.parts[0] == ".." or shared[file.parts[0]] == 1
            if not alone and "__pycache__" not in file.parts and not (site / file).exists():
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                (site / file).symlink_to(SITE / file)
        for script in package.entry_points.select(group="console_scripts"):
            text = (Path(sys.executable).parent / script.name).read_text(encoding="utf-8")
            (programs / script.name).write_text(f"#!{programs / 'python'}\n{text.partition(chr(10))[2]}")
            (programs / script.name).chmod(0o755)
    return programs


def _tops(package: importlib.metadata.Distribution) -> set[str]:
    return {file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__")}
