"""Train an LSTMClassifier on prepared channels, with early stopping and checkpoints that resume exactly.

The randomness of a step depends only on the seed and the step's number, so a run that was stopped and resumed
takes the same steps as an uninterrupted one. The same seed gives the same model on the same machine with the
same number of threads; with another number, floating point sums are computed in another order.

Under torchrun (distributed.py), all processes take the same steps, each with its part of the batch.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sentiment.data.channels import COUNTERFACTUAL, NEUTRAL, REVIEW, SNIPPET, TAUGHT, VOTE, Channel
from sentiment.errors import ChannelError, TrainingError
from sentiment.evaluation.calibration import calibration, fit_mixture
from sentiment.model.layout import embedding_rows
from sentiment.model.lstm import LSTMClassifier
from sentiment.model.mixture import combine
from sentiment.training.batches import Batches, InMemoryBatches, Shards, StreamedBatches
from sentiment.training.checkpoint import read_checkpoint, write_checkpoint
from sentiment.training.distributed import ProcessGroup
from sentiment.training.glove import DIMENSIONS, glove_vectors
from sentiment.training.ngram_fit import fit_ngrams
from sentiment.training.objective import offsets_of
from sentiment.training.opinion_fit import fit_opinion
from sentiment.training.optimisation import EMBEDDING_SCALE, scaled_initialisation
from sentiment.training.recipes import Recipe
from sentiment.training.steps import Stepper
from sentiment.training.word_vectors import ppmi_vectors

SECONDS_BETWEEN_LINES = 10.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """How to run a training: everything but the recipe and the data.

    `checkpoints` is the folder of its checkpoint, None for no checkpoints.
    """

    seed: int = 0
    device: str = "cpu"
    bfloat16: bool = False
    checkpoints: Path | None = None


@dataclass
class RunProgress:
    """The progress of a run, as stored in its checkpoint: position, results so far, and seconds spent.

    `batch`, `loss`, `seen` and `seconds` are those of the current epoch.
    """

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    seen: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Trained:
    """The best model of a run and its metrics; `finished` is False if the run was stopped."""

    model: LSTMClassifier
    metrics: dict[str, Any]
    finished: bool


class Trainer:
    """A training run on channels of marked word ids (negation.py).

    `should_stop` is called after each step. `say` prints a line of progress. `note_epochs` is called after
    each epoch with the metrics of all epochs so far.

    Each process of a `group` makes a Trainer with the same data; only the first prints and writes. If the
    corpus is in `shards`, each process has its own, and `train` is a sample, which the first process fits the
    n-grams and the word vectors to. `word_dict` maps words to ids; only those in it can start from GloVe's
    vectors.

    Raises ChannelError for data that the recipe cannot be trained on.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: Channel,
        validation: Channel,
        run: Run,
        say: Say = print,
        should_stop: Callable[[], bool] = lambda: False,
        note_epochs: Callable[[list[dict[str, Any]]], None] = lambda history: None,
        group: ProcessGroup | None = None,
        shards: Shards | None = None,
        word_dict: Mapping[str, int] = MappingProxyType({}),
    ):
        self.group = group or ProcessGroup()
        self.recipe, self.run, self.should_stop = recipe, run, should_stop
        self.note_epochs = note_epochs
        self.say = say if self.group.is_first else lambda line: None
        self.text_weights = {
            REVIEW: 1.0,
            SNIPPET: recipe.snippets,
            COUNTERFACTUAL: recipe.counterfactuals,
            VOTE: recipe.votes,
            NEUTRAL: recipe.snippets,
        } | dict.fromkeys(TAUGHT, recipe.taught)
        self.train_channel, self.validation_channel = self._wanted(train), self._wanted(validation)
        self.shards, self.word_dict = shards, word_dict
        self.device = torch.device(run.device)
        torch.manual_seed(run.seed)
        self.model = LSTMClassifier(recipe.architecture(), recipe.dropouts())
        if recipe.initialisation == "scaled":
            scaled_initialisation(self.model)
        self.model.to(self.device)
        # What is added to the LSTM's logits in the loss (objective.py).
        self.offsets = torch.zeros(0 if shards else len(self.train_channel))
        self.batches = self._batches(shards)
        if not self.batches.texts:
            raise ChannelError("no review of the train channel holds a word; prepare the data again")
        steps = recipe.epochs * self.batches.count
        self.stepper = Stepper(self.model, recipe, steps, run.seed, run.bfloat16, self.group)
        self.progress = RunProgress()
        self.best_state: dict[str, Tensor] = _copy_of(self.model)

    def fit(self) -> Trained:
        """Train until the last epoch, early stopping, or a request to stop; resume from a checkpoint if any.

        Raises TrainingError if the loss is not finite, CheckpointError for a checkpoint that does not fit,
        and LostProcessError if another process of the group has ended.
        """
        if not self._resume():
            if self.group.is_first:
                self._fit_ngrams()
                self._fit_opinion()
                self._make_word_vectors()
            self.model.load_state_dict(self.group.broadcast(lambda: _copy_of(self.model)))
            self.offsets.copy_(self.group.broadcast(lambda: self.offsets))
        finished = True
        while finished and self.progress.epoch < self.recipe.epochs and not self._is_out_of_patience():
            finished = self._run_epoch()
            if finished:
                logits = self._fit_mixture(self._validation_parts())
                self._end_epoch(logits)
            else:
                self._stop()
        measured = None
        if self.progress.history:
            self.model.load_state_dict(self.best_state)
            measured = calibration(
                self._validation_parts(),
                self.validation_channel.labels,
                self.validation_channel.lengths,
                self.validation_channel.kinds != REVIEW,
            )
        return Trained(self.model.eval(), self._metrics(measured), finished)

    def _wanted(self, channel: Channel) -> Channel:
        """The texts of a channel that the recipe learns from: those of kinds with a weight above 0."""
        wanted = np.array([self.text_weights[kind] > 0 for kind in channel.kinds.tolist()], dtype=bool)
        return channel if wanted.all() else channel.take(np.flatnonzero(wanted))

    def _batches(self, shards: Shards | None) -> Batches:
        a, size, seed = self.model.architecture, self.recipe.batch_size, self.run.seed
        if shards is None:
            offsets = self.offsets.numpy()
            return InMemoryBatches(self.train_channel, a, size, seed, self.group, offsets)
        wanted = [kind for kind, weight in self.text_weights.items() if weight > 0]
        return StreamedBatches(shards.files, shards.read, wanted, a, size, seed, self.group)

    def _fit_ngrams(self) -> None:
        """Fit the n-grams of the wide part, if the recipe has one, and set the offsets (objective.py)."""
        if self.model.ngrams is None:
            return
        started, recipe = time.monotonic(), self.recipe
        out_of_fold = fit_ngrams(
            self.model.ngrams,
            self.train_channel,
            np.array([self.text_weights[kind] for kind in self.train_channel.kinds.tolist()]),
            recipe.ngram_min_reviews,
            recipe.ngram_c,
            recipe.ngram_fragments,
            self.run.seed,
            0 if self.shards else recipe.ngram_folds,
        )
        if not self.shards:
            self.offsets.copy_(torch.from_numpy(offsets_of(out_of_fold, self.train_channel.lengths)))
        self.say(f"fitted {len(self.model.ngrams.keys):,} n-grams in {time.monotonic() - started:.1f} s")

    def _fit_opinion(self) -> None:
        """Fit the words that tell opinions from other short texts, if the train channel has both."""
        if self.model.ngrams is None:
            return
        weights = fit_opinion(self.train_channel, self.model.architecture.vocab_size)
        if weights is not None:
            self.model.opinion.copy_(torch.from_numpy(weights))

    def _make_word_vectors(self) -> None:
        """Initialise the embeddings from co-occurrence counts and from GloVe, if the recipe says so."""
        if self.recipe.word_vectors == "random":
            return
        started, a = time.monotonic(), self.model.architecture
        # Generated sentences are not English as people write it, and taught ones are in the reviews.
        left_out = np.isin(self.train_channel.kinds, (COUNTERFACTUAL, *TAUGHT))
        written = self.train_channel.take(np.flatnonzero(~left_out))
        rows = written.map(lambda ids: embedding_rows(ids, a))
        general = min(a.embedding_dim // 2, DIMENSIONS) if self.recipe.word_vectors == "glove" else 0
        vectors = ppmi_vectors(rows, a.embeddings, a.embedding_dim - general, self.run.seed)
        if general:
            vectors = torch.cat([vectors, glove_vectors(self.word_dict, a, general)], dim=1)
        with torch.no_grad():
            self.model.embedding.weight.copy_(vectors * EMBEDDING_SCALE)
        self.say(f"made {a.vocab_size:,} word vectors in {time.monotonic() - started:.1f} s")

    def _is_out_of_patience(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        return self.progress.best_epoch > 0 and waited >= self.recipe.patience

    def _run_epoch(self) -> bool:
        """Train on the remaining batches of the current epoch; return False if a request to stop came."""
        started = last_line = time.monotonic()
        seen_before, seconds_before = self.progress.seen, self.progress.seconds
        self.model.train()
        # Without reshuffling, all epochs have the order of the first.
        order = self.progress.epoch if self.recipe.reshuffle else 0
        for batch in self.batches.of_epoch(order, self.progress.batch):
            step = self.progress.epoch * self.batches.count + self.progress.batch
            self.progress.loss += self._finite(self.stepper.step(step, batch)) * batch.size
            self.progress.batch += 1
            self.progress.seen += batch.size
            now = time.monotonic()
            self.progress.seconds = seconds_before + now - started
            if self.group.any(self.should_stop()):
                return False
            if now - last_line >= SECONDS_BETWEEN_LINES:
                last_line = now
                rate = (self.progress.seen - seen_before) / (now - started)
                self.say(
                    f"epoch {self.progress.epoch + 1}: {self.progress.seen:,} of {self.batches.texts:,} "
                    f"reviews, {rate:,.0f} reviews/s, {self._seconds_left(rate):.0f} s left"
                )
        return True

    def _seconds_left(self, rate: float) -> float:
        epochs = self.recipe.epochs - self.progress.epoch
        return (epochs * self.batches.texts - self.progress.seen) / max(rate, 1e-9)

    def _finite(self, loss: float) -> float:
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss} in epoch {self.progress.epoch + 1}; lower --learning-rate"
            )
        return loss

    def _validation_parts(self) -> np.ndarray:
        """The logits of the model's parts on the N validation texts: (N, 1), or (N, 2) with a wide part."""
        channel = self.validation_channel
        own = self.group.shard(range(len(channel)))
        deep, wide = self.model.part_logits([channel.review(row) for row in own])
        parts = [deep] if self.model.ngrams is None else [deep, wide]
        gathered = [self.group.gather(part, len(channel)) for part in parts]
        return torch.stack(gathered, dim=1).cpu().numpy()

    def _fit_mixture(self, parts: np.ndarray) -> np.ndarray:
        """Fit the mixture of the model's parts (mixture.py); return the combined logits (N,)."""
        channel = self.validation_channel
        mixture = fit_mixture(parts, channel.labels, channel.lengths, channel.kinds != REVIEW)
        self.model.mixture.copy_(torch.from_numpy(mixture))
        deep, wide = parts[:, 0], parts[:, 1] if parts.shape[1] > 1 else np.zeros(len(parts))
        return combine(deep, wide, mixture, channel.lengths)

    def _end_epoch(self, logits: np.ndarray) -> None:
        """Record the metrics of an epoch, keep its model if it is the best so far, and write a checkpoint.

        If there are short texts, models are chosen by the mean of the figures on reviews and on short texts.
        """
        progress, short = self.progress, self.validation_channel.kinds != REVIEW
        labels = self.validation_channel.labels
        accuracy, loss = _accuracy_and_loss(logits[~short], labels[~short])
        chosen_by = (accuracy, loss)
        progress.epoch += 1
        entry = {
            "epoch": progress.epoch,
            "train_loss": round(progress.loss / max(progress.seen, 1), 5),
            "validation_loss": round(loss, 5),
            "validation_accuracy": round(accuracy, 5),
        }
        of_short_texts = ""
        if short.any():
            short_accuracy, short_loss = _accuracy_and_loss(logits[short], labels[short])
            chosen_by = ((accuracy + short_accuracy) / 2, (loss + short_loss) / 2)
            entry["short_text_accuracy"] = round(short_accuracy, 5)
            of_short_texts = f" short_text_accuracy={short_accuracy:.4f}"
        rate = progress.seen / max(progress.seconds, 1e-9)
        left = (self.recipe.epochs - progress.epoch) * self.batches.texts / max(rate, 1e-9)
        self.say(
            f"epoch={progress.epoch}/{self.recipe.epochs} train_loss={entry['train_loss']:.4f} "
            f"validation_loss={loss:.4f} validation_accuracy={accuracy:.4f}{of_short_texts} "
            f"reviews_per_second={rate:.0f} seconds={progress.seconds:.1f} seconds_left={left:.0f}"
        )
        progress.history.append(entry)
        now, before = (chosen_by[0], -chosen_by[1]), (progress.best_accuracy, -progress.best_loss)
        if (now > before) if self.recipe.best_by == "accuracy" else (now[::-1] > before[::-1]):
            progress.best_epoch = progress.epoch
            progress.best_accuracy, progress.best_loss = chosen_by
            self.best_state = _copy_of(self.model)
        progress.batch, progress.seen, progress.loss, progress.seconds = 0, 0, 0.0, 0.0
        if self._is_out_of_patience():
            self.say(
                f"validation {self.recipe.best_by} has not improved for {self.recipe.patience} epochs: "
                "stopping early"
            )
        self._save()
        self.note_epochs(progress.history)

    def _stop(self) -> None:
        """Write a checkpoint in the middle of an epoch, and say how to resume."""
        self._save()
        resume = "; the same command resumes from its checkpoint" if self.run.checkpoints else ""
        self.say(f"stopped in epoch {self.progress.epoch + 1}{resume}")

    def _metrics(self, measured: dict[str, Any] | None) -> dict[str, Any]:
        """The content of metrics.json: the figures of the best epoch and of all, and the calibration."""
        progress = self.progress
        best = next((entry for entry in progress.history if entry["epoch"] == progress.best_epoch), {})
        # Shards contain no votes.
        votes = int((self.train_channel.kinds == VOTE).sum())
        metrics = {
            "best_epoch": progress.best_epoch,
            "validation_accuracy": best.get("validation_accuracy"),
            "validation_loss": best.get("validation_loss"),
            "validation_reviews": int((self.validation_channel.kinds == REVIEW).sum()),
            "train_reviews": self.batches.reviews,
            "train_short_texts": self.batches.short_texts - votes,
            "train_votes": votes,
            "epochs": progress.history,
        }
        return metrics if measured is None else metrics | {"calibration": measured}

    def _save(self) -> None:
        if self.run.checkpoints is None or not self.group.is_first:
            return
        tensors = {
            "model": self.model.state_dict(),
            "best": self.best_state,
            "offsets": self.offsets,
            "steps": self.stepper.state(),
        }
        write_checkpoint(self.run.checkpoints, self._identity(), asdict(self.progress), tensors)

    def _resume(self) -> bool:
        """Restore the run's checkpoint; return False if there is none."""
        if self.run.checkpoints is None:
            return False
        folder = self.run.checkpoints
        checkpoint = self.group.broadcast(
            lambda: read_checkpoint(folder, self._identity(), torch.device("cpu"))
        )
        if checkpoint is None:
            return False
        self.progress = RunProgress(**checkpoint["progress"])
        self.model.load_state_dict(checkpoint["model"])
        self.stepper.load(checkpoint["steps"])
        self.best_state = checkpoint["best"]
        self.offsets.copy_(checkpoint["offsets"])
        self.say(
            f"resuming after epoch {self.progress.epoch}, batch {self.progress.batch} of {self.batches.count}"
        )
        return True

    def _identity(self) -> dict[str, Any]:
        """What must be the same to resume from a checkpoint."""
        return {
            "recipe": asdict(self.recipe),
            "seed": self.run.seed,
            "processes": self.group.size,
            "train_reviews": self.batches.reviews + self.batches.short_texts,
            "train_words": 0 if self.shards else len(self.train_channel.tokens),
        }


def _accuracy_and_loss(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    accuracy = float(((logits >= 0) == (labels > 0)).mean())
    return accuracy, float(np.logaddexp(0, np.where(labels > 0, -logits, logits)).mean())


def _copy_of(model: LSTMClassifier) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
