"""Train a sentiment model: the entry point of SageMaker training jobs in script mode; also runs by itself.

    python train/train.py --train DATA/train --validation DATA/validation --model-dir build/model
    torchrun --nproc-per-node=2 train/train.py ...    # the same, each batch shared by two processes
    python train/train.py --help

In a training job, the folders come from SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION and SM_MODEL_DIR, and the
job's hyperparameters are arguments. The recipe determines those that are not given.

If MLFLOW_TRACKING_URI is set, train/tracking.py logs the run to MLflow during training. The record that it
logs is run.json in the model folder, so that it can also be logged afterwards.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# In a training job, the sentiment package is beside this file; in the project, it is one folder up.
sys.path[:0] = [str(folder) for folder in (HERE, HERE.parent) if (folder / "sentiment").is_dir()]

import sentiment.interrupts  # noqa: E402, F401

# OpenMP's threads wait for each other by spinning, and stall for whole time slices beside a busy process: on
# two cores, training then falls from some 500 reviews/s to 30. With brief spinning, it is 470 alone and 260
# beside a busy process; without any spinning (OMP_WAIT_POLICY=PASSIVE), it is 320 and 260.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import numpy as np  # noqa: E402
import torch  # noqa: E402

from sentiment.data.channels import (  # noqa: E402
    REVIEW,
    VOTE,
    Channel,
    read_channel,
    read_json,
    read_raw_reviews,
    read_word_dict,
)
from sentiment.data.shards import (  # noqa: E402
    SAMPLE_REVIEWS,
    VALIDATION_REVIEWS,
    read_first,
    read_shard,
    shard_files,
)
from sentiment.errors import ChannelError, LostProcessError, SentimentError  # noqa: E402
from sentiment.evaluation.metrics import evaluate  # noqa: E402
from sentiment.files import require_writable  # noqa: E402
from sentiment.serving.predictor import Predictor  # noqa: E402
from sentiment.text.negation import NegationMarker  # noqa: E402
from sentiment.text.tokenizers import tokenizer  # noqa: E402
from sentiment.training import self_training  # noqa: E402
from sentiment.training.batches import Shards  # noqa: E402
from sentiment.training.command_line import Parser, argument, exit_status, fail  # noqa: E402
from sentiment.training.distributed import process_group  # noqa: E402
from sentiment.training.export import require_model_folder, write_model  # noqa: E402
from sentiment.training.hyperparameters import DEVICES, FIELDS, PRECISIONS, seed, threads  # noqa: E402
from sentiment.training.precision import choose_bfloat16  # noqa: E402
from sentiment.training.recipes import CHOICES, DEFAULT_RECIPE, RECIPES, Recipe, recipe  # noqa: E402
from sentiment.training.trainer import Run, Trained, Trainer  # noqa: E402
from tracking.background import log_in_background  # noqa: E402
from tracking.run_record import FILE_NAME, begin_record, results_of  # noqa: E402

# When a process fails, torchrun and SageMaker end the others within a second or two.
SECONDS_TO_BE_ENDED = 15.0


def main(arguments: list[str] | None = None) -> int:
    """Train and write the model folder. Returns the exit status; errors are one line on standard error."""
    options = parse(arguments)
    return exit_status(lambda: run(options))


def run(options: argparse.Namespace) -> int:
    """Train and write the model folder. Returns the exit status where torch or another process ended it.

    Raises SentimentError and OSError.
    """
    try:
        train(options)
    except LostProcessError as error:
        status = fail(str(error))
        # The other process has printed the reason; let its host end the job before this one does.
        time.sleep(SECONDS_TO_BE_ENDED)
        return status
    except torch.OutOfMemoryError:
        return fail("out of memory on the GPU; lower --batch-size")
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or "can't allocate memory" in str(error)):
            raise
        return fail("out of memory; lower --batch-size, --hidden-dim or --vocab-size")
    return 0


def train(options: argparse.Namespace) -> None:
    """Train as the options say. Raises SentimentError, or OSError if something cannot be written."""
    chosen = chosen_recipe(options)
    for name in ("train", "validation"):
        if getattr(options, name) is None:
            raise ChannelError(
                f"the {name} channel is missing: give --{name} FOLDER, or SM_CHANNEL_{name.upper()}"
            )
    check_places(options)
    training = None if shard_files(options.train) else read_channel(options.train, "train")
    held_out = shard_files(options.validation)
    validation = None if held_out else read_channel(options.validation, "validation")
    unlabelled = None if options.unlabelled is None else read_channel(options.unlabelled, "unlabelled")
    self_training.require_unlabelled(chosen, unlabelled, in_shards=training is None)
    test = read_raw_reviews(options.test) if options.test else None
    vocabulary, tokenize = options.vocabulary or options.train, tokenizer(chosen.tokenizer)
    word_dict = read_word_dict(vocabulary)
    preprocessing = read_json(vocabulary, "preprocessing.json")
    prepared_with = preprocessing.get("tokenizer"), preprocessing.get("tokenizer_version")
    if prepared_with != (tokenize.name, tokenize.version):
        raise ChannelError(
            f"the recipe {chosen.name} needs the tokenizer {tokenize.name} {tokenize.version}, but the data "
            f"in {options.train} was prepared with {prepared_with[0]} {prepared_with[1]}: prepare it again"
        )
    marked = NegationMarker(word_dict, chosen.vocab_size, chosen.negation_scope, tokenize.negation)

    def read(file: Path) -> Channel:
        return read_shard(file, word_dict, tokenize.folds_repeats).map(marked)

    training = None if training is None else training.map(marked)
    validation = (
        read_first(held_out, read, VALIDATION_REVIEWS) if validation is None else validation.map(marked)
    )
    unlabelled = None if unlabelled is None else unlabelled.map(marked)
    if options.threads:
        torch.set_num_threads(options.threads)
    bfloat16 = choose_bfloat16(options.precision, device(options.device))
    with process_group(device(options.device)) as group:
        folder = checkpoints(options.checkpoint_dir)
        run = Run(options.seed, str(group.device), bfloat16, folder)
        shards = None
        if training is None:
            shards = Shards(group.host_shard(shard_files(options.train)), read)
            # Only the first process uses the sample; the others read a single review.
            training = read_first(shards.files, read, SAMPLE_REVIEWS if group.is_first else 1)

        def fit(note_epochs: Callable[[list[dict[str, Any]]], None]) -> Trained:
            with stop_requests() as stop_requested:

                def trainer(recipe: Recipe, channel: Channel, run: Run, is_result: bool) -> Trainer:
                    note = note_epochs if is_result else lambda history: None
                    return Trainer(
                        *(recipe, channel, validation, run, say, stop_requested, note, group),
                        shards,
                        word_dict,
                    )

                return self_training.fit(trainer, chosen, training, unlabelled, run)

        if group.is_first:
            sample = "" if shards is None else f"shards, of which the first {len(shards.files)} have "
            say(
                f"recipe {chosen.name}: {sample}{counted(training)} to train on, "
                f"{counted(validation)} to validate, on {group.size} x {run.device} "
                f"in {'bfloat16' if run.bfloat16 else 'float32'} "
                f"with {torch.get_num_threads()} threads, seed {run.seed}"
            )
            follow_and_write(options, chosen, run, fit, validation, test, word_dict)
        else:
            fit(lambda history: None)


def check_places(options: argparse.Namespace) -> None:
    """Refuse at once what could not be written to in the end.

    Raises ChannelError, ArtifactError or OSError.
    """
    if options.model_dir is None:
        raise ChannelError("there is nowhere to write the model: give --model-dir FOLDER, or SM_MODEL_DIR")
    require_model_folder(Path(options.model_dir))
    if options.checkpoint_dir is not None:
        require_writable(Path(options.checkpoint_dir))


def follow_and_write(
    options: argparse.Namespace,
    chosen: Recipe,
    run: Run,
    fit: Callable[[Callable[[list[dict[str, Any]]], None]], Trained],
    validation: Channel,
    test: tuple[list[str], list[int]] | None,
    word_dict: dict[str, int],
) -> None:
    """Train by `fit`, keep the run's record, and write the model folder."""
    started = time.monotonic()
    parameters = {**asdict(chosen), "recipe": chosen.name, "max_epochs": chosen.epochs, **asdict(run)}
    parameters["threads"] = torch.get_num_threads()
    for name in ("name", "epochs", "checkpoints"):
        del parameters[name]
    record = begin_record(parameters, options.vocabulary or options.train, validation, run.checkpoints)
    with log_in_background(record, HERE / "tracking.py", Path(options.model_dir), run.checkpoints) as publish:

        def note_epochs(history: list[dict[str, Any]]) -> None:
            record.note_epochs(history)
            publish()

        trained = fit(note_epochs)
        if not trained.metrics["best_epoch"]:
            say("stopped before the first epoch ended: there is no model to write yet")
            record.end("KILLED")
            return
        write(options, chosen, run, trained, word_dict)
        say(
            f"wrote the model of epoch {trained.metrics['best_epoch']} "
            f"(validation_accuracy={trained.metrics['validation_accuracy']:.4f}) "
            f"to {options.model_dir} after {time.monotonic() - started:.0f} s"
        )
        record.note_epochs(trained.metrics["epochs"])
        record.results = results_of(trained.metrics)
        rows = np.flatnonzero(validation.kinds == REVIEW)
        logits = trained.model.logits([validation.review(row) for row in rows.tolist()])
        record.validation = evaluate(validation.labels[rows], 1 / (1 + np.exp(-logits)))
        if test is not None:
            predictions = Predictor.from_folder(options.model_dir).predict(test[0])
            record.test = evaluate(test[1], [prediction.probability for prediction in predictions])
            say(f"test_accuracy={record.test['accuracy']:.4f} on {record.test['reviews']:,} reviews")
        record.end("FINISHED" if trained.finished else "KILLED")
        record.try_write(Path(options.model_dir) / FILE_NAME)


