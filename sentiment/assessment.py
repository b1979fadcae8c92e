"""How well probabilities fit labels: accuracy, confusion matrix, reliability of the probabilities."""

from collections.abc import Sequence

import numpy as np

BINS = 10


def assessment(labels: Sequence[int], probabilities: Sequence[float]) -> dict:
    """Figures that are JSON: `labels` are 0 (negative) or 1 (positive), `probabilities` those of positive.

    `confusion` has a row a truth and a column a verdict, negative first. `reliability` divides the reviews by
    their probability into ten bins of equal width, empty ones left out: how many there are, their mean
    probability, and the share that is positive indeed.
    """
    truth, given = np.asarray(labels, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    verdict = (given >= 0.5).astype(np.int64)
    confusion = np.zeros((2, 2), dtype=np.int64)
    np.add.at(confusion, (truth, verdict), 1)
    bins = np.minimum((given * BINS).astype(np.int64), BINS - 1)
    reliability = [
        {
            "reviews": int(inside.sum()),
            "mean_probability": round(float(given[inside].mean()), 5),
            "positive_share": round(float(truth[inside].mean()), 5),
        }
        for inside in (bins == number for number in range(BINS))
        if inside.any()
    ]
    return {
        "reviews": len(truth),
        "accuracy": round(float((truth == verdict).mean()), 5),
        "confusion": confusion.tolist(),
        "reliability": reliability,
    }
