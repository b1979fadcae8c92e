"""The model folder: what a training job packs into model.tar.gz and an endpoint loads.

    weights.npz        the tensors as plain arrays, which cannot execute code when they are read
    model.onnx         the LSTM for ONNX Runtime, with weights stored in int8
    config.json        architecture, preprocessing and versions
    word_dict.json     maps words to ids
    metrics.json       the figures of training and validation
    checksums.json     SHA-256 of every other file, verified before anything is used
    code/              inference.py and the sub-packages that serving needs (training/export.py)
    deployment.py      the application that Ray Serve makes of that code, with config.yaml (RAY_FILES)

The same model gives the same bytes, so the digest of checksums.json identifies it: it is the model's version.
A folder with a file that is not in the list is refused, except for some that may be added (_MAY_BE_ADDED).
Whatever the files contain, reading them gives an ArtifactError or a working model, and takes memory in
proportion to their size.
"""

import math
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import ArtifactError, RecipeError
from sentiment.files import CHECKSUMS, broken_files, read_object, sha256_of
from sentiment.model.architecture import Architecture
from sentiment.text.tokenizers import Tokenizer, tokenizer
from sentiment.text.vocabulary import FIRST_WORD

FORMAT_VERSION = 8
WITHOUT_OPINION = 7
"""The last format that does not tell opinions from other texts by their words (model/opinion.py)."""
ONE_MIXTURE = 6
"""The last format with one mixture for all lengths of text (model/mixture.py)."""
EIGHT_BIT_PRODUCTS = 5
"""An earlier format, whose model.onnx is not used: some processors compute it wrongly (onnx_graph.py)."""
READABLE = (EIGHT_BIT_PRODUCTS, ONE_MIXTURE, WITHOUT_OPINION, FORMAT_VERSION)
CODE_ROOMS = ("text", "model", "serving")
CODE_FILES = ("__init__.py", "errors.py", "files.py")
"""The parts of this package in code/. They need only numpy, and either torch or ONNX Runtime."""
RAY_FILES = ("config.yaml", "deployment.py")
"""Files that AWS's Ray container expects in the model folder. Folders written by earlier code lack them."""
MAX_JSON_BYTES = 1 << 24
"""Such a file may take half a gigabyte when parsed. A full vocabulary's word_dict.json has about 2 MB."""
MAX_WORD_ID = 2**31 - 1
MAX_WEIGHT = 1_000_000
"""No training comes near it, and all sums and products of such weights are finite in float32."""
MAX_NAMED, MAX_NAME_CHARACTERS = 5, 200
"""How many differences from the checksum list an error names, and how many characters of each."""
_MAY_BE_ADDED = re.compile(
    r"\.?run\.json(\.\w+)?"  # the record of the training run, also if its writing was interrupted
    r"|\.new-[^/]+/.+"  # left by a training that was killed while it wrote a newer model
    r"|(code/(.+/)?)?__pycache__/[^/]+\.pyc(\.\d+)?"  # Python's cache of imported code
    # Added by TorchServe, which runs the model in SageMaker's container and archives the folder.
    r"|MAR-INF/MANIFEST\.json|handler_service\.py"
)


@dataclass(frozen=True)
class LoadedModel:
    """A verified model folder: its settings, its vocabulary, and the version that identifies it."""

    folder: Path
    format: int
    architecture: Architecture
    word_dict: dict[str, int]
    tokenizer: Tokenizer
    metrics: dict[str, Any]
    recipe: dict[str, Any]
    version: str


def read_model(folder: str | Path) -> LoadedModel:
    """Verify and read a model folder. Raises ArtifactError, which says what is wrong."""
    folder = Path(folder)
    version = version_of(folder)
    config = _read_json(folder / "config.json")
    if config.get("format") not in READABLE:
        raise ArtifactError(
            f"the model in {folder} has format {config.get('format')!r:.40}; this code reads "
            f"{', '.join(map(str, READABLE))}: use the code in the model folder itself, or train again"
        )
    try:
        preprocessing = _object(config, "preprocessing")
        known = tokenizer(preprocessing["tokenizer"], preprocessing["version"])
        architecture = _architecture(_object(config, "architecture"))
        recipe = _object(config, "recipe", {})
    except (KeyError, TypeError, ValueError, RecipeError) as error:
        raise ArtifactError(f"{folder / 'config.json'} cannot be read: {_reason(error)}") from None
    return LoadedModel(
        folder,
        config["format"],
        architecture,
        _read_word_dict(folder / "word_dict.json"),
        known,
        _read_metrics(folder / "metrics.json"),
        recipe,
        version,
    )


def version_of(folder: Path) -> str:
    """The version of the model in a folder. Raises ArtifactError unless its files match the checksum list."""
    if not (folder / CHECKSUMS).is_file():
        raise ArtifactError(f"{folder} is not a model folder: it has no {CHECKSUMS}; train a model first")
    try:
        broken = broken_files(folder, CHECKSUMS, lambda name: _MAY_BE_ADDED.fullmatch(name) is not None)
    except OSError as error:
        raise ArtifactError(f"the model in {folder} cannot be read: {error}") from None
    if broken:
        named = [f"{one:.{MAX_NAME_CHARACTERS}}" for one in broken[:MAX_NAMED]]
        named += [f"and {len(broken) - MAX_NAMED} more"] if len(broken) > MAX_NAMED else []
        raise ArtifactError(
            f"the model in {folder} has changed since it was written ({'; '.join(named)}); fetch it again"
        )
    return sha256_of(folder / CHECKSUMS)[:12]


