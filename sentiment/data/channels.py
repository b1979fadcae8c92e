"""A prepared data channel: the folder of flat arrays that training reads.

    tokens.npy     int32            the word ids of all N reviews, concatenated; uncropped, full vocabulary
    offsets.npy    int64 (N + 1,)   where each review begins in tokens, and the end of the last one
    labels.npy     int8 (N,)        0 negative, 1 positive; -1 in the channel "unlabelled"
    kinds.npy      int8 (N,)        which kind of text each is (KINDS); may be missing if all are reviews

The train channel also has word_dict.json and preprocessing.json. Needs numpy only, since the training
container reads it.
"""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import ChannelError

ARRAYS = {"tokens": np.int32, "offsets": np.int64, "labels": np.int8, "kinds": np.int8}
REVIEW, SNIPPET, COUNTERFACTUAL, VOTE, NEUTRAL = range(5)
TAUGHT = (5, 6, 7)
"""What a text of a channel is: a whole review, a short text that people judged (snippets.py, rated.py,
written.py), one made by rule (counterfactuals.py), a text that somebody voted on (votes.py), a short text
without an opinion (rated.py, written.py), once with each label, or a sentence of a review that a larger model
labelled with little, some or much certainty (taught.py)."""
KINDS = (REVIEW, SNIPPET, COUNTERFACTUAL, VOTE, NEUTRAL, *TAUGHT)
CERTAINTY = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.81, 0.95])
"""The probability that a label is right, by kind."""
MAX_REASON = 200
"""Characters of an error of numpy's or zipfile's, which may hold all of a malformed header."""


@dataclass(frozen=True)
class Channel:
    """N reviews as arrays, in the form that the module describes.

    `kinds` (N,) has one of KINDS for each text; by default all are reviews.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    kinds: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int8))

    def __post_init__(self) -> None:
        if not len(self.kinds):
            object.__setattr__(self, "kinds", np.full(len(self.labels), REVIEW, dtype=np.int8))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """The number of words in each review (N,)."""
        return np.diff(self.offsets)

    @property
    def targets(self) -> np.ndarray:
        """The probability that each text is positive (N,): its label, unless that is uncertain."""
        certainty = CERTAINTY[self.kinds]
        targets: np.ndarray = np.where(self.labels > 0, certainty, 1 - certainty)
        return targets

    def review(self, number: int) -> np.ndarray:
        """The word ids (int32) of one review."""
        return self.tokens[self.offsets[number] : self.offsets[number + 1]]

    def map(self, change: Callable[[np.ndarray], np.ndarray]) -> "Channel":
        """Apply `change` to the ids of each review; it must return as many ids as it was given."""
        reviews = [change(self.review(number)) for number in range(len(self))]
        return Channel(np.concatenate(reviews), self.offsets, self.labels, self.kinds)

    def take(self, rows: np.ndarray) -> "Channel":
        """The reviews with these numbers, in that order."""
        lengths = self.lengths[rows]
        tokens = [self.review(row) for row in rows] or [self.tokens[:0]]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return Channel(np.concatenate(tokens), offsets, self.labels[rows], self.kinds[rows])


def concatenate(channels: Sequence[Channel]) -> Channel:
    """Concatenate the reviews of several channels, in order."""
    lengths = np.concatenate([channel.lengths for channel in channels])
    return Channel(
        np.concatenate([channel.tokens for channel in channels]),
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate([channel.labels for channel in channels]),
        np.concatenate([channel.kinds for channel in channels]),
    )


def write_channel(folder: Path, channel: Channel) -> None:
    """Write the arrays of a channel as .npy files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, dtype in ARRAYS.items():
        content = io.BytesIO()  # writing to a file directly, numpy hides why it failed
        np.save(content, np.ascontiguousarray(getattr(channel, name), dtype=dtype), allow_pickle=False)
        (folder / f"{name}.npy").write_bytes(content.getbuffer())


