"""The models that somebody would pick instead: text classification by scikit-learn, scipy and xgboost.

Every reference says where its method and its settings come from. Settings marked as chosen were the best of a
small grid on validation (`python -m benchmarks --choose` scores the grid and writes choices.json).
fasttext.py holds the one reference that is trained by torch.
"""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from benchmarks.corpus import Labelled
from sentiment.text.predecessor.review_to_words import review_to_words

Say = Callable[[str], None]
_TOKENS = re.compile(r"\w+|[^\w\s]")
SEED = 0


class Model(Protocol):
    """A fitted reference; joblib stores it."""

    def probabilities(self, reviews: Sequence[str]) -> np.ndarray:
        """Return the probabilities of positive (N,), or monotonic scores above 0.5 for positive."""


@dataclass(frozen=True)
class Reference:
    """A method with its settings. `fit(train, validation, settings, say)` returns a Model.

    `grid` are the values that --choose tries; empty where the settings are not ours to choose.
    """

    name: str
    title: str
    source: str
    fit: Callable[[Labelled, Labelled, Mapping[str, Any], Say], Model]
    settings: Mapping[str, object]
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def candidates(self) -> list[dict[str, Any]]:
        """Return every combination of the grid, merged into the other settings."""
        combinations = itertools.product(*self.grid.values())
        return [{**self.settings, **dict(zip(self.grid, values, strict=True))} for values in combinations]


def words_and_punctuation(review: str) -> list[str]:
    """Split a review into lower-case words and punctuation marks."""
    return _TOKENS.findall(review.replace("<br />", " ").lower())


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """The logistic function of scores (N,), without overflow."""
    probabilities: np.ndarray = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
    return probabilities


@dataclass(frozen=True)
class Linear:
    """A vectoriser, a scale for each of its columns, and a linear decision on L2-normalised or plain rows."""

    vectorizer: Any
    scale: np.ndarray | None
    unit_rows: bool
    weights: np.ndarray
    bias: float

    def probabilities(self, reviews: Sequence[str]) -> np.ndarray:
        """As Model.probabilities."""
        rows = _scaled(self.vectorizer.transform(reviews), self.scale, self.unit_rows)
        return sigmoid(rows @ self.weights + self.bias)


def _scaled(rows: Any, scale: np.ndarray | None, unit_rows: bool) -> Any:
    """The sparse rows with scaled columns, then scaled to length 1 if `unit_rows`."""
    from scipy.sparse import diags
    from sklearn.preprocessing import normalize

    if scale is not None:
        rows = (rows @ diags(scale)).tocsr()
    return normalize(rows, copy=False) if unit_rows else rows


def log_count_ratios(rows: Any, labels: np.ndarray, smoothing: float = 1.0) -> np.ndarray:
    """Return the naive Bayes log-count ratio of each column (Wang and Manning, ACL 2012).

    `rows` is a sparse matrix (N, columns) of counts, `labels` (N,) are 0 or 1.
    """
    positive = smoothing + np.asarray(rows[labels == 1].sum(0), dtype=np.float64).ravel()
    negative = smoothing + np.asarray(rows[labels == 0].sum(0), dtype=np.float64).ravel()
    ratios: np.ndarray = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    return ratios


def _ngrams(order: int) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(
        tokenizer=words_and_punctuation,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, order),
        binary=True,
        min_df=2,
        dtype=np.float32,
    )


