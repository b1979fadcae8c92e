"""Calibrate a model's probabilities, and measure how reliable they are, on the validation texts.

A model's logit is a weighted sum of its parts' logits (mixture.py). The weights are those of a logistic
regression on the two parts of the wide-and-deep models, or a temperature (a single weight) for an LSTM alone.
If validation has both long and short texts, each has weights of its own. There is no bias: fitted to whole
reviews, it would tilt short sentences to one side.

The weights are fitted on the validation texts, so a figure measured on the same texts would be optimistic.
All figures here are therefore cross-fitted: the texts are divided into FOLDS parts, and the probabilities of
each part come from weights fitted on the others. The parts are contiguous within each label, since reviews of
one movie are adjacent.

The expected calibration error is the mean distance between probability and share of positive reviews over
BINS bins of equally many reviews. It exceeds 0 by chance alone: `chance` is the error that a perfectly
calibrated model would show on as many reviews.

The unsure band, symmetric about one half, holds the probabilities at which fewer than ACCURACY_WHEN_SURE of
the verdicts are right. The accuracy at each confidence is estimated by isotonic regression over the reviews.
A prior worth PRIOR_REVIEWS reviews, which takes the probabilities at their word, keeps a few reviews from
moving the band far.
"""

from typing import Any

import numpy as np

from sentiment.evaluation.metrics import BINS, expected_calibration_error, reliability_curve
from sentiment.model.mixture import combine, shortness

FOLDS = 5
ACCURACY_WHEN_SURE = 0.75
PRIOR_REVIEWS = 200
MIN_TEMPERED_WEIGHT = 1e-3
SHRINKAGE = 1e-4
STEPS = 50


def calibration(
    parts: np.ndarray, labels: np.ndarray, lengths: np.ndarray, short: np.ndarray
) -> dict[str, Any]:
    """The `calibration` entry of metrics.json.

    `parts` (N, P) are the logits of the model's P parts on the validation texts, `labels` (N,) are 0 or 1,
    `lengths` (N,) are the numbers of words, and `short` (N,) is true for short texts, false for reviews.

    The keys for reviews are `reviews` (how many), `expected_calibration_error`, `chance`, `bins` (each with
    `reviews`, mean `probability` and share `positive`) and `unsure`, [low, high] or None. `short_texts` is
    None, or has `texts` (how many), `accuracy` and the two errors for short texts.
    """
    probability = cross_fitted(parts, labels, lengths, short)
    bins, figures = _figures(probability[~short], labels[~short])
    of_short_texts = None
    if short.any():
        right = (probability[short] >= 0.5) == (labels[short] > 0)
        of_short_texts = {
            "texts": int(short.sum()),
            "accuracy": round(float(right.mean()), 5),
            **_figures(probability[short], labels[short])[1],
        }
    return {
        "reviews": int((~short).sum()),
        **figures,
        "bins": [
            {"reviews": row["reviews"]} | {name: round(row[name], 5) for name in ("probability", "positive")}
            for row in bins
        ],
        "short_texts": of_short_texts,
        "unsure": unsure_band(probability[~short], labels[~short]),
    }


def _figures(probability: np.ndarray, labels: np.ndarray) -> tuple[list[dict[str, Any]], dict[str, float]]:
    bins = reliability_curve(labels, probability, BINS)
    return bins, {
        "expected_calibration_error": round(expected_calibration_error(bins), 5),
        "chance": round(_error_by_chance(probability), 5),
    }


def fit_mixture(parts: np.ndarray, labels: np.ndarray, lengths: np.ndarray, short: np.ndarray) -> np.ndarray:
    """Fit the mixture (4,) of mixture.py: the non-negative weights that minimise the log loss.

    The arguments are those of `calibration`. If no text is `short`, the weights are the same for all lengths.
    If the model has only one part, the weights of the other are 0.
    """
    parts = np.asarray(parts, dtype=np.float64)
    if not short.any():
        return np.tile(_beside_nothing(_fit_weights(parts, labels)), 2)
    share = shortness(lengths)[:, None]
    weights = _fit_weights(np.concatenate([parts * (1 - share), parts * share], axis=1), labels)
    return np.concatenate([_beside_nothing(half) for half in np.split(weights, 2)])


