"""Does a probability mean what it says? Reliability, expected calibration error, unsure answers."""

from collections.abc import Sequence

import numpy as np

from benchmarks.measure import accuracy_of

BINS = 10


def reliability(probabilities: np.ndarray, labels: np.ndarray) -> list[dict]:
    """For each tenth of the scale that holds reviews: their number, mean probability, share of positive."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return [
        {
            "from": number / BINS,
            "reviews": int((bins == number).sum()),
            "mean_probability": float(probabilities[bins == number].mean()),
            "share_positive": float((labels[bins == number] == 1).mean()),
        }
        for number in range(BINS)
        if (bins == number).any()
    ]


def expected_error(rows: list[dict]) -> float:
    """The mean distance of probability and share, weighted by reviews (Naeini et al., AAAI 2015)."""
    reviews = sum(row["reviews"] for row in rows)
    return (
        sum(row["reviews"] * abs(row["mean_probability"] - row["share_positive"]) for row in rows) / reviews
    )


def unsure(probabilities: np.ndarray, labels: np.ndarray, band: Sequence[float] | None) -> dict | None:
    """Share and accuracy of the answers inside the band, and accuracy of the others; None without a band."""
    if band is None:
        return None
    inside = (probabilities >= band[0]) & (probabilities <= band[1])
    parts = {"unsure": inside, "sure": ~inside}
    return {"band": list(band), "share": float(inside.mean())} | {
        name: accuracy_of(probabilities[rows], labels[rows]) if rows.any() else None
        for name, rows in parts.items()
    }


def calibration(probabilities: np.ndarray, labels: np.ndarray, band: Sequence[float] | None) -> dict:
    """All of it for one split."""
    rows = reliability(probabilities, labels)
    return {
        "reviews": len(labels),
        "reliability": rows,
        "expected_calibration_error": expected_error(rows),
        "unsure": unsure(probabilities, labels, band),
    }
