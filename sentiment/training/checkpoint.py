"""Checkpoints of a training run: a single file, replaced atomically, that cannot execute code when read."""

import io
from pathlib import Path
from typing import Any

import torch

from sentiment.errors import CheckpointError
from sentiment.files import atomic_write

FILE_NAME = "checkpoint.pt"
FORMAT_VERSION = 5


def write_checkpoint(
    folder: Path, identity: dict[str, Any], progress: dict[str, Any], tensors: dict[str, Any]
) -> None:
    """Write the state of a run; `identity` says which run it belongs to. Raises OSError."""
    content = {"format": FORMAT_VERSION, "identity": identity, "progress": progress, **tensors}
    written = io.BytesIO()  # writing to a file directly, torch hides why it failed
    torch.save(content, written)
    with atomic_write(folder / FILE_NAME) as temporary:
        temporary.write_bytes(written.getbuffer())


def read_checkpoint(folder: Path, identity: dict[str, Any], device: torch.device) -> dict[str, Any] | None:
    """Read the checkpoint, or return None if there is none.

    Raises CheckpointError if it is broken or belongs to another run.
    """
    file = folder / FILE_NAME
    if not file.is_file():
        return None
    try:
        content = torch.load(file, map_location=device, weights_only=True)
    except Exception as error:  # torch.load raises half a dozen unrelated exceptions for a broken file
        raise CheckpointError(
            f"{file} cannot be read ({error}); remove it to start from the beginning"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT_VERSION:
        raise CheckpointError(f"{file} is of another version; remove it to start from the beginning")
    if content["identity"] != identity:
        raise CheckpointError(
            f"{file} belongs to a run with other settings or data "
            f"({_difference(content['identity'], identity)}); use the same ones, "
            "or another folder, or remove it to start from the beginning"
        )
    return content


def _difference(there: dict[str, Any], here: dict[str, Any]) -> str:
    flat_there = {**there.get("recipe", {}), **{k: v for k, v in there.items() if k != "recipe"}}
    flat_here = {**here["recipe"], **{k: v for k, v in here.items() if k != "recipe"}}
    names = sorted(flat_there.keys() | flat_here.keys())
    changed = [name for name in names if flat_there.get(name) != flat_here.get(name)]
    return ", ".join(f"{name} {flat_there.get(name)} there, {flat_here.get(name)} here" for name in changed)
