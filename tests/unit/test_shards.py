"""A corpus in shards: what several machines prepare apart is what one prepares at once, and it trains."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sentiment_fixtures import ROOT, made_up_reviews, options_of, prepared

from sentiment.data.channels import KINDS, REVIEW, TAUGHT, Channel, concatenate, read_channel, read_word_dict
from sentiment.data.shards import read_first, read_shard, shard_files, write_shard
from sentiment.errors import ChannelError
from sentiment.training.batches import InMemoryBatches, StreamedBatches
from sentiment.training.distributed import ProcessGroup
from sentiment.training.recipes import recipe
from train import prepare, train

SHARD = 30


def write_lines(folder: Path, files: int) -> None:
    """The made-up reviews in so many files, in their order."""
    reviews = made_up_reviews()
    rows = [
        {"review": text, "sentiment": "positive" if label else "negative", "split": str(split)}
        for text, label, split in zip(reviews.texts, reviews.labels, reviews.split, strict=True)
    ]
    folder.mkdir()
    for number in range(files):
        own = rows[len(rows) * number // files : len(rows) * (number + 1) // files]
        (folder / f"part-{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own))


@pytest.fixture(scope="module")
def sharded(tmp_path_factory) -> Path:
    """Prepared by two machines of which each has some of the files; the second one then has all words."""
    base = tmp_path_factory.mktemp("shards")
    output = base / "output"
    write_lines(base / "lines", 4)
    for machine in (0, 1):
        own = base / f"machine-{machine}"
        own.mkdir()
        for number in (machine, machine + 2):
            (base / "lines" / f"part-{number}.jsonl").rename(own / f"part-{number}.jsonl")
        more = ["--shards-only"] if machine == 0 else []
        assert (
            prepare.main([f"--reviews={own}", f"--output={output}", f"--shard-reviews={SHARD}", *more]) == 0
        )
    return output


def read_all(folder: Path, word_dict: dict[str, int]) -> Channel:
    files = shard_files(folder)
    assert len(files) > 1
    channels = [read_shard(file, word_dict, True) for file in files]
    assert max(map(len, channels)) <= SHARD
    return concatenate(channels)


def test_shards_hold_what_one_machine_prepares(sharded):
    whole = prepared()
    word_dict = read_word_dict(sharded / "vocabulary")
    assert word_dict == read_word_dict(whole.train)
    for name in ("train", "validation"):
        expected, found = read_channel(whole.folder / name, name), read_all(sharded / name, word_dict)
        for array in ("tokens", "offsets", "labels", "kinds"):
            assert np.array_equal(getattr(expected, array), getattr(found, array)), (name, array)
    lines = "".join(file.read_text() for file in sorted((sharded / "test").glob("reviews-*")))
    assert lines == (whole.test / "reviews.jsonl").read_text()
    files = sorted((sharded / "test").glob("labels-*"))
    assert [label for file in files for label in json.loads(file.read_text())] == json.loads(
        (whole.test / "labels.json").read_text()
    )
    preprocessing = json.loads((sharded / "vocabulary" / "preprocessing.json").read_text())
    assert preprocessing["reviews"] == {"train": 160, "validation": 40, "test": 40}


def streamed(sharded: Path, seed: int = 0) -> StreamedBatches:
    word_dict = read_word_dict(sharded / "vocabulary")
    files = shard_files(sharded / "train")
    architecture = recipe("fast").architecture()
    return StreamedBatches(
        files, lambda file: read_shard(file, word_dict, True), (0,), architecture, 16, seed, ProcessGroup()
    )


def test_an_epoch_of_shards_has_each_review_once_and_can_be_joined_in_the_middle(sharded):
    batches = streamed(sharded)
    assert (batches.count, batches.texts, batches.reviews) == (10, 160, 160)
    first, again, other = (list(batches.of_epoch(epoch, 0)) for epoch in (0, 0, 1))
    held = InMemoryBatches(
        read_channel(prepared().train, "train"), recipe("fast").architecture(), 16, 0, ProcessGroup()
    )

    def texts(of: list) -> list[bytes]:
        return [ids.tobytes() for batch in of for ids in batch.reviews]

    assert texts(first) == texts(again) != texts(other)
    assert sorted(texts(first)) == sorted(texts(other)) == sorted(texts(list(held.of_epoch(0, 0))))
    assert [batch.size for batch in first] == [16] * 10
    for start in (1, 4, 9):
        joined = list(batches.of_epoch(0, start))
        assert texts(joined) == texts(first[start:])
        assert [b.labels.tolist() for b in joined] == [b.labels.tolist() for b in first[start:]]


def test_training_reads_shards(sharded, tmp_path, capsys):
    channels = [f"--{name}={sharded / name}" for name in ("train", "validation", "vocabulary")]
    options = ["--precision=float32", "--threads=1", f"--model-dir={tmp_path / 'model'}", *options_of()]
    assert train.main([*channels, *options]) == 0, capsys.readouterr().err
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert (metrics["train_reviews"], metrics["validation_reviews"]) == (160, 40)
    assert metrics["validation_accuracy"] > 0.8


def test_what_is_wrong_with_lines_or_shards_is_said_with_its_place(tmp_path, capsys):
    folder = tmp_path / "lines"
    folder.mkdir()
    for line, said in (
        ("{", "line 1: not JSON"),
        ("[" * 100_000, "line 1: not JSON"),
        ('{"sentiment": "positive"}', "line 1: the review is missing or empty"),
        (
            '{"review": "It rained.", "sentiment": 1, "kind": 4, "split": "validation"}',
            "line 1: a text of kind 4 needs the split train, not validation",
        ),
        (
            '{"review": "It rained.", "sentiment": 1, "kind": 5, "split": "test"}',
            "line 1: a text of kind 5 needs the split train, not test",
        ),
        ('{"review": "Fine.", "sentiment": 1, "kind": 3}', "line 1: the kind is 3, not one of 0, 1, 2, 4, 5"),
        ('{"review": "Fine.", "sentiment": 1, "kind": 1.0}', "line 1: the kind is 1.0, not one of 0,"),
        ('{"review": "Fine.", "sentiment": "mixed"}', "line 1: the sentiment is 'mixed'"),
        ('{"review": "Fine.", "sentiment": 1, "split": "trian"}', "line 1: the split is 'trian'"),
        ('{"review": "Fine.", "sentiment": 1, "split": "train"}', "no review is left for validation"),
    ):
        (folder / "a.jsonl").write_text(line + "\n")
        assert prepare.main([f"--reviews={folder}", f"--output={tmp_path / 'output'}"]) == 1
        assert said in capsys.readouterr().err
    one_sided = '{"review": "Fine.", "sentiment": 1, "split": "train"}\n' * 1000
    (folder / "a.jsonl").write_text(one_sided)
    assert prepare.main([f"--reviews={folder}", f"--output={tmp_path / 'output'}"]) == 1
    assert "1,000 reviews in a row have the same sentiment" in capsys.readouterr().err
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(ChannelError, match=r"broken\.npz: not a readable shard"):
        read_first([tmp_path / "broken.npz"], lambda file: read_shard(file, {}, True), 1)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path):
    """Four times the reviews of one vocabulary; the peak is that of one shard."""
    words = [f"word{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(500)]

    def peak_mb(reviews: int) -> float:
        folder = tmp_path / str(reviews)
        folder.mkdir()
        random_ = random.Random(1)
        for part in range(reviews // 5_000):
            with (folder / f"{part:03}.jsonl").open("w") as stream:
                for number in range(5_000):
                    text = " ".join(random_.choices(words, k=12))
                    stream.write(json.dumps({"review": text, "sentiment": number % 2}) + "\n")
        arguments = [f"--reviews={folder}", f"--output={folder}/out", "--shard-reviews=2000"]
        measured = (
            "import resource, sys\n"
            "from train import prepare\n"
            "assert prepare.main(sys.argv[1:]) == 0\n"
            "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "print(peak / (1 << (20 if sys.platform == 'darwin' else 10)))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", measured, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return float(done.stdout.splitlines()[-1])

    assert peak_mb(80_000) < peak_mb(20_000) + 8


def npy(header: str) -> bytes:
    """A .npy file whose header is this text."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


