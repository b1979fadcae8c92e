"""The Large Movie Review Dataset (Maas et al., ACL 2011) in its official layout.

    train|test / pos|neg / <id>_<rating>.txt     ratings 7 to 10 and 1 to 4
    train / unsup / <id>_0.txt                   unlabelled
    train / urls_pos.txt, urls_neg.txt           line n is the movie of review id n

The test half is the official one. A tenth of the training half is held out for validation, by whole movies,
so that no movie is in both: a random split would be optimistic, because nearly every review would share its
movie with one in training.
"""

import hashlib
import re
from pathlib import Path

from sentiment.data.download import download, unpack
from sentiment.data.reviews import NEGATIVE, POSITIVE, UNLABELLED, Reviews, table
from sentiment.errors import DatasetError

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
VALIDATION_SHARE = 0.1
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz")
SYSTEM_FILES = ("Thumbs.db", "desktop.ini")
"""Files that Windows puts into folders. Those of macOS begin with a dot: .DS_Store, ._x for each file x."""
_FOLDERS = {"pos": (POSITIVE, range(7, 11)), "neg": (NEGATIVE, range(1, 5)), "unsup": (UNLABELLED, range(1))}
_FILE_NAME = re.compile(r"(\d+)_(\d+)\.txt")
_WANTED = re.compile(r"aclImdb/((train|test)/(pos|neg|unsup)/[^/]+\.txt|train/urls_\w+\.txt)")


def fetch(folder: str | Path, progress: bool = True) -> Path:
    """Download the dataset from its authors' page (84 MB) and unpack it as `folder`, unless that exists.

    Raises DatasetError.
    """
    tree = Path(folder)
    if not tree.is_dir():
        archive = download(URL, tree.with_name(f"{tree.name}.tar.gz"), SHA256, progress)
        unpack(archive, tree, lambda name: _WANTED.fullmatch(name) is not None, progress)
    return tree


def load(path: str | Path, unlabelled: bool = False, progress: bool = True) -> Reviews:
    """Read the folder at `path`, or the archive at `path`, which is unpacked beside itself once.

    With `unlabelled`, the reviews of train/unsup are included as the split "unsupervised". If the test half
    is missing, the table has no test split. Raises DatasetError.
    """
    path = Path(path)
    suffix = next((suffix for suffix in ARCHIVE_SUFFIXES if path.name.endswith(suffix)), None)
    if suffix is not None and path.is_file():
        tree = path.with_name(path.name.removesuffix(suffix))
        if not tree.is_dir():
            unpack(path, tree, lambda name: _WANTED.fullmatch(name) is not None, progress)
        path = tree
    root = path / "aclImdb" if (path / "aclImdb").is_dir() else path
    if not (root / "train").is_dir():
        raise DatasetError(
            f"{path}: neither the aclImdb folder (it has no train folder) nor an archive of it "
            f"({', '.join(ARCHIVE_SUFFIXES)})"
        )

    movies = {name: _movies(root / "train" / f"urls_{name}.txt") for name in ("pos", "neg")}
    train = [row for name in ("pos", "neg") for row in _read(root, "train", name)]
    movie_of = [_movie(movies, root, row) for row in train]
    validation = _validation_movies(movie_of)
    rows = [
        (text, label, "validation" if movie in validation else "train", name)
        for (text, label, _, name), movie in zip(train, movie_of, strict=True)
    ]
    if (root / "test").is_dir():
        rows += [row for name in ("pos", "neg") for row in _read(root, "test", name)]
    if unlabelled:
        rows += [(*row[:2], "unsupervised", row[3]) for row in _read(root, "train", "unsup")]
    return table(rows)


def _read(root: Path, half: str, name: str) -> list[tuple[str, int, str, str]]:
    """The rows (text, label, half, id) of one folder by review id. An id looks like "train/pos/12_9"."""
    folder = root / half / name
    if not folder.is_dir():
        raise DatasetError(f"{folder}: this folder is missing; unpack the dataset again")
    label, ratings = _FOLDERS[name]
    found = []
    for file in folder.iterdir():
        if file.name.startswith(".") or file.name in SYSTEM_FILES:
            continue
        match = _FILE_NAME.fullmatch(file.name)
        if match is None:
            raise DatasetError(f"{file}: a review must be named <id>_<rating>.txt")
        if int(match.group(2)) not in ratings:
            raise DatasetError(f"{file}: the rating {match.group(2)} does not belong in {name}")
        found.append((int(match.group(1)), file))
    if not found:
        raise DatasetError(f"{folder}: holds no reviews; unpack the dataset again")
    return [(_text(file), label, half, f"{half}/{name}/{file.stem}") for _, file in sorted(found)]


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file}: not UTF-8 at byte {error.start}; unpack the dataset again") from None
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror})") from None


def _movies(file: Path) -> list[str]:
    if not file.is_file():
        raise DatasetError(
            f"{file}: missing; it says which movie each review is about, and the split needs it"
        )
    return [line.strip() for line in _text(file).splitlines()]


def _movie(movies: dict[str, list[str]], root: Path, row: tuple[str, int, str, str]) -> str:
    _, name, stem = row[3].split("/")
    number = int(stem.split("_")[0])
    if number >= len(movies[name]):
        raise DatasetError(
            f"{root / 'train' / f'urls_{name}.txt'}: has no line {number + 1} for the review {row[3]}"
        )
    return movies[name][number]


def _validation_movies(movie_of: list[str]) -> set[str]:
    """Choose movies, in the order of the hashes of their names, until they have a tenth of the reviews."""
    reviews: dict[str, int] = {}
    for movie in movie_of:
        reviews[movie] = reviews.get(movie, 0) + 1
    chosen: set[str] = set()
    held = 0
    for movie in sorted(reviews, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if held >= VALIDATION_SHARE * len(movie_of):
            break
        chosen.add(movie)
        held += reviews[movie]
    return chosen
