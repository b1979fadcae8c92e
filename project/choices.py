"""The user's choices for a run, which are validated at once, before anything is created or billed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from project.paths import BUILD
from sentiment.data.prepared import Prepared, prepare, texts_beside
from sentiment.data.reviews import Reviews, Row, Summary
from sentiment.data.sources import check_source, load_reviews, read_rows, require_enough
from sentiment.data.unchanged import SourceState
from sentiment.training.hyperparameters import changed_recipe, checked
from sentiment.training.recipes import DEFAULT_RECIPE, Recipe


class ProjectError(Exception):
    """A command cannot continue; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Choices:
    """The reviews and the recipe of a run.

    `data` names a source of reviews (sentiment.data.sources), and `data_path` is its file or folder, if it
    needs one. `hyperparameters` override those of the recipe (sentiment.training.hyperparameters). `build` is
    the folder for results. `voted` is a file of cleaned votes (sentiment.data.votes) to learn from, if any.
    Raises SentimentError for values that cannot work.
    """

    data: str = "sample"
    data_path: Path | None = None
    recipe: str = DEFAULT_RECIPE
    hyperparameters: dict[str, str] = field(default_factory=dict)
    build: Path = BUILD
    voted: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "hyperparameters", checked(self.recipe, self.hyperparameters))
        check_source(self.data, self.data_path, self.wants_unlabelled())

    def chosen_recipe(self) -> Recipe:
        """The recipe with the hyperparameters of this run."""
        return changed_recipe(self.recipe, self.hyperparameters)

    def wants_unlabelled(self) -> bool:
        """Whether training learns from unlabelled reviews as well."""
        return self.chosen_recipe().self_training > 0

    def reviews(self) -> Reviews:
        """Read the reviews of the chosen source, downloading them if necessary. Raises DatasetError."""
        return load_reviews(self.data, self._path(), self.wants_unlabelled())

    def rows(self) -> Iterable[Row]:
        """The same reviews one by one; a file that may be too large to hold is read as they are taken."""
        return read_rows(self.data, self._path(), self.wants_unlabelled())

    def summary(self) -> Summary:
        """How many reviews there are, and which. Raises DatasetError where they are too few."""
        found = Summary(self.rows())
        if (path := self._path()) is not None:
            require_enough(found, path)
        return found

    def prepared(self) -> Prepared:
        """The prepared reviews; they are read again only if their files may have changed.

        Raises DatasetError.
        """
        state = self._source_state()
        if (prepared := state.prepared()) is None:
            recipe = self.chosen_recipe()
            reviews = self.reviews()
            beside = texts_beside(recipe.short_texts, reviews.rows, self.voted)
            prepared = prepare(reviews, recipe.tokenizer, self._cache(), beside=beside)
            state.remember(prepared)
        return prepared

    def prepared_before(self) -> Prepared | None:
        """What an earlier step prepared from the same files; None if that is not certain."""
        return self._source_state().prepared()

    def _path(self) -> Path | None:
        """Where the reviews are, or will be downloaded to."""
        if self.data == "aclimdb" and self.data_path is None:
            return self.build / "data" / "aclImdb"
        return self.data_path

    def _cache(self) -> Path:
        return self.build / "prepared"

    def _source_state(self) -> SourceState:
        recipe = self.chosen_recipe()
        return SourceState(
            self.data,
            self._path(),
            self.wants_unlabelled(),
            recipe.tokenizer,
            self._cache(),
            recipe.short_texts,
            self.voted,
        )


def assignments(pairs: list[str]) -> dict[str, str]:
    """Parse hyperparameters written as NAME=VALUE. Raises ProjectError."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ProjectError(f"'{pair}' is not NAME=VALUE")
        if name in found:
            raise ProjectError(f"{name} is set twice: {found[name]} and {value}")
        found[name] = value
    return found
