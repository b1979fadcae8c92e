"""What goes to the job that prepares reviews: all of them, shuffled, and never many held at once."""

from __future__ import annotations

import csv
import hashlib
import json
import tracemalloc

import pytest

from pipeline import aws, fleet, jobs, remote, stack
from pipeline.settings import Settings

ROWS, CHARACTERS = 4_000, 4_000
# Without short texts beside the reviews.
ALONE = {"snippets": "0", "counterfactuals": "0"}


@pytest.fixture
def corpus(tmp_path):
    """A CSV file of 16 MB."""
    file = tmp_path / "reviews.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["review", "sentiment"])
        for number in range(ROWS):
            writer.writerow([f"{number} {'x' * CHARACTERS}", ("positive", "negative")[number % 2]])
    return file


@pytest.fixture
def sent(monkeypatch):
    """The lines of each file that was sent: number and sentiment of the review."""
    found: dict[str, list[tuple[int, int]]] = {}

    def write(body: bytes, uri: str) -> None:
        rows = [json.loads(line) for line in body.splitlines()]
        found[uri] = [(int(row["review"].partition(" ")[0]), row["sentiment"]) for row in rows]

    monkeypatch.setattr(aws, "write", write)
    monkeypatch.setattr(aws, "exists", lambda uri: False)
    monkeypatch.setattr(stack, "output", lambda settings, name: "bucket")
    monkeypatch.setattr(jobs, "running_processing", lambda prefix, output: None)
    monkeypatch.setattr(jobs, "wait_for_processing", lambda job: None)
    monkeypatch.setattr(remote, "_start", lambda *arguments: "job")
    monkeypatch.setattr(remote, "_finish", lambda *arguments: {"words": 0})
    return found


@pytest.mark.slow
def test_a_corpus_goes_up_without_being_held(corpus, sent, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "BUFFER_BYTES", 500_000)
    settings = Settings(
        data="kaggle", data_path=corpus, build=tmp_path / "build", on="sagemaker", hyperparameters=ALONE
    )
    remote.data_key(settings)  # imports what it needs, which is not to be counted
    tracemalloc.start()
    try:
        remote.prepare(settings)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < corpus.stat().st_size / 4
    assert len(sent) == fleet.MAX_INSTANCES
    assert {len(rows) for rows in sent.values()} == {ROWS // fleet.MAX_INSTANCES}
    every = [row for rows in sent.values() for row in rows]
    assert sorted(every) == [(number, 1 - number % 2) for number in range(ROWS)]
    assert every != sorted(every)
    for rows in sent.values():
        assert rows != sorted(rows) and {sentiment for _, sentiment in rows} == {0, 1}
    assert not list((tmp_path / "build").iterdir())


@pytest.mark.slow
def test_what_is_read_row_by_row_has_the_fingerprint_of_the_whole(corpus):
    settings = Settings(data="kaggle", data_path=corpus)
    whole = settings.reviews()
    digest = hashlib.sha256()
    for text, label, split in zip(whole.texts, whole.labels, whole.split, strict=True):
        digest.update(f"{label} {split} {len(text)}\n".encode() + text.encode())
    assert settings.summary().fingerprint() == whole.fingerprint() == digest.hexdigest()
    assert settings.summary().counts() == whole.counts()
