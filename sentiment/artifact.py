"""The model folder: what a training job leaves in model.tar.gz and an endpoint loads.

    weights.npz        the tensors, as plain arrays: reading them can execute nothing
    model.onnx         the LSTM for ONNX Runtime, stored in int8, used where that is installed
    config.json        architecture, preprocessing and versions
    word_dict.json     word to id
    metrics.json       how the model did while it was trained
    checksums.json     SHA-256 of every other file; verified before anything is used
    code/              inference.py and what it needs of this package

The same model gives the same bytes, so the digest of checksums.json names it: that is its version.
"""

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import sentiment
from sentiment import text
from sentiment.architecture import Architecture
from sentiment.errors import ArtifactError, RecipeError
from sentiment.files import CHECKSUMS, broken_files, sha256_of, write_checksums, write_json
from sentiment.onnx_graph import FILE_NAME, deep_graph

if TYPE_CHECKING:  # reading a model folder does not need torch
    from sentiment.model import LSTMClassifier

FORMAT_VERSION = 6
EIGHT_BIT_PRODUCTS = 5
"""The format before; its model.onnx is not used: some processors compute it wrongly (onnx_graph.py)."""
READABLE = (EIGHT_BIT_PRODUCTS, FORMAT_VERSION)
SERVING_FILES = (
    "__init__.py",
    "architecture.py",
    "artifact.py",
    "batches.py",
    "cuckoo.py",
    "ending.py",
    "errors.py",
    "explanation.py",
    "files.py",
    "html_text.py",
    "model.py",
    "negation.py",
    "ngram_table.py",
    "ngrams.py",
    "onnx_engine.py",
    "onnx_format.py",
    "onnx_graph.py",
    "predictor.py",
    "stem.py",
    "stop_words_english.txt",
    "text.py",
    "torch_engine.py",
    "vocabulary.py",
    "word_weights.py",
)
"""What of this package the inference entry point needs; all of it runs with torch and numpy alone, or with
ONNX Runtime and numpy."""


@dataclass(frozen=True)
class LoadedModel:
    """A verified model folder: its settings, the words it knows, and the version that names it."""

    folder: Path
    format: int
    architecture: Architecture
    word_dict: dict[str, int]
    tokenizer: str
    metrics: dict
    recipe: dict
    version: str


def write_model(
    folder: str | Path,
    model: "LSTMClassifier",
    word_dict: dict[str, int],
    tokenizer: str,
    metrics: dict,
    recipe: dict,
    inference_script: str | Path,
) -> None:
    """Write the model folder: aside, within `folder`, then moved into place with the checksum list last.

    `folder` itself stays: in a training container it is a mount, which cannot be renamed. Other files in it
    go.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as name:
        aside = Path(name)
        _write_contents(aside, model, word_dict, tokenizer, metrics, recipe)
        _write_code(aside / "code", Path(inference_script))
        write_checksums(aside, CHECKSUMS)
        (folder / CHECKSUMS).unlink(missing_ok=True)
        for old in folder.iterdir():
            if old != aside:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        for new in sorted(aside.iterdir(), key=lambda file: file.name == CHECKSUMS):
            os.replace(new, folder / new.name)


def _write_contents(
    folder: Path,
    model: "LSTMClassifier",
    word_dict: dict[str, int],
    tokenizer: str,
    metrics: dict,
    recipe: dict,
) -> None:
    from importlib.metadata import version as version_of  # slow to import, and an endpoint never writes

    weights = {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
    # Not compressed: the archive is, and an endpoint that starts reads them sooner.
    np.savez(folder / "weights.npz", **weights)
    (folder / FILE_NAME).write_bytes(deep_graph(model.architecture, weights))
    config = {
        "format": FORMAT_VERSION,
        "architecture": asdict(model.architecture),
        "preprocessing": {"tokenizer": tokenizer, "version": text.CODE_VERSION},
        "recipe": recipe,
        "versions": {
            "sentiment": sentiment.__version__,
            "torch": version_of("torch"),
            "numpy": np.__version__,
        },
    }
    write_json(folder / "config.json", config)
    known = max(
        model.architecture.vocab_size, model.ngrams.vocabulary_size() if model.ngrams is not None else 0
    )
    kept = {word: number for word, number in word_dict.items() if number < known}
    (folder / "word_dict.json").write_text(
        json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    write_json(folder / "metrics.json", metrics)


def _write_code(folder: Path, inference_script: Path) -> None:
    package = folder / "sentiment"
    package.mkdir(parents=True)
    for name in SERVING_FILES:
        shutil.copyfile(Path(__file__).with_name(name), package / name)
    shutil.copyfile(inference_script, folder / "inference.py")


def read_model(folder: str | Path) -> LoadedModel:
    """Read a model folder after verifying it. Raises ArtifactError, which names what is wrong."""
    folder = Path(folder)
    if not (folder / CHECKSUMS).is_file():
        raise ArtifactError(f"{folder} is not a model folder: it has no {CHECKSUMS}; train a model first")
    broken = broken_files(folder, CHECKSUMS)
    if broken:
        raise ArtifactError(
            f"the model in {folder} is not as it was written ({'; '.join(broken)}); fetch it again"
        )
    config = _read_json(folder / "config.json")
    if config.get("format") not in READABLE:
        raise ArtifactError(
            f"the model in {folder} has format {config.get('format')!r}; this code reads "
            f"{' and '.join(map(str, READABLE))}: use the code in the model folder itself, or train again"
        )
    try:
        preprocessing = config["preprocessing"]
        text.tokenizer(preprocessing["tokenizer"])
        if preprocessing["version"] != text.CODE_VERSION:
            raise ArtifactError(
                f"the model in {folder} was trained with tokenizers of version {preprocessing['version']}, "
                f"this code has {text.CODE_VERSION}: use the code in the model folder itself, or train again"
            )
        architecture = Architecture(**config["architecture"])
    except (KeyError, TypeError, ValueError, RecipeError) as error:
        raise ArtifactError(f"the model in {folder} cannot be read: {error}") from None
    return LoadedModel(
        folder,
        config["format"],
        architecture,
        _read_json(folder / "word_dict.json"),
        preprocessing["tokenizer"],
        _read_json(folder / "metrics.json"),
        config.get("recipe") or {},
        sha256_of(folder / CHECKSUMS)[:12],
    )


def read_weights(loaded: LoadedModel, wanted: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The tensors of the model as arrays: all, or those of `wanted` that it has.

    Raises ArtifactError; executes nothing.
    """
    try:
        with np.load(loaded.folder / "weights.npz", allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files if wanted is None or name in wanted}
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"the model in {loaded.folder} cannot be read: {error}") from None


def _read_json(file: Path) -> dict:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{file}: not readable as JSON ({error})") from None
