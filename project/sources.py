"""The source files that a trained model depends on, so that a change of any other leaves it as it is."""

from __future__ import annotations

import ast
from pathlib import Path

from project.paths import PROJECT
from sentiment.serving.artifact import CODE_ROOMS

PROGRAMS = (PROJECT / "train" / "train.py", PROJECT / "serve" / "inference.py")
LIBRARY = "sentiment"


def training_sources() -> list[Path]:
    """What makes a model: the programs, the modules they import of the library, and what goes along with it.

    What only tells of a run (tracking/) or draws pictures of it is none of them.
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
    return sorted(found)


def _imported(file: Path) -> set[Path]:
    """The library's modules that a file imports, anywhere in it."""
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
