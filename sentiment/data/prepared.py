"""Tokenize and number reviews, and write them as the channel folders that training reads.

The result is cached on disk under a hash of the reviews' content, the tokenizer and its version, so it is
reused exactly if it would come out the same. The checksums of all files are verified before it is reused.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment.data import counterfactuals, rated, snippets, taught, votes, written
from sentiment.data.channels import (
    COUNTERFACTUAL,
    NEUTRAL,
    REVIEW,
    SNIPPET,
    TAUGHT,
    VOTE,
    Channel,
    write_channel,
)
from sentiment.data.numbering import Numbered, Numbering, ids_of, vocabulary
from sentiment.data.reviews import Reviews, Row, concatenate
from sentiment.errors import DatasetError
from sentiment.files import atomic_folder, broken_files, write_checksums, write_json
from sentiment.progress import Progress
from sentiment.text.tokenizers import Tokenizer
from sentiment.text.tokenizers import tokenizer as tokenizer_called

FORMAT_VERSION = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """Prepared data on disk: `folder` has train/, validation/ and, if the reviews have them, test/ and
    unlabelled/.

    `key` is the hash of everything that went into it; `reused` says that an earlier call wrote it.
    """

    folder: Path
    key: str
    reused: bool

    @property
    def train(self) -> Path:
        """The folder of the train channel."""
        return self.folder / "train"

    @property
    def validation(self) -> Path:
        """The folder of the validation channel."""
        return self.folder / "validation"

    @property
    def channels(self) -> dict[str, Path]:
        """The folders that training reads, by channel name."""
        names = ("train", "validation", "unlabelled")
        return {name: self.folder / name for name in names if (self.folder / name).is_dir()}

    @property
    def test(self) -> Path:
        """The folder of the raw test reviews: reviews.jsonl, with a {"review": ...} on each line, and
        labels.json, a list of 0 and 1. Raises DatasetError if there are none."""
        if not (self.folder / "test").is_dir():
            raise DatasetError(
                "these reviews have no test split; use a source that has one (aclImdb with its test half)"
            )
        return self.folder / "test"


def prepare(
    reviews: Reviews,
    tokenizer: str,
    cache_dir: str | Path,
    progress: bool = True,
    beside: Mapping[int, Reviews] | None = None,
) -> Prepared:
    """Tokenize and number `reviews` with the named tokenizer, or reuse what an earlier call wrote.

    `beside` holds further texts by kind (channels.py); their train and validation splits are added to those
    of the reviews. Raises DatasetError if train or validation is empty or unlabelled, and RecipeError for an
    unknown tokenizer.
    """
    tokenize = tokenizer_called(tokenizer)
    by_kind = {REVIEW: reviews, **(beside or {})}
    fingerprints = {kind: table.fingerprint() for kind, table in by_kind.items()}
    key = _key(" ".join(f"{kind} {found}" for kind, found in fingerprints.items()), tokenize)
    folder = Path(cache_dir) / key
    if folder.is_dir():
        broken = broken_files(folder)
        if not broken:
            return Prepared(folder, key, reused=True)
        _log.warning("prepared data in %s is broken (%s); preparing it again", folder, "; ".join(broken))

    splits = {name: reviews.select(name) for name in ("train", "validation")}
    if reviews.has("test"):
        splits["test"] = reviews.select("test")
    for name, split in splits.items():
        if (split.labels < 0).any():
            raise DatasetError(f"the {name} split holds unlabelled reviews")
    numbered = {
        name: [(kind, table.select(name)) for kind, table in by_kind.items() if table.has(name)]
        for name in ("train", "validation")
    }
    if reviews.has("unsupervised"):
        numbered["unlabelled"] = [(REVIEW, reviews.select("unsupervised"))]
    channels, word_dict = _number(numbered, tokenize, progress)
    preprocessing = {
        "tokenizer": tokenizer,
        "tokenizer_version": tokenize.version,
        "words": len(word_dict),
        "reviews_sha256": fingerprints[REVIEW],
        "reviews": {name: int((channel.kinds == REVIEW).sum()) for name, channel in channels.items()}
        | ({"test": len(splits["test"])} if "test" in splits else {}),
        "short_texts": {
            name: int(np.isin(channel.kinds, (SNIPPET, COUNTERFACTUAL, NEUTRAL, *TAUGHT)).sum())
            for name, channel in channels.items()
        },
        "votes": {name: int((channel.kinds == VOTE).sum()) for name, channel in channels.items()},
    }
    with atomic_folder(folder) as temporary:
        for name, channel in channels.items():
            write_channel(temporary / name, channel)
        (temporary / "train" / "word_dict.json").write_text(
            json.dumps(word_dict, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
        )
        write_json(temporary / "train" / "preprocessing.json", preprocessing)
        if "test" in splits:
            _write_raw_test(temporary / "test", splits["test"])
        write_checksums(temporary)
    return Prepared(folder, key, reused=False)


def texts_beside(
    short_texts: bool, reviews: Callable[[], Iterable[Row]], voted: Path | None = None
) -> dict[int, Reviews]:
    """The texts that recipes learn from beside the reviews, by kind (channels.py). Raises DatasetError.

    Short texts for training are included twice: being short, they have few of an epoch's words. Sentences
    of the reviews that a larger model labelled (taught.py) are included once; `reviews` returns the rows in
    which they are looked for. `voted` is the file of cleaned votes (votes.py), if there are any.
    """
    beside: dict[int, Reviews] = {}
    if short_texts:
        beside[SNIPPET] = _twice(concatenate([snippets.load(), rated.load(), written.load()]))
        beside[COUNTERFACTUAL] = _twice(counterfactuals.load())
        beside[NEUTRAL] = _twice(concatenate([rated.neutral(), written.neutral()]))
        beside |= taught.load(reviews())
    return beside | ({} if voted is None else {VOTE: votes.load(voted)})


def _twice(texts: Reviews) -> Reviews:
    """The texts, with those of the train split twice."""
    train = texts.select("train")
    again = [f"{name}_again" for name in train.ids]
    return concatenate([texts, Reviews(train.texts, train.labels, train.split, again)])


def _key(fingerprints: str, tokenizer: Tokenizer) -> str:
    parts = f"{FORMAT_VERSION} {tokenizer.version} {tokenizer.name} {fingerprints}"
    return hashlib.sha256(parts.encode()).hexdigest()[:20]


def _number(
    splits: dict[str, list[tuple[int, Reviews]]], tokenize: Tokenizer, progress: bool
) -> tuple[dict[str, Channel], dict[str, int]]:
    """The channels of the splits, and the word_dict of train, with the same ids as build_dict gives."""
    numbering, numbered = Numbering(), {name: Numbered() for name in splits}
    texts = sum(len(table) for tables in splits.values() for _, table in tables)
    with Progress("preparing", texts, "texts", progress) as shown:
        for name, tables in splits.items():
            for review in (text for _, table in tables for text in table.texts):
                numbering.add(numbered[name], tokenize(review))
                shown.add()
    counts = np.bincount(numbered["train"].tokens, minlength=len(numbering))
    word_dict = vocabulary(numbering.words, counts)
    ids = ids_of(numbering.words, word_dict, tokenize.folds_repeats)
    return {
        name: Channel(
            ids[numbered[name].tokens],
            numbered[name].offsets,
            np.concatenate([table.labels for _, table in tables]).astype(np.int8),
            np.concatenate([np.full(len(table), kind) for kind, table in tables]).astype(np.int8),
        )
        for name, tables in splits.items()
    }, word_dict


def _write_raw_test(folder: Path, reviews: Reviews) -> None:
    folder.mkdir()
    with (folder / "reviews.jsonl").open("w", encoding="utf-8") as stream:
        for review in reviews.texts:
            stream.write(json.dumps({"review": review}) + "\n")
    (folder / "labels.json").write_text(
        json.dumps([int(label) for label in reviews.labels]) + "\n", encoding="utf-8"
    )
