"""Find the source files that a trained model depends on; a change to any other does not affect its key."""

from __future__ import annotations

import ast
from pathlib import Path

from project.paths import PROJECT
from sentiment.serving.artifact import CODE_ROOMS

PROGRAMS = (PROJECT / "train" / "train.py", PROJECT / "serve" / "inference.py")
LIBRARY = "sentiment"


def training_sources() -> list[Path]:
    """The source files that determine a model: the programs, the library modules that they import with the
    data files of the same name, and the sub-packages that are copied into the model folder.

    Modules that only record a run (tracking/) or plot it are not among them.
    """
    found = set(PROGRAMS)
    for room in CODE_ROOMS:
        files = (file for file in (PROJECT / LIBRARY / room).rglob("*") if file.is_file())
        found |= {file for file in files if "__pycache__" not in file.parts}
    pending = [file for file in found if file.suffix == ".py"]
    while pending:
        for file in _imported(pending.pop()):
            if file not in found:
                found.add(file)
                pending.append(file)
    return sorted(found.union(*(module.parent.glob(f"{module.stem}.*") for module in found)))


def _imported(file: Path) -> set[Path]:
    """The library's modules that are imported anywhere in a file."""
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files = set()
    for name in names:
        if name.split(".")[0] == LIBRARY:
            place = PROJECT.joinpath(*name.split("."))
            files |= {each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file()}
    return files
