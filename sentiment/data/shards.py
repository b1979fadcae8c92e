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

import numpy as np

from sentiment.data.channels import ARRAYS, Channel, concatenate
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
    words = arrays["words"].tobytes().decode().split("\n")
    tokens, offsets, labels, kinds = (arrays[name] for name in ARRAYS)
    fits = len(offsets) == len(labels) + 1 == len(kinds) + 1 and offsets[0] == 0
    if not fits or offsets[-1] != len(tokens) or (len(tokens) and tokens.max() >= len(words)):
        raise ChannelError(f"{file}: its arrays do not fit together; prepare the data again")
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


def _arrays(file: Path, *names: str) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ChannelError(f"{file}: not a readable shard ({error}); prepare the data again") from None
