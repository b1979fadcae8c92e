"""The shards of a corpus that does not fit into memory: files that training reads one at a time.

A shard is a single file, so that SageMaker's ShardedByS3Key gives all of it to one machine. It has a
channel's arrays (channels.py) and `words`, the words that its tokens number in the order in which they are
first seen. A shard does not depend on other shards, so machines write theirs independently. The ids of its
words are looked up in the common vocabulary when it is read. Needs numpy only.
"""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data.channels import ARRAYS, KINDS, MAX_REASON, Channel, concatenate
from sentiment.data.numbering import ids_of
from sentiment.errors import ChannelError
from sentiment.files import atomic_write

SUFFIX = ".npz"
SHARD_REVIEWS = 25_000
"""Reviews in a shard: about 25 MB, and as many as the project trains on without shards."""
SAMPLE_REVIEWS = 100_000
"""The n-grams and the word vectors are fitted to a sample of this many reviews of a corpus in shards.
Fitting needs more memory than any other step; docs/scaling.md says how much."""
VALIDATION_REVIEWS = 25_000
"""Validate on at most this many reviews: with more, the spread between seeds would still be larger than the
error of measurement."""

Read = Callable[[Path], Channel]


def write_shard(file: Path, channel: Channel, words: Sequence[str]) -> None:
    """Write a channel whose tokens are positions in `words`. Raises OSError."""
    content = io.BytesIO()  # writing to a file directly, numpy hides why it failed
    np.savez(
        content,
        words=np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        tokens=channel.tokens.astype(ARRAYS["tokens"]),
        offsets=channel.offsets.astype(ARRAYS["offsets"]),
        labels=channel.labels.astype(ARRAYS["labels"]),
        kinds=channel.kinds.astype(ARRAYS["kinds"]),
    )
    with atomic_write(file) as temporary:
        temporary.write_bytes(content.getbuffer())


def read_shard(file: Path, word_dict: Mapping[str, int], folds_repeats: bool) -> Channel:
    """Read a shard as ids of the vocabulary; `folds_repeats` is that of the tokenizer (text/repeats.py).

    Raises ChannelError, which names the file.
    """
    arrays = _arrays(file, "words", *ARRAYS)
    words = arrays["words"].split("\n")
    tokens, offsets, labels, kinds = (arrays[name] for name in ARRAYS)
    fits = len(offsets) == len(labels) + 1 == len(kinds) + 1 and offsets[0] == 0
    fits = fits and offsets[-1] == len(tokens) and not (np.diff(offsets) < 0).any()
    if not fits or (len(tokens) and not 0 <= tokens.min() <= tokens.max() < len(words)):
        raise ChannelError(f"{file}: its arrays do not fit together; prepare the data again")
    if not (np.isin(kinds, KINDS).all() and np.isin(labels, (0, 1)).all()):
        raise ChannelError(f"{file}: it has unknown kinds or labels; prepare the data again")
    ids = ids_of(words, word_dict, folds_repeats)
    return Channel(ids[tokens] if len(tokens) else tokens, offsets, labels, kinds)


def lengths_and_kinds(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """The number of words and the kind of each text in a shard, both (N,), without reading the texts."""
    arrays = _arrays(file, "offsets", "kinds")
    return np.diff(arrays["offsets"]), arrays["kinds"]


def shard_files(folder: str | Path) -> list[Path]:
    """The shards of a channel, in order; empty if the channel is not in shards."""
    return sorted(Path(folder).glob(f"*{SUFFIX}"))


def read_first(files: Sequence[Path], read: Read, most: int) -> Channel:
    """Read the first `most` texts of some shards."""
    channels: list[Channel] = []
    left = most
    for file in files:
        if left <= 0:
            break
        channel = read(file)
        channels.append(channel if len(channel) <= left else channel.take(np.arange(left)))
        left -= len(channel)
    return concatenate(channels)


def _arrays(file: Path, *names: str) -> dict[str, Any]:
    """Some arrays of a shard, "words" as text. Raises ChannelError, whatever the file holds."""
    try:
        with zipfile.ZipFile(file) as archive:
            arrays: dict[str, Any] = {name: _array(archive, name) for name in names}
        if "words" in arrays:
            arrays["words"] = arrays["words"].tobytes().decode()
        return arrays
    except Exception as error:  # zipfile and numpy raise some ten kinds for files that lie
        why = str(error)[:MAX_REASON] or type(error).__name__
        raise ChannelError(f"{file}: not a readable shard ({why}); prepare the data again") from None


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array of a shard, which takes no more memory than its file. Raises several kinds of errors."""
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise ValueError(f"{name} is compressed, which the writer of shards does not do")
    kind = np.dtype(ARRAYS.get(name, np.uint8))
    with archive.open(info) as stream:
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype != kind or len(shape) != 1:
            raise ValueError(f"{name} has {len(shape)} dimensions of {dtype}, not one of {kind}")
        if info.file_size - stream.tell() != kind.itemsize * shape[0]:
            raise ValueError(f"the size of {name} does not fit its shape")
    with archive.open(info) as stream:
        array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    return array