def write(
    options: argparse.Namespace, chosen: Recipe, run: Run, trained: Trained, word_dict: dict[str, int]
) -> None:
    """Write the model folder."""
    # The model contains no times, so that the same training gives the same bytes, and so the same version.
    settings_used = {**asdict(chosen), "seed": run.seed}
    write_model(
        options.model_dir,
        trained.model,
        word_dict,
        chosen.tokenizer,
        trained.metrics,
        settings_used,
        serving_programs(),
    )


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether SIGTERM (a stopped job, a lost spot instance) or Ctrl-C came.

    A second signal of the same kind ends the process at once.
    """
    received: list[int] = []

    def remember(number: int, frame: object) -> None:
        received.append(number)
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def counted(channel: Channel) -> str:
    """Describe how many texts of each kind a channel holds."""
    reviews, votes = (int((channel.kinds == kind).sum()) for kind in (REVIEW, VOTE))
    short = len(channel) - reviews - votes
    others = [f"{count:,} {name}" for count, name in ((short, "short texts"), (votes, "votes")) if count]
    return " and ".join([f"{reviews:,} reviews", *others])


def say(line: str) -> None:
    """Print a line at once, so that it appears in the job's log."""
    print(line, flush=True)


def chosen_recipe(options: argparse.Namespace) -> Recipe:
    """The recipe with the hyperparameters that were given. Raises RecipeError if they make no model."""
    changes = {name: getattr(options, name) for name in FIELDS}
    return recipe(options.recipe, **{name: value for name, value in changes.items() if value is not None})


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; SageMaker's environment variables are the defaults."""
    parser = Parser(
        description=__doc__.split("\n")[0],
        epilog="The defaults of the settings are those of the recipe.",
        allow_abbrev=False,
    )
    environment = os.environ.get
    parser.add_argument("--train", metavar="FOLDER", default=environment("SM_CHANNEL_TRAIN"))
    parser.add_argument("--validation", metavar="FOLDER", default=environment("SM_CHANNEL_VALIDATION"))
    parser.add_argument(
        "--vocabulary",
        metavar="FOLDER",
        default=environment("SM_CHANNEL_VOCABULARY"),
        help="the vocabulary of reviews that were prepared in shards; default: the train channel's",
    )
    parser.add_argument(
        "--unlabelled",
        metavar="FOLDER",
        default=environment("SM_CHANNEL_UNLABELLED"),
        help="unlabelled reviews, for recipes that learn from them",
    )
    parser.add_argument(
        "--test",
        metavar="FOLDER",
        default=environment("SM_CHANNEL_TEST"),
        help="prepared raw test reviews, to measure the accuracy at the end",
    )
    parser.add_argument("--model-dir", metavar="FOLDER", default=environment("SM_MODEL_DIR"))
    parser.add_argument(
        "--checkpoint-dir",
        metavar="FOLDER",
        help="write a checkpoint there after each epoch, and resume from it",
    )
    parser.add_argument(
        "--recipe", default=DEFAULT_RECIPE, choices=sorted(RECIPES), help="default: %(default)s"
    )
    parser.add_argument("--seed", type=argument(seed), default=0)
    parser.add_argument("--device", default="auto", choices=DEVICES)
    parser.add_argument("--precision", default="auto", choices=PRECISIONS)
    parser.add_argument(
        "--threads", type=argument(threads), default=0, help="CPU threads; default: as many as torch chooses"
    )
    group = parser.add_argument_group("settings of the recipe")
    for name, read in FIELDS.items():
        group.add_argument(
            "--" + name.replace("_", "-"),
            type=argument(read),
            choices=CHOICES.get(name),
            metavar=None
            if name in CHOICES
            else type(getattr(RECIPES[DEFAULT_RECIPE], name)).__name__.upper(),
        )
    return parser.parse_args(arguments)


def device(wanted: str) -> str:
    """The device, "cpu" or "cuda", for an option. Raises SentimentError if there is no GPU for "cuda"."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SentimentError("--device cuda: torch finds no GPU here")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def checkpoints(folder: str | None) -> Path | None:
    """The folder that was given, or that of a SageMaker job with checkpoints, if any.

    SageMaker synchronises /opt/ml/checkpoints, beside the model's folder, with S3; it exists only for jobs
    with a CheckpointConfig. Outside of jobs, that folder is not used, since another run may have left it.
    """
    if folder is not None:
        return Path(folder)
    if "SM_MODEL_DIR" not in os.environ:
        return None
    beside_model = Path(os.environ["SM_MODEL_DIR"]).parent / "checkpoints"
    return beside_model if beside_model.is_dir() else None


def serving_programs() -> Path:
    """The folder serve/, whose programs are copied into the model folder. Raises SentimentError."""
    for folder in (HERE / "serve", HERE.parent / "serve"):
        if (folder / "inference.py").is_file():
            return folder
    raise SentimentError(
        f"serve/inference.py is neither beside {HERE} nor in it; give the job the serve folder too"
    )


if __name__ == "__main__":
    sys.exit(main())
