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
from sentiment.files import CHECKSUMS, naming_errors, write_checksums, write_json
from sentiment.model.lstm import LSTMClassifier
from sentiment.serving.artifact import CODE_FILES, CODE_ROOMS, FORMAT_VERSION, RAY_FILES
from sentiment.serving.onnx_graph import FILE_NAME, deep_graph
from sentiment.text.tokenizers import TOKENIZERS


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
    containers. Raises OSError.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with naming_errors(folder), tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as name:
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
