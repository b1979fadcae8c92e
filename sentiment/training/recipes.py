"""The recipes: named sets of hyperparameters.

Every field, except the name and the tokenizer, is also an option of train/train.py.

`fast` is the default. `best` adds skip-bigrams and adversarial training, and trains longer, for the highest
accuracy. `semi` also learns from the unlabelled reviews of aclImdb, which it labels itself. `predecessor`
has the settings of the predecessor, so that anyone can reproduce its 85.4 %.
"""

from dataclasses import dataclass, fields, replace

from sentiment.errors import RecipeError, nearest
from sentiment.model.architecture import Architecture, Dropouts
from sentiment.text.tokenizers import tokenizer

CHOICES = {
    "initialisation": ("torch", "scaled"),
    "word_vectors": ("random", "ppmi", "glove"),
    "optimizer": ("adam", "adamw"),
    "schedule": ("constant", "linear"),
    "best_by": ("accuracy", "loss"),
}

METRIC_DEFINITIONS = [
    {"Name": "epoch", "Regex": r"\bepoch=(\d+)"},
    {"Name": "train:loss", "Regex": r"\btrain_loss=([0-9.]+)"},
    {"Name": "validation:loss", "Regex": r"\bvalidation_loss=([0-9.]+)"},
    {"Name": "validation:accuracy", "Regex": r"\bvalidation_accuracy=([0-9.]+)"},
    {"Name": "train:reviews_per_second", "Regex": r"\breviews_per_second=([0-9.]+)"},
]
"""The estimator's metric_definitions, which match the line that is printed after each epoch."""


@dataclass(frozen=True)
class Recipe:
    """All that a training run depends on, apart from its data, its seed and the machine.

    The fields that Architecture has, from `vocab_size` to `negation_scope`, are explained there. Others:

    - `snippets`, `counterfactuals`, `votes` and `taught` weigh each text of that kind (data/channels.py),
      relative to a review, when the n-grams are fitted. To the LSTM all texts count the same, but a weight of
      0 leaves them out there as well. Texts without an opinion have the weight `snippets`.
    - `ngram_fragments` is the weight of short fragments of the reviews when the n-grams are fitted
      (ngram_fit.py), `ngram_min_reviews` the number of texts that an n-gram must occur in, and `ngram_c` the
      inverse of the strength of their L2 regularization.
    - `ngram_folds` is the number of further fits of the n-grams, each without one fold of the texts, so that
      the LSTM learns what the n-grams get wrong (objective.py). With 0 the LSTM learns by itself, as it
      always does from shards.
    - `adversarial` is how far the embeddings move for a second, adversarial pass over each batch
      (objective.py).
    - `self_training` is the least probability of a label that a first model gives an unlabelled review, so
      that a second model learns from it (self_training.py).
    - `word_vectors` is what the embeddings start from: `ppmi` is co-occurrence in the training texts
      (word_vectors.py), and `glove` that in half of the dimensions and GloVe in the other half (glove.py).
    - `warm_up` is the share of all steps in which the learning rate rises, and `clip` the maximum norm of the
      gradients.
    - `early_words` is the number of words that reviews are cropped to before the last epoch, to save time.
    - `patience` is the number of epochs without an improvement after which training stops.

    0 turns off each feature that has a weight, a distance, a scope, a maximum or a minimum.
    """

    name: str
    tokenizer: str
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
    snippets: float
    counterfactuals: float
    votes: float
    taught: float
    ngram_min_reviews: int
    ngram_c: float
    ngram_fragments: float
    ngram_folds: int
    word_dropout: float
    embedding_dropout: float
    dropout: float
    adversarial: float
    self_training: float
    initialisation: str
    word_vectors: str
    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    warm_up: float
    clip: float
    batch_size: int
    epochs: int
    early_words: int
    patience: int
    best_by: str
    reshuffle: bool

    def __post_init__(self) -> None:
        self.architecture()
        tokenizer(self.tokenizer)
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise self._refused(name, f"one of {', '.join(choices)}")
        for name in ("batch_size", "epochs", "patience", "ngram_min_reviews"):
            if getattr(self, name) < 1:
                raise self._refused(name, "at least 1")
        for name in ("learning_rate", "ngram_c"):
            if not 0 < getattr(self, name) < float("inf"):
                raise self._refused(name, "above 0")
        for name in ("word_dropout", "embedding_dropout", "dropout", "warm_up"):
            if not 0 <= getattr(self, name) < 1:
                raise self._refused(name, "from 0 up to, but not including, 1")
        for name in (
            "snippets",
            "counterfactuals",
            "votes",
            "taught",
            "ngram_fragments",
            "adversarial",
            "weight_decay",
            "clip",
            "early_words",
        ):
            if not 0 <= getattr(self, name) < float("inf"):
                raise self._refused(name, "0 or more")
        if self.ngram_folds < 0 or self.ngram_folds == 1:
            raise self._refused("ngram_folds", "0, or 2 or more")
        if self.self_training and not 0.5 <= self.self_training < 1:
            raise self._refused("self_training", "0, or from 0.5 up to, but not including, 1")

    def _refused(self, name: str, wanted: str) -> RecipeError:
        return RecipeError(f"{name} must be {wanted}, not {getattr(self, name)}")

    @property
    def short_texts(self) -> bool:
        """Whether the recipe learns from short texts beside the reviews."""
        return self.snippets > 0 or self.counterfactuals > 0

    def architecture(self) -> Architecture:
        """The architecture of the model that the recipe trains."""
        return Architecture(**{field.name: getattr(self, field.name) for field in fields(Architecture)})

    def dropouts(self) -> Dropouts:
        """The dropout rates in training."""
        return Dropouts(self.word_dropout, self.embedding_dropout, self.dropout)


