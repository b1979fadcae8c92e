"""Prepare reviews that do not fit into memory; a processing job runs this for `make prepare ON=sagemaker`.

    python train/prepare.py --reviews FOLDER --output FOLDER

The files in the folder have a review on each line (sentiment/data/streaming.py). In a processing job, each
instance prepares the files that it gets, with --shards-only: the vocabulary, which needs the words of all
instances, is made later.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# In a processing job, the sentiment package is beside this file; in the project, it is one folder up.
sys.path[:0] = [str(folder) for folder in (HERE, HERE.parent) if (folder / "sentiment").is_dir()]

import sentiment.interrupts  # noqa: E402, F401

from sentiment.data.shards import SHARD_REVIEWS  # noqa: E402
from sentiment.data.streaming import LINES, prepare_file, write_vocabulary  # noqa: E402
from sentiment.errors import DatasetError  # noqa: E402
from sentiment.files import require_writable  # noqa: E402
from sentiment.text.tokenizers import TOKENIZERS, tokenizer  # noqa: E402
from sentiment.training.command_line import Parser, argument, exit_status  # noqa: E402
from sentiment.training.hyperparameters import at_least_one  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Prepare the files. Returns the exit status; errors are one line on standard error."""
    parser = Parser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument(
        "--reviews", type=Path, required=True, metavar="FOLDER", help=f"its *{LINES} are read"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--tokenizer", default="words", choices=sorted(TOKENIZERS))
    parser.add_argument("--shard-reviews", type=argument(at_least_one), default=SHARD_REVIEWS, metavar="N")
    parser.add_argument("--shards-only", action="store_true", help="write no vocabulary")
    options = parser.parse_args(arguments)
    return exit_status(lambda: prepare(options))


def prepare(options: argparse.Namespace) -> None:
    """Prepare the files that the options name. Raises DatasetError or OSError."""
    require_writable(options.output)
    tokenize = tokenizer(options.tokenizer)
    files = sorted(options.reviews.glob(f"*{LINES}"))
    if not files and not options.shards_only:
        raise DatasetError(f"{options.reviews}: there is no file *{LINES}")
    for number, file in enumerate(files, start=1):
        counts = prepare_file(file, options.output, tokenize, options.shard_reviews)
        splits = ", ".join(f"{count:,} {split}" for split, count in counts.items())
        print(f"prepared {file.name} ({number} of {len(files)}): {splits}", flush=True)
    if not options.shards_only:
        counted = list((options.output / "words").glob("*.json"))
        written = write_vocabulary(counted, options.output / "vocabulary", tokenize)
        print(f"wrote the vocabulary of {written['words']:,} words", flush=True)


if __name__ == "__main__":
    sys.exit(main())
