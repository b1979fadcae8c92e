import json

import numpy as np
import pytest
from sentiment_fixtures import made_up_reviews

from sentiment.data.channels import read_channel, read_json, read_raw_reviews, read_word_dict
from sentiment.data.prepared import prepare
from sentiment.data.reviews import table
from sentiment.errors import ChannelError, DatasetError
from sentiment.text import tokenizers
from sentiment.text.vocabulary import build_dict, encode


@pytest.fixture
def reviews():
    return made_up_reviews(train=30, held_out=8)


@pytest.mark.parametrize("tokenizer", ["words", "review_to_words"])
def test_the_channels_hold_the_ids_that_build_dict_gives(reviews, tmp_path, tokenizer):
    prepared = prepare(reviews, tokenizer, tmp_path, progress=False)
    tokenized = [tokenizers.tokenizer(tokenizer)(review) for review in reviews.select("train").texts]
    words = build_dict(tokenized, None)
    assert read_word_dict(prepared.train) == words
    for split, folder in (("train", prepared.train), ("validation", prepared.validation)):
        part, channel = reviews.select(split), read_channel(folder, split)
        assert channel.labels.tolist() == part.labels.tolist()
        for number, review in enumerate(part.texts):
            expected = encode(words, tokenizers.tokenizer(tokenizer)(review))
            assert np.array_equal(channel.review(number), expected)
    about = json.loads((prepared.train / "preprocessing.json").read_text())
    assert about["tokenizer"] == tokenizer and about["reviews_sha256"] == reviews.fingerprint()


def test_the_raw_test_split_is_json_lines(reviews, tmp_path):
    prepared = prepare(reviews, "words", tmp_path, progress=False)
    lines = (prepared.test / "reviews.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["review"] for line in lines] == reviews.select("test").texts
    assert json.loads((prepared.test / "labels.json").read_text()) == reviews.select("test").labels.tolist()


def test_unlabelled_reviews_are_a_channel_in_the_words_of_train(tmp_path):
    rows = [("good film", 1, "train", "a"), ("bad film", 0, "validation", "b")]
    unlabelled = [("good weather", -1, "unsupervised", "c"), ("film", -1, "unsupervised", "d")]
    prepared = prepare(table(rows + unlabelled), "words", tmp_path, progress=False)
    assert list(prepared.channels) == ["train", "validation", "unlabelled"]
    channel = read_channel(prepared.channels["unlabelled"], "unlabelled")
    words = read_word_dict(prepared.train)
    assert channel.tokens.tolist() == [words["good"], 1, words["film"]] and len(channel) == 2
    without = prepare(table(rows), "words", tmp_path, progress=False)
    assert list(without.channels) == ["train", "validation"] and without.key != prepared.key


def test_the_same_reviews_are_prepared_once(reviews, tmp_path):
    first = prepare(reviews, "words", tmp_path, progress=False)
    again = prepare(reviews, "words", tmp_path, progress=False)
    assert (first.reused, again.reused, again.key) == (False, True, first.key)
    assert not prepare(reviews, "review_to_words", tmp_path, progress=False).reused
    assert not prepare(made_up_reviews(train=32, held_out=8), "words", tmp_path, progress=False).reused


def test_new_tokenizer_code_prepares_anew(reviews, tmp_path, monkeypatch):
    prepare(reviews, "words", tmp_path, progress=False)
    newer = tokenizers.TOKENIZERS["words"]._replace(version=99)
    monkeypatch.setitem(tokenizers.TOKENIZERS, "words", newer)
    assert not prepare(reviews, "words", tmp_path, progress=False).reused


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "no list"])
def test_a_broken_cache_is_rebuilt(reviews, tmp_path, damage, caplog):
    folder = prepare(reviews, "words", tmp_path, progress=False).folder
    file = folder / "train" / "tokens.npy"
    good = file.read_bytes()
    if damage == "flip":
        file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    elif damage == "truncate":
        file.write_bytes(good[:-40])
    elif damage == "remove":
        file.unlink()
    else:
        (folder / "checksums.json").unlink()
    assert not prepare(reviews, "words", tmp_path, progress=False).reused
    assert "broken" in caplog.text and file.read_bytes() == good
    assert prepare(reviews, "words", tmp_path, progress=False).reused
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]


def test_a_failed_preparation_leaves_nothing_behind(reviews, tmp_path, monkeypatch):
    monkeypatch.setattr("sentiment.data.prepared.write_checksums", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(reviews, "words", tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_reviews_without_test_are_fine_until_it_is_asked_for(tmp_path):
    rows = [("good film", 1, "train", "a"), ("bad film", 0, "validation", "b")]
    prepared = prepare(table(rows), "words", tmp_path, progress=False)
    with pytest.raises(DatasetError, match="no test split"):
        _ = prepared.test


def test_reviews_without_validation_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no validation split"):
        prepare(table([("good", 1, "train", "a")]), "words", tmp_path, progress=False)


def test_progress_is_plain_lines_where_there_is_no_terminal(reviews, tmp_path, capsys):
    prepare(reviews, "words", tmp_path)
    assert "preparing: 38 of 38 texts (" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        ("tokens", np.zeros(3, np.float32), r"tokens\.npy: expected a one-dimensional array of int32"),
        ("offsets", np.zeros(3, np.int64), r"30 labels need 31 offsets, found 3"),
        ("offsets", np.arange(31, dtype=np.int64), r"does not divide"),
        ("labels", np.full(30, 7, np.int8), r"other than 0 and 1"),
        ("labels", np.zeros(0, np.int8), r"holds no reviews"),
        ("tokens", np.array([object()]), r"tokens\.npy: not a readable"),
    ],
)
def test_arrays_that_do_not_fit_are_named(reviews, tmp_path, file, array, message):
    prepared = prepare(reviews, "words", tmp_path, progress=False)
    np.save(prepared.train / f"{file}.npy", array, allow_pickle=True)
    with pytest.raises(ChannelError, match=message):
        read_channel(prepared.train, "train")


@pytest.mark.parametrize(
    "head", ["(" * 5_000, "{'descr': '<i4', 'fortran_order': False, 'shape': (1000000000000000000,)}\n"]
)
def test_an_array_with_a_malformed_head_is_named(reviews, tmp_path, head):
    prepared = prepare(reviews, "words", tmp_path, progress=False)
    content = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode()
    (prepared.train / "tokens.npy").write_bytes(content)
    with pytest.raises(ChannelError, match=r"tokens\.npy: not a readable"):
        read_channel(prepared.train, "train")


def test_json_that_is_nested_too_deeply_is_named(reviews, tmp_path):
    prepared = prepare(reviews, "words", tmp_path, progress=False)
    (prepared.train / "preprocessing.json").write_text("[" * 100_000)
    with pytest.raises(ChannelError, match=r"preprocessing\.json: not readable"):
        read_json(prepared.train, "preprocessing.json")
    (prepared.test / "labels.json").write_text("[" * 100_000)
    with pytest.raises(ChannelError, match=r"the raw reviews .* are not readable"):
        read_raw_reviews(prepared.test)


def test_a_missing_channel_is_named(tmp_path):
    with pytest.raises(ChannelError, match="the train channel is missing"):
        read_channel(tmp_path / "nowhere", "train")
    with pytest.raises(ChannelError, match=r"the validation channel has no tokens\.npy"):
        read_channel(tmp_path, "validation")
