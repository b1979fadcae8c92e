"""Train from reviews instead of prepared channels; `mlflow run` and the self-hosted system run this.

    python train/from_reviews.py --data sample --model-dir build/trained --epochs 2

The reviews are prepared first, in the project's common cache (build/prepared). All other options are those of
train/train.py.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

import sentiment.interrupts  # noqa: E402, F401

from sentiment.data.prepared import prepare, texts_beside  # noqa: E402
from sentiment.data.sources import load_reviews  # noqa: E402
from sentiment.files import require_writable  # noqa: E402
from sentiment.training.command_line import Parser, exit_status  # noqa: E402
from sentiment.training.recipes import DEFAULT_RECIPE  # noqa: E402

BUILD = HERE.parent / "build"


def main(arguments: list[str] | None = None) -> int:
    """Prepare and train. Returns the exit status; errors are one line on standard error."""
    parser = Parser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--data", default="sample", help="source of the reviews: sample, aclimdb or kaggle")
    parser.add_argument("--data-path", default="", help="path of its archive, folder or CSV file")
    parser.add_argument("--recipe", default=DEFAULT_RECIPE)
    parser.add_argument("--prepared", type=Path, default=BUILD / "prepared", help="cache of prepared reviews")
    parser.add_argument("--voted", type=Path, help="cleaned votes to learn from (sentiment/data/votes.py)")
    options, others = parser.parse_known_args(arguments)
    path = options.data_path or (BUILD / "data" / "aclImdb" if options.data == "aclimdb" else None)
    from train import train  # imports torch, which --help does not need

    wanted = train.parse(["--recipe", options.recipe, *others])
    channels: list[str] = []

    def prepare_channels() -> None:
        train.check_places(wanted)
        require_writable(options.prepared)
        chosen = train.chosen_recipe(wanted)
        reviews = load_reviews(options.data, path)
        beside = texts_beside(chosen.short_texts, reviews.rows, options.voted)
        data = prepare(reviews, chosen.tokenizer, options.prepared, beside=beside)
        channels.extend(["--train", str(data.train), "--validation", str(data.validation)])
        if reviews.has("test"):
            channels.extend(["--test", str(data.test)])

    if status := exit_status(prepare_channels):
        return status
    return train.main(["--recipe", options.recipe, *channels, *others])


if __name__ == "__main__":
    sys.exit(main())
