"""Generate the figures in the model card, docs/attempts.md and the README: blocks between markers, from JSON.

A block begins with a line `<!-- figures: NAME -->` and ends with `<!-- end of figures -->`.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import attempts, experiments, goals, table
from benchmarks.errors import BenchError

CHOICES = Path(__file__).with_name("choices.json")
SHOWN_SENTENCES = 10
"""At most so many of the short sentences with a wrong verdict are shown."""
_BLOCK = re.compile(r"(<!-- figures: ([\w-]+) -->\n)(.*?)(<!-- end of figures -->)", re.DOTALL)


def figures(folder: Path) -> dict[str, Any]:
    """The content of benchmarks.json, and under `experiments` the figures of those that were measured."""

    def read(name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return content

    measured = {name: read(name) for name in experiments.EXPERIMENTS if (folder / f"{name}.json").is_file()}
    return read("benchmarks") | {"experiments": measured}


def filled(document: str, result: dict[str, Any]) -> str:
    """Update every block of a document. Raises BenchError for a block with an unknown name."""

    def block(match: re.Match[str]) -> str:
        if match[2] not in BLOCKS:
            raise BenchError(
                f"the model card has an unknown block {match[2]!r}; the known ones are {', '.join(BLOCKS)}"
            )
        return f"{match[1]}\n{BLOCKS[match[2]](result).strip()}\n\n{match[4]}"

    return _BLOCK.sub(block, document)


def _row(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in result["rows"] if row["name"] == name)


def _share(accuracy: dict[str, Any]) -> str:
    low, high = accuracy["interval"]
    return f"{accuracy['accuracy']:.1%} ({low:.1%} to {high:.1%})"


def _summary(result: dict[str, Any]) -> str:
    subject, classical = _row(result, result["subject"]), _row(result, result["best_classical"])
    test, pair = subject["accuracy"]["test"], result["paired"]
    low, high = pair["interval"]
    verdict = (
        "which the interval of the difference leaves above chance"
        if low > 0
        else "a difference that is not statistically significant on so few reviews"
    )
    model = subject["accuracy"]["model"]
    lines = [
        f"The recipe {subject['title']} (version `{model['model']}`, seed 0) classifies "
        f"**{test['accuracy']:.2%}** of {test['reviews']:,} test reviews correctly "
        f"(95 % interval {test['interval'][0]:.2%} to "
        f"{test['interval'][1]:.2%}). The best classical model, {classical['title']}, classifies "
        f"{classical['accuracy']['test']['accuracy']:.2%} of the same reviews correctly: "
        f"{abs(pair['difference']) * 100:.2f} points {'less' if pair['difference'] >= 0 else 'more'} "
        f"(95 % interval of the paired difference {low * 100:+.2f} to {high * 100:+.2f} points), {verdict}.",
        f"{table.caption(result)}",
    ]
    if result["quick"]:
        lines.insert(0, f"**{table.QUICK_NOTE}**")
    return "\n\n".join(lines)


def _data(result: dict[str, Any]) -> str:
    counts = result["data"]["counts"]
    return table.markdown(
        ("split", "positive", "negative"),
        [(split, f"{of.get('positive', 0):,}", f"{of.get('negative', 0):,}") for split, of in counts.items()],
    )


def _leakage(result: dict[str, Any]) -> str:
    overlap = result["data"]["overlap"]
    if overlap is None:
        return "Not measured in this run: it needs the official layout (`--aclimdb`), which names the movies."
    lines = [
        (title, f"{overlap[key]['validation']:.1%}", f"{overlap[key]['test']:.1%}")
        for title, key in (
            ("this split, in blocks of the file", "this"),
            ("a random split of the same sizes", "random"),
        )
    ]
    return (
        "Share of held-out reviews whose movie also has a review in training "
        f"({overlap['matched']:,} reviews "
        "matched with the official layout by their text):\n\n"
        + table.markdown(("split", "validation", "test"), lines)
    )


def _results(result: dict[str, Any]) -> str:
    return table.markdown(table.COLUMNS, [table.cells(row) for row in result["rows"]])


def _measured(result: dict[str, Any]) -> str:
    return table.caption(result)


def _ratios(result: dict[str, Any]) -> str:
    head = table.ratio_columns(result["rows"])
    return table.markdown(head, [table.ratio_cells(row) for row in result["rows"]])


def _references(result: dict[str, Any]) -> str:
    choices = json.loads(CHOICES.read_text(encoding="utf-8"))
    lines = []
    for row in result["rows"]:
        if row["kind"] != "reference":
            continue
        tried = choices.get(row["name"], [])
        settings = ", ".join(f"{name} {_plain(value)}" for name, value in row["settings"].items())
        line = f"- **{row['title']}**: {row['source']}. Settings: {settings}."
        if tried:
            scores = ", ".join(
                f"{' '.join(f'{name} {_plain(value)}' for name, value in each['settings'].items())}: "
                f"{each['validation_accuracy']:.2%}"
                for each in tried
            )
            line += f" Tried on validation: {scores}."
        lines.append(line)
    return "\n".join(lines)


def _seeds(result: dict[str, Any]) -> str:
    rows = [row for row in result["rows"] if len(row.get("seeds", [])) > 1]
    if not rows:
        return "This run trained every recipe with seed 0 only; `python -m benchmarks --seeds 3` trains more."
    lines = []
    for row in rows:
        for split in row["seeds"][0]:
            values = [seed[split]["accuracy"] for seed in row["seeds"]]
            mean = sum(values) / len(values)
            deviation = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
            each = ", ".join(f"{value:.2%}" for value in values)
            lines.append((f"{row['title']}, {split}", f"{mean:.2%}", f"{deviation:.2%}", each))
    return table.markdown(("recipe and split", "mean", "standard deviation", "seeds in order"), lines)


def _calibration(result: dict[str, Any]) -> str:
    measured = result["calibration"]
    lines = []
    for split, of in measured.items():
        unsure = of["unsure"]
        cells = [split, f"{of['expected_calibration_error']:.2%}"]
        if unsure:
            cells += [
                f"{unsure['share']:.1%}",
                _share(unsure["unsure"]) if unsure["unsure"] else "-",
                _share(unsure["sure"]) if unsure["sure"] else "-",
            ]
        lines.append(cells)
    head = ["split", "expected calibration error"]
    band = measured["test"]["unsure"]
    if band:
        low, high = band["band"]
        before = f"An answer counts as unsure where its probability is from {low:.2f} to {high:.2f}."
        head += ["unsure answers", "right among them", "right among the others"]
    else:
        before = "This model has no unsure band."
    return "\n\n".join([before, table.markdown(head, lines), *_calibration_of_short_texts(result)])


def _calibration_of_short_texts(result: dict[str, Any]) -> list[str]:
    """A sentence about them, if the model was calibrated on some."""
    model = _row(result, result["subject"])["accuracy"]["model"]
    short = model.get("calibration", {}).get("short_texts")
    if short is None:
        return []
    error, chance = short["expected_calibration_error"], short["chance"]
    return [
        f"On the {short['texts']:,} short texts of validation, {short['accuracy']:.1%} of which get the "
        f"right verdict, the error is {error:.2%}; it would be {chance:.2%} by chance alone."
    ]


def _slices(result: dict[str, Any]) -> str:
    titles = [_row(result, name)["title"] for name in result["compared"]]
    lines = [
        (
            f"{row['group']}: {row['name']}",
            f"{row['reviews']:,}",
            *(_share(row["accuracy"][name]) for name in result["compared"]),
        )
        for row in result["slices"]
    ]
    return table.markdown(("slice", "texts", *titles), lines)


def _sentences(result: dict[str, Any]) -> str:
    wrong = [row for row in result["sentences"] if (row["probability"] >= 0.5) != (row["label"] == 1)]
    if not wrong:
        return f"All {len(result['sentences'])} short sentences are classified correctly."
    step = -(-len(wrong) // SHOWN_SENTENCES)
    lines = [
        f"- “{_escaped(row['sentence'])}” is {_meant(row['label'])}; the model says {row['probability']:.2f}."
        for row in wrong[::step]
    ]
    counted = f"Wrong on {len(wrong)} of {len(result['sentences'])} short sentences"
    return f"{counted}{', for example' if step > 1 else ''}:\n\n" + "\n".join(lines)


def _mistakes(result: dict[str, Any]) -> str:
    lines = [
        f"- {_meant(row['label']).capitalize()}, {row['words']:,} words, "
        f"the model says {row['probability']:.3f}: “{_escaped(row['quote'])}”"
        for row in result["mistakes"]
    ]
    return "\n".join(lines) or "None on these test reviews."


def _experiment(name: str) -> Callable[[dict[str, Any]], str]:
    def block(result: dict[str, Any]) -> str:
        if name not in result["experiments"]:
            return f"Not measured yet: `python -m benchmarks {name}`."
        return experiments.markdown(name, result["experiments"][name])

    return block


def _plain(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _meant(label: int) -> str:
    return "positive" if label else "negative"


def _escaped(text: str) -> str:
    """Escape what Markdown would interpret."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", text)


BLOCKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "summary": _summary,
    "data": _data,
    "leakage": _leakage,
    "results": _results,
    "measured": _measured,
    "ratios": _ratios,
    "references": _references,
    "attempts": lambda _: attempts.markdown(attempts.load()),
    "attempts-in-full": lambda _: attempts.in_full(attempts.load()),
    "seeds": _seeds,
    "goals": goals.markdown,
    "calibration": _calibration,
    "slices": _slices,
    "sentences": _sentences,
    "mistakes": _mistakes,
    **{name: _experiment(name) for name in experiments.EXPERIMENTS},
}
