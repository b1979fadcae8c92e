"""Write the model folder of a training run (serving/artifact.py describes it).

It contains the code for serving, as copies of whole sub-packages, so that the artefact of a training job can
be deployed unchanged.
"""

import json
import os
import shutil
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import sentiment
from sentiment.errors import ArtifactError
from sentiment.files import CHECKSUMS, naming_errors, require_writable, write_checksums, write_json
from sentiment.model.lstm import LSTMClassifier
from sentiment.serving.artifact import CODE_FILES, CODE_ROOMS, FORMAT_VERSION, RAY_FILES
from sentiment.serving.onnx_graph import FILE_NAME, deep_graph
from sentiment.text.tokenizers import TOKENIZERS

SCRATCH = ".new-"
"""How the folder begins that a model is written in."""
OF_MODELS = {
    *(CHECKSUMS, FILE_NAME, *RAY_FILES, "weights.npz", "config.json", "word_dict.json", "metrics.json"),
    *("code", "run.json"),
    "lost+found",  # of a file system whose top is the folder
}
"""What may lie in the folder of a model, one that was broken off while it was written included."""


def require_model_folder(folder: Path) -> None:
    """Make sure that a model can be written there, into a new or empty folder or in place of an older model.

    Raises ArtifactError for a folder that holds other things and no model, since writing would delete them,
    and for a place where nothing can be written. Whatever lies beside an older model is deleted with it:
    models of earlier versions have files of other names.
    """
    require_writable(folder)
    if not folder.exists() or all((folder / name).is_file() for name in ("config.json", "word_dict.json")):
        return
    for entry in sorted(folder.iterdir()):
        if entry.name not in OF_MODELS and not entry.name.startswith((SCRATCH, ".run.json")):
            raise ArtifactError(
                f"{folder}: holds {entry.name}, which is not part of a model and would be deleted; name a "
                "new or empty folder (--model-dir)"
            )


def write_model(
    folder: str | Path,
    model: LSTMClassifier,
    word_dict: dict[str, int],
    tokenizer: str,
    metrics: dict[str, Any],
    recipe: dict[str, Any],
    programs: str | Path,
) -> None:
    """Write the model folder; move its files into place once all are written, the checksum list last.

    `folder` itself stays, because in a training container it is a mount, which cannot be renamed; other files
    in it are deleted. `programs` is the project's folder serve/, which has the entry points for SageMaker's
    containers. Raises OSError, and ArtifactError as `require_model_folder` does.
    """
    folder = Path(folder)
    require_model_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with naming_errors(folder), tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as name:
        temporary = Path(name)
        _write_contents(temporary, model, word_dict, tokenizer, metrics, recipe)
        _write_code(temporary, Path(programs))
        write_checksums(temporary, CHECKSUMS)
        (folder / CHECKSUMS).unlink(missing_ok=True)
        for old in folder.iterdir():
            if old != temporary:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        for new in sorted(temporary.iterdir(), key=lambda file: file.name == CHECKSUMS):
            os.replace(new, folder / new.name)


def _write_contents(
    folder: Path,
    model: LSTMClassifier,
    word_dict: dict[str, int],
    tokenizer: str,
    metrics: dict[str, Any],
    recipe: dict[str, Any],
) -> None:
    weights = {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
    # Not compressed: the archive is, and so an endpoint starts faster.
    np.savez(folder / "weights.npz", **weights)
    (folder / FILE_NAME).write_bytes(deep_graph(model.architecture, weights))
    config = {
        "format": FORMAT_VERSION,
        "architecture": asdict(model.architecture),
        "preprocessing": {"tokenizer": tokenizer, "version": TOKENIZERS[tokenizer].version},
        "recipe": recipe,
        "versions": {
            "sentiment": sentiment.__version__,
            "torch": version("torch"),
            "numpy": np.__version__,
        },
    }
    write_json(folder / "config.json", config)
    known = max(
        model.architecture.vocab_size, model.ngrams.vocabulary_size() if model.ngrams is not None else 0
    )
    vocabulary = {word: number for word, number in word_dict.items() if number < known}
    (folder / "word_dict.json").write_text(
        json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    write_json(folder / "metrics.json", metrics)


def _write_code(folder: Path, programs: Path) -> None:
    """Copy the parts of this package that serving needs, and the entry points for SageMaker's containers."""
    package, code = Path(sentiment.__file__).parent, folder / "code"
    for name in CODE_ROOMS:
        shutil.copytree(
            package / name, code / "sentiment" / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in CODE_FILES:
        shutil.copyfile(package / name, code / "sentiment" / name)
    shutil.copyfile(programs / "inference.py", code / "inference.py")
    for name in RAY_FILES:
        shutil.copyfile(programs / name, folder / name)
