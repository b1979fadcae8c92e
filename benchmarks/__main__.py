"""Compare the models with reference models: `python -m benchmarks [NAME ...]`.

Without names, everything is measured (an hour on two cores), the table is printed, and the table, the
plots and the figures of the model card are written to docs/. With names, only these rows are measured and
cached. Cached results are measured again only if their inputs have changed, or with --again. The experiments
inference, preprocessing, training, faithfulness, behaviour and apostrophes are measured anew each time;
official, which trains all models once more, only if it is named. They write their figures to docs/ as well.
"""

import sentiment.interrupts  # noqa: F401

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import card, charts, experiments, goals, machine, official, report, table
from benchmarks.corpus import Corpus, write_corpus
from benchmarks.errors import BenchError
from benchmarks.measure import Bench, choose, contestants
from benchmarks.references import REFERENCES
from benchmarks.results import Results
from project.choices import Choices
from project.console import say, shown, step
from project.paths import BUILD, PROJECT
from sentiment.files import atomic_write
from sentiment.training.command_line import Parser, exit_status

DOCS = PROJECT / "docs"
DOCUMENTS = (DOCS / "model.md", DOCS / "attempts.md", PROJECT / "README.md")
CHOICES = Path(__file__).with_name("choices.json")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit status; errors are one line on standard error."""
    options = _parser().parse_args(arguments)
    return exit_status(lambda: run(options), BenchError)


def run(options: argparse.Namespace) -> None:
    """Measure what the options name, and write the results. Raises BenchError."""
    taking_part = contestants()
    if options.list:
        for name, contestant in taking_part.items():
            print(f"{name:<15} {contestant.title}")
        for name, experiment in experiments.EXPERIMENTS.items():
            print(f"{name:<15} (an experiment) {experiment.title}")
        return
    if options.render:
        render(card.figures(DOCS), DOCS)
        for name, result in card.figures(DOCS)["experiments"].items():
            experiments.write(name, result, DOCS)
        return
    known = [*taking_part, *experiments.EXPERIMENTS]
    unknown = [name for name in options.names if name not in known]
    if unknown:
        raise BenchError(f"there is no {', '.join(unknown)}; choose from {', '.join(known)}")
    folder = options.build / "bench" / ("quick" if options.quick else "full")
    choices = Choices(data=options.data, data_path=options.data_path, build=options.build)
    step("Reviews")
    corpus = write_corpus(choices.reviews(), options.quick, folder)
    for split, counts in corpus.reviews.counts().items():
        say(f"{split}: {', '.join(f'{count:,} {label}' for label, count in counts.items())}")
    if options.choose:
        choose_settings(options.names or list(REFERENCES), corpus)
        return

    bench = Bench(
        corpus,
        Results(folder / "results", machine.describe(), options.again),
        folder,
        options.quick,
        say,
        official.folder(options.aclimdb),
    )
    target = folder / "report" if options.quick else DOCS
    rows = []
    for name in taking_part:
        if not options.names or name in options.names:
            step(taking_part[name].title)
            rows.append(bench.row(taking_part[name], options.seeds))
    if options.names and rows:
        print("\n" + table.as_text(table.with_ratios(rows)))
        say("a table of these rows alone; without names, everything is measured and written")
    for name, experiment in experiments.EXPERIMENTS.items():
        if name in options.names or not (options.names or experiment.only_named):
            step(experiment.title)
            measured = experiments.measured(name, bench)
            written = experiments.write(name, measured, target)
            print("\n" + experiments.document(name, measured))
            say(f"wrote: {', '.join(shown(target / each) for each in written)}")
    if not options.names:
        step("Calibration, slices and mistakes")
        result = report.assemble(bench, rows, options.data)
        render(result, target)
        print("\n" + (target / "benchmarks.txt").read_text(encoding="utf-8"))
        print(goals.as_text(card.figures(target)))
    elif target == DOCS:
        fill_documents()


def fill_documents() -> None:
    """Update the figures in the documents from the JSON files in docs/ and benchmarks/."""
    figures = card.figures(DOCS)
    for document in DOCUMENTS:
        text = card.filled(document.read_text(encoding="utf-8"), figures)
        with atomic_write(document) as temporary:
            temporary.write_text(text, encoding="utf-8")


def render(result: dict[str, Any], target: Path) -> None:
    """Write the table, the plots and, for docs/, the figures in the model card, from measured results."""
    target.mkdir(parents=True, exist_ok=True)
    result = {name: value for name, value in result.items() if name != "experiments"}
    files = {"benchmarks.json": json.dumps(result, indent=1) + "\n", "benchmarks.txt": table.document(result)}
    for name, content in files.items():
        with atomic_write(target / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    pictures = charts.draw(result, target)
    if target == DOCS:
        fill_documents()
    say(f"wrote: {', '.join(shown(target / name) for name in [*files, *pictures])}")


def choose_settings(names: list[str], corpus: Corpus) -> None:
    """Score the grids of the references on validation and keep the scores."""
    scores = json.loads(CHOICES.read_text(encoding="utf-8")) if CHOICES.is_file() else {}
    for name in names:
        if name in REFERENCES and REFERENCES[name].grid:
            step(REFERENCES[name].title)
            scores[name] = choose(REFERENCES[name], corpus, say)
            with atomic_write(CHOICES) as temporary:
                temporary.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m benchmarks",
        description=__doc__.split("\n")[0],
        epilog=__doc__.split("\n\n", 1)[1],
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows to measure (see --list); default: all")
    parser.add_argument("--quick", action="store_true", help="few reviews, one epoch: not to be quoted")
    parser.add_argument("--again", action="store_true", help="measure again what was measured before")
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="train newer recipes with N seeds",
    )
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--render", action="store_true", help="remake docs/ from its benchmarks.json")
    parser.add_argument("--choose", action="store_true", help="score the references' settings on validation")
    parser.add_argument("--data", default="sample", help="source of the reviews: sample, aclimdb or kaggle")
    parser.add_argument("--data-path", type=Path, help="its archive, folder or file")
    parser.add_argument(
        "--aclimdb",
        type=Path,
        help="an unpacked aclImdb, for `official` and the ratings and movies of the reviews "
        "(default: build/data/aclImdb)",
    )
    parser.add_argument("--build", type=Path, default=BUILD, help="folder for results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
