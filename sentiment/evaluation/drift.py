"""Detect drift: compare what people send with the texts that a model was measured on, by counts alone.

The Lambda and the web server count what they answer (lambda/sentiment_api/measures.py). Here the same is
counted on held-out texts, separately by length, because people type sentences, and a model is unsure of short
texts more often than of long ones. The texts that people sent in a window of time are compared with what
held-out texts of the same lengths would give. Each measure is a mean over texts: a share of texts, or the
mean of a share or a probability.

The band around the expected mean is Z standard errors wide to either side, for the window's texts and the
held-out ones together, plus a tolerance for differences too small to matter. The lengths of people's texts
differ from those of reviews in any case, so they are compared with the previous window.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

LENGTHS = {"Characters50": 50, "Characters150": 150, "Characters500": 500, "CharactersMore": None}
"""The counts of texts by length, each with the most characters that a text in it has, as in the Lambda."""
MIN_TEXTS = 50
"""Fewer texts give no verdict."""
Z = 3.0
"""By chance alone, fewer than one window in 300 falls outside its band."""
PRIOR_TEXTS = 10
"""The weight, in texts, of the overall mean in that of each length: some lengths have few held-out texts."""
LENGTH_TOLERANCE = 0.1
ROUNDING = 1e-6

Counts = Mapping[str, float]


class Measure(NamedTuple):
    """A mean over texts: the name of the count that is its sum, its description, and its tolerance."""

    name: str
    words: str
    tolerance: float


UNSURE = Measure("Unsure", "texts without a verdict", 0.1)
MEASURES = (
    UNSURE,
    Measure("NotEnglish", "texts in another language", 0.05),
    Measure("NoEvidence", "texts without an opinion", 0.1),
    Measure("Mixed", "texts with mixed opinions", 0.1),
    Measure("UnknownShare", "words that the model does not know", 0.03),
    # Wide: held-out texts praise and blame in equal parts, but people may well send more praise.
    Measure("Probability", "mean probability of positive", 0.25),
)
ALARM_IDS = {
    "Characters50": "a",
    "Characters150": "b",
    "Characters500": "c",
    "CharactersMore": "d",
    "NotEnglish": "foreign",
    "NoEvidence": "empty",
    "Mixed": "mixed",
    "UnknownShare": "unknown",
    "Probability": "positive",
}
"""The ids of the metrics in the alarm of infra/template.yaml; CloudWatch wants a lower-case first letter. The
unsure texts have none, being the sum of three others."""


class Finding(NamedTuple):
    """One measure of a window: its value, the expected value, and the band (`low`, `high`) around that."""

    name: str
    words: str
    value: float
    expected: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the value lies within the band."""
        # A share of 100 % is a sum of fractions, which may miss 1 by a rounding error.
        return self.low - ROUNDING <= self.value <= self.high + ROUNDING


def measured(characters: ArrayLike, values: Mapping[str, ArrayLike]) -> dict[str, Any]:
    """The baseline for windows, as JSON: the measures of N held-out texts, by length.

    `characters` (N,) are the lengths of the texts; `values` has, for each measure, the contribution (N,) of
    each text to its sum. Returns `texts`, the number of texts by length, and `measures`, the [mean, standard
    deviation] of each measure by length.
    """
    place = np.searchsorted([longest for longest in LENGTHS.values() if longest], np.asarray(characters))
    members = {name: place == number for number, name in enumerate(LENGTHS)}
    found = {}
    for measure in MEASURES:
        value = np.asarray(values[measure.name], dtype=np.float64)
        found[measure.name] = {name: _moments(value[rows], value) for name, rows in members.items()}
    return {"texts": {name: int(rows.sum()) for name, rows in members.items()}, "measures": found}


def _moments(value: np.ndarray, of_all: np.ndarray) -> list[float]:
    """The mean and the standard deviation of the texts of one length, shrunk towards those of all texts."""
    weight = len(value) + PRIOR_TEXTS
    mean = (value.sum() + PRIOR_TEXTS * of_all.mean()) / weight
    variance = (((value - mean) ** 2).sum() + PRIOR_TEXTS * ((of_all - mean) ** 2).mean()) / weight
    return [round(float(mean), 6), round(math.sqrt(variance), 6)]