def shard_with(good: Path, **changed: np.ndarray | bytes) -> dict[str, bytes]:
    """The members of a shard, some of them others."""
    with zipfile.ZipFile(good) as archive:
        members = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    for name, array in changed.items():
        if not isinstance(array, bytes):
            stream = io.BytesIO()
            np.save(stream, array)
            array = stream.getvalue()
        members[name] = array
    return members


def pack(file: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file


HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s}\n"


@pytest.mark.parametrize(
    "changed",
    [
        {"tokens": npy(HEADER % ("<i4", "(1000000000000,)"))},
        {"tokens": npy(HEADER % ("<i4", "(-1,)"))},
        {"tokens": npy(HEADER % ("|O", "(1,)"))},
        {"tokens": npy("(" * 5_000)},
        {"tokens": b""},
        {"tokens": np.array([0.5])},
        {"offsets": np.array(3)},
        {"offsets": np.array([[0], [2]])},
        {"labels": np.array(["a", "b"])},
        {"words": np.frombuffer(b"\xff\xfe", dtype=np.uint8)},
    ],
)
def test_a_damaged_shard_is_named(sharded, tmp_path, changed):
    good = shard_files(sharded / "train")[0]
    file = pack(tmp_path / "shard.npz", shard_with(good, **changed))
    with pytest.raises(ChannelError, match=r"shard\.npz: .*; prepare the data again"):
        read_shard(file, {}, True)


