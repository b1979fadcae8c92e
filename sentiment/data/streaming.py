"""Prepare reviews that do not fit into memory: read files of reviews, write shards (shards.py).

Each line of a file is a review as JSON: {"review": "...", "sentiment": "positive" or "negative"}, optionally
with a `split` (train, validation or test) and a `kind` (channels.py). Without a split, a hash of the text
decides, as for the CSV file (kaggle.py). The result for a file depends on that file alone, so the files can
be shared among any number of machines. `write_vocabulary` then makes one vocabulary from the words that they
counted. Tokenizer, numbering and vocabulary are those of `prepare` (prepared.py).
"""

import json
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data.channels import KINDS, NEUTRAL, REVIEW, TAUGHT, VOTE, Channel
from sentiment.data.kaggle import LABELS
from sentiment.data.numbering import Numbered, Numbering, vocabulary
from sentiment.data.reviews import split_by_hash
from sentiment.data.shards import SHARD_REVIEWS, SUFFIX, write_shard
from sentiment.errors import DatasetError
from sentiment.files import atomic_write, write_json
from sentiment.text.tokenizers import Tokenizer

LINES = ".jsonl"
SPLITS = ("train", "validation", "test")
READ_KINDS = tuple(kind for kind in KINDS if kind != VOTE)
UNCERTAIN_KINDS = (NEUTRAL, *TAUGHT)
"""Texts whose labels models learn from, but are not measured by."""
MIXED_FROM = 1000
"""If a shard of at least this many reviews has only one sentiment, the file was not shuffled."""


