"""The shards of a corpus that is too large to hold: files that training reads one at a time.

A shard is one file, so that SageMaker's ShardedByS3Key hands it to one machine whole: a channel's arrays
(channels.py) and `words`, the words that its tokens number in the order in which they are first seen. Nothing
in it depends on other shards, so machines write theirs without waiting for each other; which id a word has is
looked up when a shard is read, in the vocabulary of all of them. Needs numpy only.
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
"""Of a shard: about 25 MB, and as many reviews as the project trains on without shards."""
SAMPLE_REVIEWS = 100_000
"""What is fitted to a corpus at once (n-grams, word vectors) is fitted to so many reviews of one in shards.
Fitting needs the most memory of all; docs/scaling.md says how much, and so what a corpus in shards is for."""
VALIDATION_REVIEWS = 25_000
"""Of the validation shards so many reviews are read: more would tell models apart no better than the spread
of their seeds allows."""

Read = Callable[[Path], Channel]


def write_shard(file: Path, channel: Channel, words: Sequence[str]) -> None:
    """Write a channel whose tokens number `words` from 0 up."""
    content = io.BytesIO()  # into a file, numpy's own write would not say why it failed
    np.savez(
        content,
        words=np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        tokens=channel.tokens.astype(ARRAYS["tokens"]),
        offsets=channel.offsets.astype(ARRAYS["offsets"]),
        labels=channel.labels.astype(ARRAYS["labels"]),
        kinds=channel.kinds.astype(ARRAYS["kinds"]),
    )
    with atomic_write(file) as aside:
        aside.write_bytes(content.getbuffer())


def read_shard(file: Path, word_dict: Mapping[str, int], folds_repeats: bool) -> Channel:
    """The texts of a shard as ids of the vocabulary. Raises ChannelError, which names the file."""
    arrays = _arrays(file, "words", *ARRAYS)
    words = arrays["words"].tobytes().decode().split("\n")
    tokens, offsets, labels, kinds = (arrays[name] for name in ARRAYS)
    fits = len(offsets) == len(labels) + 1 == len(kinds) + 1 and offsets[0] == 0
    if not fits or offsets[-1] != len(tokens) or (len(tokens) and tokens.max() >= len(words)):
        raise ChannelError(f"{file}: its arrays do not fit together; prepare the data again")
    ids = ids_of(words, word_dict, folds_repeats)
    return Channel(ids[tokens] if len(tokens) else tokens, offsets, labels, kinds)


def lengths_and_kinds(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """How many words each text of a shard has, and of which kind it is, without reading the texts."""
    arrays = _arrays(file, "offsets", "kinds")
    return np.diff(arrays["offsets"]), arrays["kinds"]


def shard_files(folder: str | Path) -> list[Path]:
    """The shards of a channel, in their order; none where its arrays are held whole."""
    return sorted(Path(folder).glob(f"*{SUFFIX}"))


def read_first(files: Sequence[Path], read: Read, most: int) -> Channel:
    """The texts of the first shards, at most `most` of them."""
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
