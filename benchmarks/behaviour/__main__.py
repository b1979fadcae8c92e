"""Score one model folder on a part of the behavioural suite: `python -m benchmarks.behaviour FOLDER`.

This is for work on a model: the default part is "tuning", and --failures shows the failed cases. `make bench`
measures the part "reported", and writes the table of the model card.
"""

import sentiment.interrupts  # noqa: F401

import argparse
import sys
from pathlib import Path

from benchmarks import table
from benchmarks.behaviour import PARTS, cases
from benchmarks.behaviour.measuring import answered, failed, failure_rate, of_recipe, rows
from sentiment.training.command_line import Parser, exit_status


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit status; errors are one line on standard error."""
    parser = Parser(
        prog="python -m benchmarks.behaviour",
        description=__doc__.split("\n")[0],
        epilog=__doc__.split("\n\n", 1)[1],
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a trained model's folder")
    parser.add_argument("--part", choices=PARTS, default="tuning", help="default: tuning")
    parser.add_argument(
        "--failures", metavar="CAPABILITY", help="show the failed cases of this one, or of all"
    )
    options = parser.parse_args(arguments)
    return exit_status(lambda: run(options))


def run(options: argparse.Namespace) -> None:
    """Score the model, and print the table. Raises SentimentError."""
    answerer = of_recipe(options.folder)
    chosen = cases(options.part)
    head = ["capability", "test", "cases", "failed"]
    lines = [
        [row["title"], row["test"], f"{row['cases']:,}", failure_rate(row["models"]["model"])]
        for row in rows(chosen, {"model": answerer})
    ]
    print("\n".join(table.aligned([head, *lines])))
    if not options.failures:
        return
    answers = answered(chosen, answerer)
    for case in chosen:
        of_case = [answers[text] for text in case.texts]
        if options.failures in ("all", case.capability) and failed(case, of_case):
            verdicts = " => ".join(
                f"{text} ({answer.probability:.3f}{', unsure' if answer.unsure else ''})"
                for text, answer in zip(case.texts, of_case, strict=True)
            )
            print(f"{case.capability}, {case.expectation}: {verdicts}")


if __name__ == "__main__":
    sys.exit(main())