def prepare_file(
    file: Path, output: Path, tokenize: Tokenizer, shard_reviews: int = SHARD_REVIEWS
) -> dict[str, int]:
    """Prepare one file of reviews below `output`; return the number of texts in each split.

    train/ and validation/ get shards, test/ the raw reviews and their labels, words/ the words of train and
    how often each occurs. Raises DatasetError, naming the file and line.
    """
    shards = {split: _Shards(output / split, file.stem, shard_reviews) for split in ("train", "validation")}
    tests = _RawTests(output / "test", file.stem)
    for where, row in _rows(file):
        text, label, split, kind = _checked(where, row)
        if split == "test":
            tests.add(text, label)
        else:
            shards[split].add(tokenize(text), label, kind)
    for each in shards.values():
        each.flush()
    tests.close()
    train, held_out = shards["train"], shards["validation"]
    counted = {
        "words": train.counts,
        "reviews": {"train": train.reviews, "validation": held_out.reviews, "test": tests.count},
        "short_texts": {"train": train.short_texts, "validation": held_out.short_texts},
    }
    with atomic_write(output / "words" / f"{file.stem}.json") as temporary:
        # Unsorted: equally frequent words get their ids in the order in which they were first seen.
        temporary.write_text(json.dumps(counted, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"train": len(train), "validation": len(held_out), "test": tests.count}


def write_vocabulary(counted: Sequence[Path], folder: Path, tokenize: Tokenizer) -> dict[str, Any]:
    """Write word_dict.json and preprocessing.json from the files in words/; return the latter's content.

    Raises DatasetError if there is no review for training or validation.
    """
    totals: dict[str, int] = {}
    texts: dict[str, dict[str, int]] = {"reviews": {}, "short_texts": {}}
    for file in sorted(counted):
        content = json.loads(file.read_text(encoding="utf-8"))
        for word, count in content["words"].items():
            totals[word] = totals.get(word, 0) + count
        for kind, table in texts.items():
            for split, number in content[kind].items():
                table[split] = table.get(split, 0) + number
    for split in ("train", "validation"):
        if not texts["reviews"].get(split):
            raise DatasetError(f"no review is left for {split}; more are needed")
    word_dict = vocabulary(list(totals), np.fromiter(totals.values(), dtype=np.int64, count=len(totals)))
    preprocessing = {
        "tokenizer": tokenize.name,
        "tokenizer_version": tokenize.version,
        "words": len(word_dict),
        **texts,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "word_dict.json").write_text(
        json.dumps(word_dict, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    write_json(folder / "preprocessing.json", preprocessing)
    return preprocessing


class _Shards:
    """Writes the shards of one split of one file; `counts` says how often each word occurs in all of them."""

    def __init__(self, folder: Path, stem: str, size: int):
        self._folder, self._stem, self._size = folder, stem, size
        self._written = 0
        self.reviews = self.short_texts = 0
        self.counts: dict[str, int] = {}
        self._begin()

    def __len__(self) -> int:
        return self.reviews + self.short_texts

    def _begin(self) -> None:
        self._numbering, self._texts = Numbering(), Numbered()
        self._labels, self._kinds = array("b"), array("b")

    def add(self, words: list[str], label: int, kind: int) -> None:
        self._numbering.add(self._texts, words)
        self._labels.append(label)
        self._kinds.append(kind)
        if kind == REVIEW:
            self.reviews += 1
        else:
            self.short_texts += 1
        if len(self._texts) == self._size:
            self.flush()

    def flush(self) -> None:
        """Write the current shard, unless it is empty."""
        if not len(self._texts):
            return
        file = self._folder / f"{self._stem}-{self._written:05}{SUFFIX}"
        labels = np.array(self._labels, dtype=np.int8)
        if len(labels) >= MIXED_FROM and len(np.unique(labels)) == 1:
            raise DatasetError(
                f"{self._stem}{LINES}: {len(labels):,} reviews in a row have the same sentiment, and "
                "training would read them in a row: shuffle the reviews among the files first"
            )
        tokens, words = self._texts.tokens, self._numbering.words
        write_shard(
            file, Channel(tokens, self._texts.offsets, labels, np.array(self._kinds, dtype=np.int8)), words
        )
        for word, count in zip(words, np.bincount(tokens, minlength=len(words)).tolist(), strict=True):
            self.counts[word] = self.counts.get(word, 0) + count
        self._written += 1
        self._begin()


class _RawTests:
    """Writes the raw test reviews of one file, and their labels."""

    def __init__(self, folder: Path, stem: str):
        folder.mkdir(parents=True, exist_ok=True)
        self._labels: list[int] = []
        self._file, self._labels_file = folder / f"reviews-{stem}{LINES}", folder / f"labels-{stem}.json"
        self._stream = self._file.open("w", encoding="utf-8")

    @property
    def count(self) -> int:
        return len(self._labels)

    def add(self, text: str, label: int) -> None:
        self._stream.write(json.dumps({"review": text}) + "\n")
        self._labels.append(label)

    def close(self) -> None:
        self._stream.close()
        if self._labels:
            self._labels_file.write_text(json.dumps(self._labels) + "\n", encoding="utf-8")
        else:
            self._file.unlink()


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a file, each with its place ("FILE, line N") for error messages."""
    try:
        with file.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                where = f"{file}, line {number}"
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise DatasetError(f"{where}: not JSON ({error})") from None
                if not isinstance(row, dict):
                    raise DatasetError(f'{where}: expected {{"review": "...", "sentiment": "..."}}')
                yield where, row
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file}: not UTF-8 ({error})") from None


def _checked(where: str, row: dict[str, Any]) -> tuple[str, int, str, int]:
    """Validate a row; return its text, label, split and kind. Raises DatasetError."""
    text, sentiment = row.get("review"), str(row.get("sentiment")).strip().lower()
    if not isinstance(text, str) or not text.strip():
        raise DatasetError(f"{where}: the review is missing or empty")
    if sentiment not in LABELS:
        raise DatasetError(
            f"{where}: the sentiment is {row.get('sentiment')!r}, not positive or negative (or pos or neg, "
            "or 1 or 0)"
        )
    split, kind = row.get("split") or split_by_hash(text), row.get("kind", REVIEW)
    if split not in SPLITS:
        raise DatasetError(f"{where}: the split is {split!r}, not one of {', '.join(SPLITS)}")
    if type(kind) is not int or kind not in READ_KINDS:
        raise DatasetError(f"{where}: the kind is {kind!r}, not one of {', '.join(map(str, READ_KINDS))}")
    if kind in UNCERTAIN_KINDS and split != "train":
        raise DatasetError(f"{where}: a text of kind {kind} needs the split train, not {split}")
    return text, LABELS[sentiment], split, kind