def read_weights(loaded: LoadedModel, wanted: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Read the tensors of the model as arrays by name: all of them, or those in `wanted` that it has.

    Raises ArtifactError if they are not the tensors of the model's architecture.
    """
    file, shapes = loaded.folder / "weights.npz", loaded.architecture.tensors()
    if loaded.format <= ONE_MIXTURE:
        shapes["mixture"] = (2,)
    if loaded.format <= WITHOUT_OPINION:
        shapes.pop("opinion", None)
    try:
        with zipfile.ZipFile(file) as archive:
            if sorted(archive.namelist()) != sorted(f"{name}.npy" for name in shapes):
                raise ValueError(f"it holds {', '.join(archive.namelist())[:200]}, not {', '.join(shapes)}")
            for name, shape in shapes.items():
                _check_header(archive, f"{name}.npy", shape)
            arrays = {
                name: _read_array(archive, f"{name}.npy")
                for name in shapes
                if wanted is None or name in wanted
            }
    except Exception as error:  # zipfile and numpy raise some ten kinds for files that lie
        raise ArtifactError(f"{file} cannot be read: {_reason(error)}") from None
    if loaded.format <= ONE_MIXTURE and "mixture" in arrays:
        arrays["mixture"] = np.tile(arrays["mixture"], 2)
    has_opinion = loaded.architecture.ngrams > 0 and (wanted is None or "opinion" in wanted)
    if loaded.format <= WITHOUT_OPINION and has_opinion:
        arrays["opinion"] = np.zeros(loaded.architecture.vocab_size, dtype=np.float32)
    return arrays


def _check_header(archive: zipfile.ZipFile, member: str, shape: tuple[int | None, ...]) -> None:
    """Raises ValueError unless a .npy file declares an array of `shape` and has exactly its bytes.

    None in `shape` stands for any size. The keys of n-grams must be int64, all others float32.
    """
    info = archive.getinfo(member)
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise ValueError(f"{member} is compressed, which the model's writer does not do")
    kind = np.dtype(np.int64 if member == "ngrams.keys.npy" else np.float32)
    with archive.open(info) as stream:
        if (version := np.lib.format.read_magic(stream)) != (1, 0):
            raise ValueError(f"{member} has the format {version}")
        found, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype != kind or len(found) != len(shape):
            raise ValueError(f"{member} holds {dtype} of {len(found)} dimensions, not {kind} of {len(shape)}")
        if any(size not in (None, there) for size, there in zip(shape, found, strict=True)):
            raise ValueError(f"{member} has the shape {found}, which does not fit the architecture")
        if info.file_size - stream.tell() != kind.itemsize * math.prod(found):
            raise ValueError(f"{member} has {info.file_size:,} bytes, which does not fit its shape {found}")


def _read_array(archive: zipfile.ZipFile, member: str) -> np.ndarray:
    with archive.open(member) as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    check_weights(member, array)
    return array


def check_weights(name: str, array: np.ndarray) -> None:
    """Raises ValueError if floating-point values are not numbers, or beyond MAX_WEIGHT."""
    if array.dtype.kind == "f" and not (
        array.min(initial=0) >= -MAX_WEIGHT and array.max(initial=0) <= MAX_WEIGHT
    ):
        raise ValueError(f"{name} holds values that are not numbers from -{MAX_WEIGHT:,} to {MAX_WEIGHT:,}")


def _architecture(settings: dict[str, Any]) -> Architecture:
    for field in fields(Architecture):
        kinds: tuple[Any, ...] = (int, float) if field.type is float else (field.type,)
        if type(value := settings[field.name]) not in kinds:
            raise TypeError(f"{field.name} is {value!r:.40}, not of type {kinds[-1].__name__}")
    return Architecture(**settings)


def _read_word_dict(file: Path) -> dict[str, int]:
    words = _read_json(file)
    numbers = words.values()
    whole = set(map(type, numbers)) <= {int}
    if "" in words:
        raise ArtifactError(f"{file} cannot be read: it has a word without letters")
    if words and not (whole and min(numbers) >= FIRST_WORD and max(numbers) <= MAX_WORD_ID):
        raise ArtifactError(
            f"{file} cannot be read: the ids of words must be whole numbers from {FIRST_WORD}"
        )
    return words


def _read_metrics(file: Path) -> dict[str, Any]:
    metrics = _read_json(file)
    try:
        unsure = _object(metrics, "calibration", {}).get("unsure")
        if unsure is not None:
            low, high = unsure
            if not 0 <= low <= high <= 1:
                raise ValueError(
                    f"the band of unsure answers, {low!r:.40} to {high!r:.40}, is not within 0 and 1"
                )
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"{file} cannot be read: {_reason(error)}") from None
    return metrics


def _object(content: dict[str, Any], name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    """A member that is a JSON object; `default` replaces a missing one. Raises KeyError or TypeError."""
    found = content[name] if default is None else content.get(name)
    found = default if found is None else found
    if not isinstance(found, dict):
        raise TypeError(f"{name} is not an object")
    return found


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return read_object(file, MAX_JSON_BYTES)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{file}: not readable as JSON ({error})") from None


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