def read_channel(folder: str | Path, name: str) -> Channel:
    """Read and check a channel. Labels must be 0 or 1, or -1 in the channel called "unlabelled".

    Raises ChannelError, which names the faulty file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ChannelError(f"the {name} channel is missing: there is no folder {folder}")
    arrays = {}
    for array_name, dtype in ARRAYS.items():
        file = folder / f"{array_name}.npy"
        if array_name == "kinds" and not file.exists():
            continue  # prepared by an earlier version, which had reviews only
        try:
            array = np.load(file, allow_pickle=False)
        except FileNotFoundError:
            raise ChannelError(f"the {name} channel has no {file.name} (looked in {folder})") from None
        except Exception as error:  # numpy raises some ten kinds for files that lie
            why = str(error)[:MAX_REASON] or type(error).__name__
            raise ChannelError(f"{file}: not a readable .npy array ({why})") from None
        if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != dtype:
            raise ChannelError(f"{file}: expected a one-dimensional array of {np.dtype(dtype)}")
        arrays[array_name] = array
    tokens, offsets, labels = arrays["tokens"], arrays["offsets"], arrays["labels"]
    if len(labels) == 0:
        raise ChannelError(f"the {name} channel in {folder} holds no reviews")
    if len(offsets) != len(labels) + 1:
        raise ChannelError(
            f"{folder}: {len(labels)} labels need {len(labels) + 1} offsets, found {len(offsets)}"
        )
    if offsets[0] != 0 or offsets[-1] != len(tokens) or (np.diff(offsets) < 0).any():
        raise ChannelError(
            f"{folder}: offsets.npy does not divide the {len(tokens)} ids of tokens.npy into reviews"
        )
    allowed = (-1,) if name == "unlabelled" else (0, 1)
    if not np.isin(labels, allowed).all():
        wanted = " and ".join(str(label) for label in allowed)
        raise ChannelError(f"{folder}: labels.npy holds something other than {wanted}")
    if len(tokens) and tokens.min() < 1:
        raise ChannelError(f"{folder}: tokens.npy holds ids below 1")
    if "kinds" not in arrays:
        return Channel(tokens, offsets, labels)
    kinds = arrays["kinds"]
    if len(kinds) != len(labels) or not np.isin(kinds, KINDS).all():
        raise ChannelError(
            f"{folder}: kinds.npy must hold one of {KINDS} for each of the {len(labels)} labels"
        )
    if REVIEW not in kinds:
        raise ChannelError(f"the {name} channel in {folder} holds short texts only, no reviews")
    return Channel(tokens, offsets, labels, kinds)


def read_json(folder: str | Path, file_name: str) -> dict[str, Any]:
    """Read a JSON object from a file of a channel. Raises ChannelError."""
    file = Path(folder) / file_name
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ChannelError(f"{file} is missing; prepare the data again") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ChannelError(f"{file}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise ChannelError(f"{file}: expected a JSON object")
    return content


def read_raw_reviews(folder: str | Path) -> tuple[list[str], list[int]]:
    """Read the test reviews as they were written, and their labels (0 or 1). Raises ChannelError."""
    reviews_file, labels_file = Path(folder) / "reviews.jsonl", Path(folder) / "labels.json"
    try:
        rows = [json.loads(line) for line in reviews_file.read_text(encoding="utf-8").split("\n") if line]
        labels = json.loads(labels_file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ChannelError(f"{error.filename} is missing; prepare the data again") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ChannelError(f"the raw reviews in {folder} are not readable as JSON ({error})") from None
    reviews = [row["review"] for row in rows if isinstance(row, dict) and isinstance(row.get("review"), str)]
    if len(reviews) != len(rows):
        raise ChannelError(f'{reviews_file}: each line must be {{"review": "..."}}')
    if not reviews or not isinstance(labels, list) or len(labels) != len(reviews):
        raise ChannelError(f"{labels_file} must hold a label for each of the {len(reviews)} reviews")
    if any(label not in (0, 1) for label in labels):
        raise ChannelError(f"{labels_file} holds something other than 0 and 1")
    return reviews, labels


def read_word_dict(folder: str | Path) -> dict[str, int]:
    """Read word_dict.json of the train channel, which maps words to ids from 2 up. Raises ChannelError."""
    word_dict = read_json(folder, "word_dict.json")
    if sorted(word_dict.values()) != list(range(2, len(word_dict) + 2)):
        raise ChannelError(
            f"{Path(folder) / 'word_dict.json'}: the ids must be 2, 3, 4 and so on, without gaps or "
            "repetitions"
        )
    return word_dict