def test_words_of_a_shard_outside_of_its_list_are_refused(sharded, tmp_path):
    good = shard_files(sharded / "train")[0]
    with np.load(good) as arrays:
        tokens, offsets = arrays["tokens"], arrays["offsets"]
    shuffled = np.append(offsets[:-2], offsets[-2:][::-1])
    for changed in ({"tokens": tokens - tokens.max() - 9}, {"offsets": shuffled}):
        file = pack(tmp_path / "shard.npz", shard_with(good, **changed))
        with pytest.raises(ChannelError, match="do not fit together"):
            read_shard(file, {}, True)


def test_kinds_and_labels_of_a_shard_that_mean_nothing_are_refused(sharded, tmp_path):
    good = shard_files(sharded / "train")[0]
    for changed in ({"kinds": 8}, {"kinds": -1}, {"labels": -1}, {"labels": 2}):
        arrays = {name: np.full(SHARD, value, dtype=np.int8) for name, value in changed.items()}
        file = pack(tmp_path / "shard.npz", shard_with(good, **arrays))
        with pytest.raises(ChannelError, match=r"shard\.npz: it has unknown kinds or labels"):
            read_shard(file, {}, True)


def test_a_label_of_a_shard_is_trusted_as_much_as_its_kind_says(tmp_path):
    kinds = np.array([REVIEW, TAUGHT[0]], dtype=np.int8)
    channel = Channel(np.array([0, 1], np.int32), np.arange(3), np.array([1, 0], np.int8), kinds)
    write_shard(tmp_path / "a.npz", channel, ["good", "bad"])

    def read(file: Path) -> Channel:
        return read_shard(file, {"good": 2, "bad": 3}, True)

    batches = StreamedBatches(
        [tmp_path / "a.npz"], read, KINDS, recipe("fast").architecture(), 2, 0, ProcessGroup()
    )
    (batch,) = batches.of_epoch(0, 0)
    labels = {int(ids[0]): float(label) for ids, label in zip(batch.reviews, batch.labels, strict=True)}
    assert labels == pytest.approx({2: 1, 3: 0.4}) and batch.offsets.tolist() == [0, 0]


def test_a_shard_is_not_unpacked(sharded, tmp_path):
    """The writer does not compress: a compressed one could be of any size."""
    file = pack(tmp_path / "shard.npz", shard_with(shard_files(sharded / "train")[0]), zipfile.ZIP_DEFLATED)
    with pytest.raises(ChannelError, match="is compressed"):
        read_shard(file, {}, True)


def test_a_file_that_is_no_shard_is_named(tmp_path):
    file = tmp_path / "shard.npz"
    for content in (b"", b"PK", npy(HEADER % ("<i4", "(0,)")), b"\x80\x04."):
        file.write_bytes(content)
        with pytest.raises(ChannelError, match="not a readable shard"):
            read_shard(file, {}, True)
