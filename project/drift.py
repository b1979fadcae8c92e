"""Compare what people send with what a model was measured on, on AWS and self-hosted.

Both count the same things (lambda/sentiment_api/measures.py) and provide the counts by the hour.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from project.choices import Choices, ProjectError
from project.console import say, shown
from sentiment.data import snippets
from sentiment.data.channels import read_raw_reviews
from sentiment.evaluation import drift, drift_page
from sentiment.evaluation.drift import Finding
from sentiment.evaluation.drift_page import Step, Window
from sentiment.files import atomic_write, write_json
from sentiment.serving.predictor import Predictor

HOUR = timedelta(hours=1)
# Two windows of this length cover the time for which CloudWatch keeps hourly values: 455 days.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
MAX_HOURS = 455 * 24 // 2
UNITS = {"h": 1, "d": 24}
# The report divides a window into at most this many parts.
STEPS = 12
# At most this many of the held-out reviews are used, evenly spaced: about as many as there are sentences.
MAX_REVIEWS = 1500

# The file name of a model's baseline. The number is increased when the measures change.
BASELINE = "drift-baseline-1.json"

Hours = Mapping[datetime, drift.Counts]
"""The counts of each hour, by the beginning of the hour."""


class Drifted(ProjectError):
    """Some measures lie outside their bands; the message says which."""


class Period(NamedTuple):
    """A window of whole hours, from `start` to `end`, and the previous window, from `before` to `start`.

    The window includes the current hour.
    """

    before: datetime
    start: datetime
    end: datetime

    @property
    def hours(self) -> int:
        """The length of the window."""
        return round((self.end - self.start) / HOUR)

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def period(window: str, now: datetime | None = None) -> Period:
    """Parse a window such as 24h or 7d, which ends now. Raises ProjectError."""
    named = re.fullmatch(r"(\d{1,5})([hd])", window)
    hours = int(named[1]) * UNITS[named[2]] if named else 0
    if not 1 <= hours <= MAX_HOURS:
        raise ProjectError(f"WINDOW={window}: hours or days, such as 24h or 7d; {MAX_HOURS // 24}d at most")
    end = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0) + HOUR
    return Period(end - 2 * hours * HOUR, end - hours * HOUR, end)


def baseline(
    version: str,
    opened: Callable[[], AbstractContextManager[Predictor]],
    choices: Choices,
    reviews_are_here: bool = True,
) -> dict[str, Any]:
    """The baseline of a model: its measures of held-out texts, with its version and the number of texts.

    The texts are the sentences of validation and test, and test reviews, unless the source has none or the
    reviews are not on this machine. The baseline is kept below build/ by version; only if it is missing, the
    model is `opened`. The keys are `model`, `sentences`, `reviews` and those of
    sentiment.evaluation.drift.measured.
    """
    file = choices.build / "drift" / version / BASELINE
    if not file.exists():
        found = snippets.load()
        sentences = [*found.select("validation").texts, *found.select("test").texts]
        reviews = _test_reviews(choices) if reviews_are_here else []
        with opened() as model:
            measured = _measured(model, [*sentences, *reviews])
        say(f"measured on {len(sentences):,} held-out sentences and {len(reviews):,} held-out reviews")
        with atomic_write(file) as temporary:
            write_json(
                temporary, {"model": version, "sentences": len(sentences), "reviews": len(reviews)} | measured
            )
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _test_reviews(choices: Choices) -> list[str]:
    prepared = choices.prepared_before()
    if prepared is not None and prepared.test.is_dir():
        texts = read_raw_reviews(prepared.test)[0]
    else:
        reviews = choices.reviews()
        texts = list(reviews.select("test").texts) if reviews.has("test") else []
    return texts[:: math.ceil(len(texts) / MAX_REVIEWS) or 1]


def _measured(model: Predictor, texts: Sequence[str]) -> dict[str, Any]:
    """Measure texts as sentiment_api.measures counts them."""
    predictions = model.predict(texts)
    reasons = [prediction.reason for prediction in predictions]
    values: dict[str, Sequence[float]] = {
        "Unsure": [prediction.unsure for prediction in predictions],
        "NotEnglish": [reason == "not_english" for reason in reasons],
        "NoEvidence": [reason == "no_evidence" for reason in reasons],
        "Mixed": [reason == "mixed" for reason in reasons],
        "UnknownShare": [each.unknown_words / max(each.word_count, 1) for each in predictions],
        "Probability": [prediction.probability for prediction in predictions],
    }
    return drift.measured([len(text) for text in texts], values)


def report(heading: str, chosen: Period, hours: Hours, baseline: dict[str, Any], folder: Path) -> None:
    """Compare a window with the baseline, print the result, and write drift.json and drift.html to `folder`.

    Raises Drifted if a measure lies outside its band.
    """
    counts = _between(hours, chosen.start, chosen.end)
    before = _between(hours, chosen.before, chosen.start)
    number, notes = drift.texts(counts), []
    findings: list[Finding] = []
    if number >= drift.MIN_TEXTS:
        findings = drift.compare(counts, baseline)
        if "UnknownShare" not in counts:
            notes.append("This model does not list the words that it knows; train a newer one.")
        if drift.texts(before) >= drift.MIN_TEXTS:
            findings += drift.compare_lengths(counts, before)
        else:
            notes.append("The window before has too few texts to compare their lengths with.")
    window = Window(
        heading, str(chosen), counts, before, baseline, findings, _steps(chosen, hours, baseline), notes
    )
    _write(window, folder)
    _report(window, number, folder)
    outside = [finding for finding in findings if not finding.inside]
    if outside:
        said = (
            f"{each.words} {each.value:.1%} (expected {each.low:.1%} to {each.high:.1%})" for each in outside
        )
        raise Drifted(f"outside the band: {'; '.join(said)}")


def _between(hours: Hours, start: datetime, end: datetime) -> dict[str, float]:
    """The sum of the counts of these hours, except those of earlier code, which did not count lengths."""
    inside = (counts for hour, counts in sorted(hours.items()) if start <= hour < end)
    return drift.added([counts for counts in inside if drift.texts(counts)])


def _steps(chosen: Period, hours: Hours, baseline: dict[str, Any]) -> list[Step]:
    """Divide the window into at most STEPS parts of whole hours."""
    size = math.ceil(chosen.hours / STEPS)
    form = "%m-%d %H:%M" if chosen.hours > STEPS else "%H:%M"
    steps = []
    for first in range(0, chosen.hours, size):
        start = chosen.start + first * HOUR
        counts = _between(hours, start, min(start + size * HOUR, chosen.end))
        number = drift.texts(counts)
        findings = drift.compare(counts, baseline) if number else []
        steps.append(Step(f"{start:{form}}", number, findings))
    return steps


def _write(window: Window, folder: Path) -> None:
    content = {
        "period": window.period,
        "counts": window.counts,
        "before": window.before,
        "baseline": window.baseline,
        "findings": [found._asdict() | {"inside": found.inside} for found in window.findings],
        "notes": window.notes,
    }
    with atomic_write(folder / "drift.json") as temporary:
        write_json(temporary, content)
    with atomic_write(folder / "drift.html") as temporary:
        temporary.write_text(drift_page.page(window), encoding="utf-8")


def _report(window: Window, number: int, folder: Path) -> None:
    say(f"{window.period}: {number:,} texts")
    for line in _lines(window.findings):
        say(line)
    for note in window.notes:
        say(note)
    if not window.findings:
        say(f"no verdict: at least {drift.MIN_TEXTS} texts are needed")
    elif all(finding.inside for finding in window.findings):
        say("everything lies within its band")
    say(f"wrote: {shown(folder / 'drift.html')}")


def _lines(findings: Iterable[Finding]) -> list[str]:
    return [
        f"{'inside ' if each.inside else 'OUTSIDE'} {each.words}: {each.value:.1%}, expected "
        f"{each.expected:.1%} ({each.low:.1%} to {each.high:.1%})"
        for each in findings
    ]