_PREDECESSOR = Recipe(
    name="predecessor",
    tokenizer="review_to_words",
    vocab_size=5000,
    embedding_dim=32,
    hidden_dim=200,
    bidirectional=False,
    pooling="last",
    head=500,
    tail=0,
    segment=0,
    ending=0.0,
    ngrams=0,
    ngram_skip=0,
    negation_scope=0,
    snippets=0.0,
    counterfactuals=0.0,
    votes=0.5,
    taught=0.0,
    ngram_min_reviews=2,
    ngram_c=30.0,
    ngram_fragments=0.0,
    ngram_folds=0,
    word_dropout=0.0,
    embedding_dropout=0.0,
    dropout=0.0,
    adversarial=0.0,
    self_training=0.0,
    initialisation="torch",
    word_vectors="random",
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=0.0,
    schedule="constant",
    warm_up=0.0,
    clip=0.0,
    batch_size=512,
    epochs=10,
    early_words=0,
    patience=10,
    best_by="accuracy",
    reshuffle=False,
)
_FAST = replace(
    _PREDECESSOR,
    name="fast",
    tokenizer="words",
    vocab_size=30_000,
    embedding_dim=96,
    hidden_dim=64,
    bidirectional=True,
    pooling="max_mean",
    head=128,
    tail=128,
    segment=32,
    ending=1.0,
    ngrams=3,
    negation_scope=5,
    snippets=0.5,
    counterfactuals=0.25,
    taught=0.1,
    ngram_min_reviews=5,
    ngram_c=30.0,
    ngram_fragments=0.05,
    ngram_folds=2,
    word_dropout=0.1,
    embedding_dropout=0.3,
    dropout=0.5,
    initialisation="scaled",
    word_vectors="glove",
    optimizer="adamw",
    learning_rate=4e-3,
    weight_decay=0.01,
    schedule="linear",
    warm_up=0.15,
    clip=1.0,
    batch_size=128,
    epochs=2,
    early_words=96,
    patience=2,
    best_by="loss",
    reshuffle=True,
)
_BEST = replace(
    _FAST,
    name="best",
    ngram_skip=2,
    adversarial=1.0,
    batch_size=64,
    epochs=4,
    early_words=0,
    patience=4,
)
# The labels are mostly those of the first model's n-grams: trained jointly, the LSTM would learn little.
_SEMI = replace(_FAST, name="semi", self_training=0.9, ngram_folds=0)
RECIPES = {recipe.name: recipe for recipe in (_FAST, _BEST, _SEMI, _PREDECESSOR)}
DEFAULT_RECIPE = "fast"


def recipe(name: str = DEFAULT_RECIPE, **changes: object) -> Recipe:
    """Get a recipe by name, with some fields changed. Raises RecipeError for a wrong name or value."""
    if name not in RECIPES:
        raise RecipeError(
            f"there is no recipe {name!r}; choose one of {', '.join(RECIPES)}{nearest(name, RECIPES)}"
        )
    return replace(RECIPES[name], **changes)  # type: ignore[arg-type]  # Recipe checks the values