def fit_tfidf(train: Labelled, validation: Labelled, settings: Mapping[str, Any], say: Say) -> Model:
    """Logistic regression on the TF-IDF of one- and two-grams."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    rows = vectorizer.fit_transform(train.texts)
    say(f"{rows.shape[1]:,} columns")
    fitted = LogisticRegression(C=settings["C"], solver="liblinear", random_state=SEED).fit(
        rows, train.labels
    )
    return Linear(vectorizer, None, False, fitted.coef_[0].astype(np.float32), float(fitted.intercept_[0]))


def fit_nb_svm(train: Labelled, validation: Labelled, settings: Mapping[str, Any], say: Say) -> Model:
    """A linear SVM, interpolated with its mean weight, on one- and two-grams scaled by log-count ratios."""
    from sklearn.svm import LinearSVC

    vectorizer = _ngrams(2)
    rows = vectorizer.fit_transform(train.texts)
    say(f"{rows.shape[1]:,} columns")
    ratios = log_count_ratios(rows, train.labels).astype(np.float32)
    svm = LinearSVC(C=settings["C"], random_state=SEED, max_iter=2000)
    fitted = svm.fit(_scaled(rows, ratios, False), train.labels)
    weights, beta = fitted.coef_[0], settings["beta"]
    interpolated = (1 - beta) * np.abs(weights).mean() + beta * weights
    return Linear(vectorizer, ratios, False, interpolated.astype(np.float32), float(fitted.intercept_[0]))


def fit_nb_lr(train: Labelled, validation: Labelled, settings: Mapping[str, Any], say: Say) -> Model:
    """Logistic regression on rows of one- to three-grams, scaled by log-count ratios, of unit length."""
    from sklearn.linear_model import LogisticRegression

    vectorizer = _ngrams(3)
    rows = vectorizer.fit_transform(train.texts)
    say(f"{rows.shape[1]:,} columns")
    ratios = log_count_ratios(rows, train.labels).astype(np.float32)
    logistic = LogisticRegression(C=settings["C"], solver="liblinear", random_state=SEED)
    fitted = logistic.fit(_scaled(rows, ratios, True), train.labels)
    return Linear(vectorizer, ratios, True, fitted.coef_[0].astype(np.float32), float(fitted.intercept_[0]))


@dataclass(frozen=True)
class Trees:
    """Counts of the 5,000 most frequent stems, and gradient-boosted trees over them."""

    vectorizer: Any
    booster: Any
    rounds: int

    def probabilities(self, reviews: Sequence[str]) -> np.ndarray:
        """As Model.probabilities."""
        rows = self.vectorizer.transform(reviews)
        probabilities: np.ndarray = self.booster.inplace_predict(rows, iteration_range=(0, self.rounds))
        return probabilities


def fit_trees(train: Labelled, validation: Labelled, settings: Mapping[str, Any], say: Say) -> Model:
    """Gradient-boosted trees on counts of stems."""
    import xgboost
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(
        analyzer=review_to_words, max_features=settings["max_features"], dtype=np.float32
    )
    rows = xgboost.DMatrix(vectorizer.fit_transform(train.texts), train.labels)
    held_out = xgboost.DMatrix(vectorizer.transform(validation.texts), validation.labels)
    parameters = {"objective": "binary:logistic", "eval_metric": "error", "seed": SEED, "tree_method": "hist"}
    own = ("max_features", "num_round", "early_stopping_rounds")
    parameters |= {name: value for name, value in settings.items() if name not in own}
    booster = xgboost.train(
        parameters,
        rows,
        settings["num_round"],
        evals=[(held_out, "validation")],
        early_stopping_rounds=settings["early_stopping_rounds"],
        verbose_eval=False,
    )
    say(f"best after {booster.best_iteration + 1} of at most {settings['num_round']} rounds")
    return Trees(vectorizer, booster, booster.best_iteration + 1)


def fit_fasttext(train: Labelled, validation: Labelled, settings: Mapping[str, Any], say: Say) -> Model:
    """A linear model on the mean of n-gram vectors, as fastText is one (fasttext.py)."""
    from benchmarks.fasttext import fit

    return fit(train, validation, settings, say)


_ALL = (
    Reference(
        "xgboost",
        "XGBoost on 5,000 stems, the course's settings",
        "the settings of Udacity's SageMaker notebooks on these reviews, the predecessor's neighbours",
        fit_trees,
        {
            "max_features": 5000,
            "max_depth": 5,
            "eta": 0.2,
            "gamma": 4,
            "min_child_weight": 6,
            "subsample": 0.8,
            "num_round": 500,
            "early_stopping_rounds": 10,
        },
    ),
    Reference(
        "xgboost-tuned",
        "XGBoost on 5,000 stems, tuned",
        "depth and step chosen on validation; rounds by early stopping there",
        fit_trees,
        {
            "max_features": 5000,
            "max_depth": 6,
            "eta": 0.1,
            "min_child_weight": 6,
            "subsample": 0.8,
            "num_round": 1000,
            "early_stopping_rounds": 30,
        },
        {"max_depth": (4, 6), "eta": (0.1, 0.3)},
    ),
    Reference(
        "tfidf-lr",
        "TF-IDF (1- and 2-grams) + logistic regression",
        "scikit-learn's defaults with sublinear counts; C chosen on validation",
        fit_tfidf,
        {"C": 100.0},
        {"C": (3.0, 10.0, 30.0, 100.0)},
    ),
    Reference(
        "nb-svm",
        "NB-SVM (2-grams)",
        "Wang and Manning, Baselines and Bigrams, ACL 2012: beta is theirs; C chosen on validation",
        fit_nb_svm,
        {"C": 1.0, "beta": 0.25},
        {"C": (0.01, 0.1, 1.0)},
    ),
    Reference(
        "nb-lr",
        "NB-weighted logistic regression (3-grams)",
        "features of Wang and Manning 2012 on rows of unit length; C chosen on validation",
        fit_nb_lr,
        {"C": 30.0},
        {"C": (10.0, 30.0, 100.0)},
    ),
    Reference(
        "fasttext",
        "fastText-style (2-grams, torch)",
        "Joulin et al., Bag of Tricks for Efficient Text Classification, 2017; rate chosen on validation",
        fit_fasttext,
        {"dimensions": 16, "buckets": 1 << 20, "epochs": 5, "batch_size": 64, "learning_rate": 0.01},
        {"learning_rate": (0.003, 0.01, 0.03)},
    ),
)
REFERENCES = {reference.name: reference for reference in _ALL}