def _beside_nothing(weights: np.ndarray) -> np.ndarray:
    """The weights (2,) of both parts; that of a missing part is 0."""
    return np.array([*weights, 0.0][:2])


def _fit_weights(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The weights that minimise the log loss; negative ones are set to 0 and the others refitted.

    A single weight stays above 0, so that calibration never erases a model's verdicts.
    """
    weights = np.zeros(features.shape[1])
    kept = np.arange(features.shape[1])
    while len(kept):
        found = _newton(features[:, kept], labels)
        if (found >= 0).all():
            weights[kept] = found
            break
        kept = kept[found > 0]
    return weights if len(weights) > 1 else np.maximum(weights, MIN_TEMPERED_WEIGHT)


def _newton(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Fit a logistic regression without a bias by Newton's method."""
    count, size = features.shape
    weights = np.zeros(size)
    for _ in range(STEPS if count else 0):
        chance = _sigmoid(features @ weights)
        gradient = features.T @ (chance - labels) / count + 2 * SHRINKAGE * weights
        curvature = (features.T * (chance * (1 - chance))) @ features / count
        step = np.linalg.solve(curvature + 2 * SHRINKAGE * np.eye(size), gradient)
        # On separable reviews, a full Newton step can overshoot far from the optimum.
        weights = weights - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    return weights


def cross_fitted(parts: np.ndarray, labels: np.ndarray, lengths: np.ndarray, short: np.ndarray) -> np.ndarray:
    """The probabilities (N,) of texts, each from weights that were fitted without it.

    The arguments are those of `calibration`.
    """
    parts, labels = np.asarray(parts, dtype=np.float64), np.asarray(labels)
    folds = np.zeros(len(labels), dtype=np.int64)
    for label in (0, 1):
        for kind in (False, True):
            of_label = np.flatnonzero((labels == label) & (short == kind))
            folds[of_label] = np.arange(len(of_label)) * FOLDS // max(len(of_label), 1)
    deep, wide = parts[:, 0], parts[:, 1] if parts.shape[1] > 1 else np.zeros(len(parts))
    probability = np.zeros(len(labels))
    for fold in range(FOLDS):
        out = folds == fold
        mixture = fit_mixture(parts[~out], labels[~out], lengths[~out], short[~out])
        probability[out] = _sigmoid(combine(deep[out], wide[out], mixture, lengths[out]))
    return probability


def unsure_band(probability: np.ndarray, labels: np.ndarray) -> list[float] | None:
    """The probabilities that count as unsure: [low, high], symmetric about 0.5, or None if none do."""
    if not len(labels):
        return None
    confidence = np.maximum(probability, 1 - probability)
    order = np.argsort(confidence, kind="stable")
    confidence = confidence[order]
    right = ((probability >= 0.5) == (labels > 0))[order]
    prior = PRIOR_REVIEWS / len(labels)
    accuracy = _isotonic((right + prior * confidence) / (1 + prior))
    unsure = int((accuracy < ACCURACY_WHEN_SURE).sum())
    if not unsure:
        return None
    last = float(confidence[unsure - 1])
    if unsure < len(confidence):
        edge = (last + float(confidence[unsure])) / 2
    else:  # no review was sure: above the last one, the probabilities are taken at their word
        edge = max(last, ACCURACY_WHEN_SURE)
    return [round(1 - edge, 4), round(edge, 4)]


def _isotonic(values: np.ndarray) -> np.ndarray:
    """The non-decreasing sequence nearest to `values` in least squares, by pooling adjacent violators."""
    means: list[float] = []
    sizes: list[int] = []
    for value in values.tolist():
        mean, size = value, 1
        while means and means[-1] >= mean:
            size_before = sizes.pop()
            mean = (means.pop() * size_before + mean * size) / (size_before + size)
            size += size_before
        means.append(mean)
        sizes.append(size)
    return np.repeat(means, sizes)


def _error_by_chance(probability: np.ndarray) -> float:
    """The expected calibration error of a perfectly calibrated model that gives these probabilities."""
    ordered, total = np.sort(probability), 0.0
    for rows in np.array_split(ordered, BINS):
        # The mean of a bin's labels is about normal, whose mean absolute deviation is sqrt(2 / pi) sd.
        total += float(np.sqrt(2 / np.pi * (rows * (1 - rows)).sum()))
    return total / max(len(probability), 1)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    result: np.ndarray = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
    return result
