"""The settings of a model, in a module of their own so that they can be checked without torch."""

from dataclasses import dataclass
from typing import NamedTuple

from sentiment.errors import RecipeError
from sentiment.model.ngrams import Pattern, ngram_patterns

POOLINGS = ("last", "max_mean")
MAX_NEGATED_WORDS = 5000
MAX_SKIP = 10
"""Pairs with larger gaps say less, and each gap size adds as many n-grams again."""
MAX_VALUES = {
    **dict.fromkeys(("head", "tail", "segment", "negation_scope"), 100_000),
    **{"ending": 1000, "vocab_size": 100_000_000, "embedding_dim": 100_000, "hidden_dim": 100_000},
}
"""More words than any review has, but few enough that arrays of these sizes fit into memory; and sizes that
no machine has the memory for.
"""


@dataclass(frozen=True)
class Architecture:
    """The settings that determine the shapes of the weights and the computation of a logit.

    `head` and `tail` are how many words the LSTM reads at the beginning and at the end of a longer review,
    `segment` is the number of words in each piece that it reads separately (0: the review in one piece), and
    `pooling` one of POOLINGS. `ending` is the extra weight of the end of a review (emphasis.py), `ngrams` the
    length of the longest n-grams (0: no wide part) and `ngram_skip` the largest gap in skip-bigrams
    (ngrams.py), and `negation_scope` the number of words that a negation reaches (text/negation.py).
    Raises RecipeError for values that make no model.
    """

    vocab_size: int
    embedding_dim: int
    hidden_dim: int
    bidirectional: bool
    pooling: str
    head: int
    tail: int
    segment: int
    ending: float
    ngrams: int
    ngram_skip: int
    negation_scope: int

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise RecipeError(f"there is no pooling {self.pooling!r}; choose one of {', '.join(POOLINGS)}")
        if self.pooling == "last" and (self.segment or self.bidirectional):
            raise RecipeError('pooling "last" supports neither segments nor a bidirectional model')
        if self.bidirectional and not self.segment:
            # Read backwards, a review would begin with padding up to the longest of its batch.
            raise RecipeError("a bidirectional model needs segments")
        for name in ("vocab_size", "embedding_dim", "hidden_dim", "head"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("tail", "segment", "ending", "ngrams", "ngram_skip", "negation_scope"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise RecipeError(f"{name} must not be negative")
        for name, largest in MAX_VALUES.items():
            if getattr(self, name) > largest:
                raise RecipeError(f"{name} must be at most {largest:,}")
        if self.ngrams > 3:
            raise RecipeError("ngrams must be from 0 (none) to 3")
        if self.ngram_skip > MAX_SKIP:
            raise RecipeError(f"ngram_skip must be from 0 (none) to {MAX_SKIP}")

    @property
    def negated_words(self) -> int:
        """How many of the most frequent words have a second embedding, used where a negation reaches them."""
        return min(self.vocab_size, MAX_NEGATED_WORDS) if self.negation_scope else 0

    @property
    def embeddings(self) -> int:
        """The number of rows of the embedding."""
        return self.vocab_size + self.negated_words

    def tensors(self) -> dict[str, tuple[int | None, ...]]:
        """The shapes of the weights by torch's names; None is a size that depends on the data."""
        directions = 2 if self.bidirectional else 1
        features = self.hidden_dim * directions * (2 if self.pooling == "max_mean" else 1)
        gates = 4 * self.hidden_dim
        shapes: dict[str, tuple[int | None, ...]] = {
            "embedding.weight": (self.embeddings, self.embedding_dim),
            "dense.weight": (1, features),
            "dense.bias": (1,),
            "mixture": (4,),
        }
        for suffix in ("l0", "l0_reverse")[:directions]:
            shapes |= {
                f"lstm.weight_ih_{suffix}": (gates, self.embedding_dim),
                f"lstm.weight_hh_{suffix}": (gates, self.hidden_dim),
                f"lstm.bias_ih_{suffix}": (gates,),
                f"lstm.bias_hh_{suffix}": (gates,),
            }
        if self.ngrams:
            shapes |= {"ngrams.keys": (None,), "ngrams.weights": (None,), "opinion": (self.vocab_size,)}
        return shapes

    def ngram_patterns(self) -> list[Pattern]:
        """The patterns of the wide part's n-grams; empty if there is no wide part."""
        return ngram_patterns(self.ngrams, self.ngram_skip) if self.ngrams else []

    def skipped(self, words: int) -> range:
        """The positions that the LSTM does not read in a review of this many words: those between head and
        tail."""
        return range(self.head, max(words - self.tail, self.head))


class Dropouts(NamedTuple):
    """Dropout rates in training: of words, of embedding values and of pooled values."""

    words: float = 0.0
    embedding: float = 0.0
    pooled: float = 0.0
