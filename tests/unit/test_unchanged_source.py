"""Steps after the first do not read the reviews again, and notice every change of the files behind them."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from pipeline import data
from pipeline.settings import Settings
from project.choices import Choices
from sentiment.data import unchanged
from sentiment.data.prepared import prepare

GOOD, BAD = "a wonderful film number {}", "a dreadful film number {}"


def write(file, first="wonderful"):
    rows = [f"{GOOD if n % 2 else BAD},{'positive' if n % 2 else 'negative'}".format(n) for n in range(200)]
    rows[1] = rows[1].replace("wonderful", first)
    file.write_text("review,sentiment\n" + "\n".join(rows) + "\n")


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(unchanged, "SETTLED_SECONDS", 0.0)
    write(tmp_path / "reviews.csv")
    return tmp_path / "reviews.csv"


def settings(file):
    # A recipe without short texts of its own: those would be prepared anew each time.
    return Settings(data="kaggle", data_path=file, build=file.parent / "build", recipe="predecessor")


def refuse(_):
    raise AssertionError("the reviews were read")


def test_unchanged_reviews_are_not_read_again(file, monkeypatch, capsys):
    first = settings(file).prepared()
    data.run(settings(file))
    monkeypatch.setattr(Choices, "reviews", refuse)
    again = settings(file).prepared()
    assert again.reused and (again.key, again.folder) == (first.key, first.folder)
    capsys.readouterr()
    data.run(settings(file))
    output = capsys.readouterr().out
    assert "200 reviews: " in output and "train, " in output and " validation" in output


def test_what_is_printed_of_the_reviews_is_the_same_either_way(file, capsys):
    data.run(settings(file))
    read = capsys.readouterr().out
    settings(file).prepared()
    data.run(settings(file))
    assert capsys.readouterr().out == read


def test_a_change_of_the_same_size_is_noticed_even_with_the_old_time(file):
    first, before = settings(file).prepared(), file.stat()
    write(file, first="excellent")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert settings(file).prepared().key != first.key


def test_another_file_in_its_place_is_noticed(file):
    first = settings(file).prepared()
    other = file.with_name("other.csv")
    write(other, first="excellent")
    other.replace(file)
    assert settings(file).prepared().key != first.key


def test_a_file_that_has_just_changed_is_read_again(file, monkeypatch):
    monkeypatch.setattr(unchanged, "SETTLED_SECONDS", 3600.0)
    settings(file).prepared()
    monkeypatch.setattr(Choices, "reviews", refuse)
    with pytest.raises(AssertionError, match="were read"):
        settings(file).prepared()


def test_a_file_that_changes_while_it_is_read_is_not_remembered(file, monkeypatch):
    read = Choices.reviews

    def read_and_change(self):
        reviews = read(self)
        write(file, first="excellent")
        return reviews

    monkeypatch.setattr(Choices, "reviews", read_and_change)
    first = settings(file).prepared()
    monkeypatch.setattr(Choices, "reviews", read)
    assert settings(file).prepared().key != first.key


def test_broken_prepared_data_are_made_again(file):
    first = settings(file).prepared()
    (first.train / "tokens.npy").write_bytes(b"")
    again = settings(file).prepared()
    assert not again.reused and again.key == first.key
    assert (again.train / "tokens.npy").stat().st_size > 0


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"files": null, "key": "../.."}'])
def test_an_invalid_record_is_ignored(file, record):
    first = settings(file).prepared()
    (place,) = first.folder.parent.glob("*.source.json")
    place.write_text(record)
    assert settings(file).prepared().key == first.key
    assert json.loads(place.read_text())["key"] == first.key


@pytest.mark.parametrize("name", ["taught.npz", "written.tsv", "counterfactuals.txt", "prepared.py"])
def test_changed_code_or_packaged_texts_read_again(file, monkeypatch, name):
    package = file.parent / "data"
    shutil.copytree(unchanged.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(unchanged, "PACKAGE", package)
    settings(file).prepared()
    assert settings(file).prepared_before() is not None
    with (package / name).open("ab") as changed:
        changed.write(b"\n")
    assert settings(file).prepared_before() is None


def test_every_file_of_a_tree_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(unchanged, "SETTLED_SECONDS", 0.0)
    tree = tmp_path / "aclImdb"
    (tree / "train" / "pos").mkdir(parents=True)
    (tree / "train" / "pos" / "0_9.txt").write_text("wonderful")

    def state(path=tree):
        return unchanged.SourceState("aclimdb", path, False, "words", tmp_path / "cache")

    def prepared():
        from sentiment_fixtures import made_up_reviews

        return prepare(made_up_reviews(train=30, held_out=8), "words", tmp_path / "cache", progress=False)

    state().remember(prepared())
    assert state().prepared() is not None
    (tree / "train" / "pos" / "1_9.txt").write_text("excellent")
    assert state().prepared() is None
    state().remember(prepared())
    (tree / "test").symlink_to(tmp_path)  # what lies behind it is not looked at
    assert state().prepared() is None
    state().remember(prepared())
    assert state().prepared() is None
