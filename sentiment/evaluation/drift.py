"""Whether what people send is like the texts that a model was measured on, by counts alone.

The Lambda and the web server count what they answer (lambda/sentiment_api/measures.py). Here the same is
counted on held-out texts, apart by length: people type sentences, and a model is unsure of a short text more
often than of a page. So a window of what people sent is compared with what held-out texts of its lengths
would give. Each measure is a mean over texts: a share of them, or a mean of a share or a probability.

The band around the expected mean is what chance does to so many texts and to the held-out ones (Z standard
errors), and a tolerance: the difference that is worth no one's time. How long texts are differs between
people and reviews anyway, so lengths are compared with the window before.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

LENGTHS = {"Characters50": 50, "Characters150": 150, "Characters500": 500, "CharactersMore": None}
"""The longest text, in characters, that each count is of, as the Lambda counts them."""
MIN_TEXTS = 50
"""Fewer say nothing yet."""
Z = 3.0
"""Chance alone leaves the band less than once in 300 windows."""
PRIOR_TEXTS = 10
"""A length takes so many texts' worth from the mean of all: some lengths have hardly any held-out text."""
LENGTH_TOLERANCE = 0.1
ROUNDING = 1e-6

Counts = Mapping[str, float]


class Measure(NamedTuple):
    """A mean over texts: the name of the count that is its sum, what it is in words, and its tolerance."""

    name: str
    words: str
    tolerance: float


UNSURE = Measure("Unsure", "texts without a verdict", 0.1)
MEASURES = (
    UNSURE,
    Measure("NotEnglish", "texts in another language", 0.05),
    Measure("NoEvidence", "texts without an opinion", 0.1),
    Measure("Mixed", "texts that speak both ways", 0.1),
    Measure("UnknownShare", "words that the model does not know", 0.03),
    # Wide: people may well send more praise than blame, which held-out texts have in equal parts.
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
"""What the alarm in infra/template.yaml calls its metrics: an id begins with a small letter. Unsure texts are
the sum of three of them."""


class Finding(NamedTuple):
    """What a window shows in one measure: a mean or share, what was expected, and the band around that."""

    name: str
    words: str
    value: float
    expected: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        # A share of all is a sum of fractions by their number, which may miss 1 by a rounding.
        return self.low - ROUNDING <= self.value <= self.high + ROUNDING


def measured(characters: ArrayLike, values: Mapping[str, ArrayLike]) -> dict[str, Any]:
    """What windows are compared with, as JSON: the measures of N held-out texts, apart by length.

    `characters` (N,) are the lengths of the texts, `values` (N,) by measure what each contributes to its sum.
    Returns `texts`, how many there are of each length, and `measures`, the [mean, standard deviation] of
    each measure by length.
    """
    place = np.searchsorted([longest for longest in LENGTHS.values() if longest], np.asarray(characters))
    members = {name: place == number for number, name in enumerate(LENGTHS)}
    found = {}
    for measure in MEASURES:
        value = np.asarray(values[measure.name], dtype=np.float64)
        found[measure.name] = {name: _moments(value[rows], value) for name, rows in members.items()}
    return {"texts": {name: int(rows.sum()) for name, rows in members.items()}, "measures": found}


def _moments(value: np.ndarray, of_all: np.ndarray) -> list[float]:
    """The mean and the standard deviation of the texts of one length, drawn towards those of all."""
    weight = len(value) + PRIOR_TEXTS
    mean = (value.sum() + PRIOR_TEXTS * of_all.mean()) / weight
    variance = (((value - mean) ** 2).sum() + PRIOR_TEXTS * ((of_all - mean) ** 2).mean()) / weight
    return [round(float(mean), 6), round(math.sqrt(variance), 6)]


def texts(counts: Counts) -> int:
    """How many texts were counted."""
    return round(sum(counts.get(name, 0) for name in LENGTHS))


def added(counts: Sequence[Counts]) -> dict[str, float]:
    """The sum of counts; it lacks what none of them has."""
    names = dict.fromkeys(name for each in counts for name in each)
    return {name: sum(each.get(name, 0) for each in counts) for name in names}


def compare(counts: Counts, baseline: Mapping[str, Any]) -> list[Finding]:
    """The measures of a window beside held-out texts of its lengths.

    `baseline` is what `measured` returned. A measure that the model behind the window does not count is
    left out.
    """
    number = texts(counts)
    return [_finding(measure, counts, number, baseline) for measure in MEASURES if measure.name in counts]


def _finding(measure: Measure, counts: Counts, number: int, baseline: Mapping[str, Any]) -> Finding:
    total = variance = 0.0
    for name in LENGTHS:
        mean, deviation = baseline["measures"][measure.name][name]
        sent = counts.get(name, 0)
        total += sent * mean
        # Of the window's own texts, and of the held-out texts that the mean comes from.
        variance += sent * deviation**2 * (1 + sent / _weight(baseline, name))
    expected, half = total / number, Z * math.sqrt(variance) / number + measure.tolerance
    low, high = max(expected - half, 0.0), min(expected + half, 1.0)
    return Finding(measure.name, measure.words, counts[measure.name] / number, expected, low, high)


def compare_lengths(counts: Counts, before: Counts) -> list[Finding]:
    """The share of each length beside that in the window before; both have MIN_TEXTS texts at least."""
    now, then = texts(counts), texts(before)
    found = []
    for name in LENGTHS:
        value, expected = counts.get(name, 0) / now, before.get(name, 0) / then
        pooled = (counts.get(name, 0) + before.get(name, 0)) / (now + then)
        half = Z * math.sqrt(pooled * (1 - pooled) * (1 / now + 1 / then)) + LENGTH_TOLERANCE
        low, high = max(expected - half, 0.0), min(expected + half, 1.0)
        found.append(Finding(name, f"texts of {in_words(name)}", value, expected, low, high))
    return found


def in_words(length: str) -> str:
    """What texts a count of lengths is of."""
    names = list(LENGTHS)
    place = names.index(length)
    shortest = 1 if not place else (LENGTHS[names[place - 1]] or 0) + 1
    longest = LENGTHS[length]
    return f"{shortest} to {longest} characters" if longest else f"{shortest} characters and more"


def alarm_formula(baseline: Mapping[str, Any]) -> str:
    """How many measures of a day lie outside their band, in CloudWatch's metric math, without a space.

    It is `compare` once more, times the number of texts. Its ids are ALARM_IDS, and n, the number of texts.
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