def texts(counts: Counts) -> int:
    """The number of texts in some counts."""
    return round(sum(counts.get(name, 0) for name in LENGTHS))


def added(counts: Sequence[Counts]) -> dict[str, float]:
    """Add up several counts, name by name."""
    names = dict.fromkeys(name for each in counts for name in each)
    return {name: sum(each.get(name, 0) for each in counts) for name in names}


def compare(counts: Counts, baseline: Mapping[str, Any]) -> list[Finding]:
    """Compare the measures of a window with those expected of held-out texts of the same lengths.

    `baseline` is the result of `measured`. Measures that the window's model does not count are left out.
    """
    number = texts(counts)
    return [_finding(measure, counts, number, baseline) for measure in MEASURES if measure.name in counts]


def _finding(measure: Measure, counts: Counts, number: int, baseline: Mapping[str, Any]) -> Finding:
    total = variance = 0.0
    for name in LENGTHS:
        mean, deviation = baseline["measures"][measure.name][name]
        sent = counts.get(name, 0)
        total += sent * mean
        # The variance of the window's texts, and that of the held-out texts' mean.
        variance += sent * deviation**2 * (1 + sent / _weight(baseline, name))
    expected, half = total / number, Z * math.sqrt(variance) / number + measure.tolerance
    low, high = max(expected - half, 0.0), min(expected + half, 1.0)
    return Finding(measure.name, measure.words, counts[measure.name] / number, expected, low, high)


def compare_lengths(counts: Counts, before: Counts) -> list[Finding]:
    """Compare the share of each length with that in the previous window; neither may be empty."""
    now, then = texts(counts), texts(before)
    found = []
    for name in LENGTHS:
        value, expected = counts.get(name, 0) / now, before.get(name, 0) / then
        pooled = (counts.get(name, 0) + before.get(name, 0)) / (now + then)
        half = Z * math.sqrt(pooled * (1 - pooled) * (1 / now + 1 / then)) + LENGTH_TOLERANCE
        low, high = max(expected - half, 0.0), min(expected + half, 1.0)
        found.append(Finding(name, f"texts of {length_range(name)}", value, expected, low, high))
    return found


def length_range(length: str) -> str:
    """Describe a count of LENGTHS, such as "51 to 150 characters"."""
    names = list(LENGTHS)
    place = names.index(length)
    shortest = 1 if not place else (LENGTHS[names[place - 1]] or 0) + 1
    longest = LENGTHS[length]
    return f"{shortest} to {longest} characters" if longest else f"{shortest} characters and more"


def alarm_formula(baseline: Mapping[str, Any]) -> str:
    """`compare` as an expression in CloudWatch's metric math: how many measures lie outside their band.

    Both sides of each comparison are multiplied by the number of texts. The ids of the metrics are ALARM_IDS,
    and n for the number of texts. There are no spaces in the expression.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    outside = []
    for measure in MEASURES:
        if measure is UNSURE:
            continue
        means, variances = [], []
        for name in LENGTHS:
            mean, deviation = baseline["measures"][measure.name][name]
            sent, variance = ALARM_IDS[name], deviation**2
            means.append(f"{mean:.4f}*{sent}")
            variances.append(f"{sent}*({variance:.6f}+{variance / _weight(baseline, name):.8f}*{sent})")
        off = f"ABS({ALARM_IDS[measure.name]}-({'+'.join(means)}))"
        outside.append(f"({off}>{Z:g}*({'+'.join(variances)})^0.5+{measure.tolerance:g}*n)")
    return f"IF(n>{MIN_TEXTS - 1},{'+'.join(outside)},0)"


def _weight(baseline: Mapping[str, Any], length: str) -> int:
    return int(baseline["texts"][length]) + PRIOR_TEXTS
