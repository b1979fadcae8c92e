"""Train an LSTMClassifier on prepared channels: epochs, early stopping, checkpoints that resume exactly.

Every step draws its randomness from the seed and the step's number alone, so a run that was stopped and
resumed goes through the same steps as one that was not. The same seed gives the same model on one machine
with one number of threads; another number of threads adds floating point numbers in another order.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sentiment.calibration import calibration, fit_sum
from sentiment.channels import Channel
from sentiment.checkpoint import read_checkpoint, write_checkpoint
from sentiment.errors import ChannelError, TrainingError
from sentiment.model import LSTMClassifier, collate, crop
from sentiment.ngram_fit import fit_ngrams
from sentiment.optimisation import (
    EMBEDDING_SCALE,
    learning_rate_factor,
    make_optimizer,
    scaled_initialisation,
)
from sentiment.recipes import Recipe
from sentiment.word_vectors import ppmi_vectors

SECONDS_BETWEEN_LINES = 10.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """Where and how a training run takes place; the recipe says what is trained."""

    seed: int = 0
    device: str = "cpu"
    bfloat16: bool = False
    checkpoints: Path | None = None


@dataclass
class Progress:
    """What a checkpoint holds besides tensors: the place in the run, and how well it went so far."""

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    seen: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    history: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class Trained:
    """The best model of a run and its validation figures; `finished` is False where it was told to stop."""

    model: LSTMClassifier
    metrics: dict
    finished: bool


class Trainer:
    """One training run. `should_stop` is asked after every step; `say` gets the lines that people read;
    `note_epochs` gets the metrics of all epochs so far when one has ended.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: Channel,
        validation: Channel,
        run: Run,
        say: Say = print,
        should_stop: Callable[[], bool] = lambda: False,
        note_epochs: Callable[[list[dict]], None] = lambda history: None,
    ):
        self.recipe, self.run, self.say, self.should_stop = recipe, run, say, should_stop
        self.note_epochs = note_epochs
        self.train_channel, self.validation_channel = train, validation
        self.device = torch.device(run.device)
        torch.manual_seed(run.seed)
        self.model = LSTMClassifier(recipe.architecture(), recipe.dropouts())
        if recipe.initialisation == "scaled":
            scaled_initialisation(self.model)
        self.model.to(self.device)
        self.rows = np.flatnonzero(train.lengths > 0)
        if not len(self.rows):
            raise ChannelError("no review of the train channel holds a word; prepare the data again")
        self.reviews = [crop(train.review(row), self.model.architecture) for row in range(len(train))]
        self.labels = torch.from_numpy(train.labels.astype(np.float32))
        self.batches = -(-len(self.rows) // recipe.batch_size)
        self.optimizer = make_optimizer(self.model, recipe)
        self.progress = Progress()
        self.best_state: dict[str, Tensor] = _copy_of(self.model)

    def fit(self) -> Trained:
        """Train to the end, to early stopping, or until told to stop; resume where a checkpoint says so."""
        if not self._resume():
            self._initialise()
        finished = True
        while self.progress.epoch < self.recipe.epochs and not self._is_out_of_patience():
            if not self._run_epoch():
                finished = False
                self._save()
                resume = "; the same command resumes from its checkpoint" if self.run.checkpoints else ""
                self.say(f"stopped in epoch {self.progress.epoch + 1}{resume}")
                break
            self._end_of_epoch()
        if self.progress.history:
            self.model.load_state_dict(self.best_state)
        best = next(
            (entry for entry in self.progress.history if entry["epoch"] == self.progress.best_epoch), {}
        )
        metrics = {
            "best_epoch": self.progress.best_epoch,
            "validation_accuracy": best.get("validation_accuracy"),
            "validation_loss": best.get("validation_loss"),
            "validation_reviews": len(self.validation_channel),
            "train_reviews": len(self.train_channel),
            "epochs": self.progress.history,
        }
        if self.progress.history:
            metrics["calibration"] = self._calibration()
        return Trained(self.model.eval(), metrics, finished)

    def _initialise(self) -> None:
        """What is computed of the training reviews before the first step: n-gram weights and word vectors."""
        if self.model.ngrams is not None:
            started = time.monotonic()
            fit_ngrams(
                self.model.ngrams, self.train_channel, self.recipe.ngram_min_reviews, self.recipe.ngram_c
            )
            self.say(f"fitted {len(self.model.ngrams.keys):,} n-grams in {time.monotonic() - started:.1f} s")
        if self.recipe.word_vectors == "ppmi":
            started = time.monotonic()
            a = self.model.architecture
            vectors = ppmi_vectors(self.train_channel, a.vocab_size, a.embedding_dim, self.run.seed)
            with torch.no_grad():
                self.model.embedding.weight.copy_(vectors * EMBEDDING_SCALE)
            self.say(f"made {a.vocab_size:,} word vectors in {time.monotonic() - started:.1f} s")

    def _is_out_of_patience(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        return self.progress.best_epoch > 0 and waited >= self.recipe.patience

    def _order(self) -> np.ndarray:
        """The rows of an epoch in their order: shuffled once, or anew each epoch if the recipe says so."""
        epoch = self.progress.epoch if self.recipe.reshuffle else 0
        return np.random.default_rng([self.run.seed, epoch]).permutation(self.rows)

    def _run_epoch(self) -> bool:
        """All remaining batches of the current epoch; False where it was told to stop before the last."""
        order = self._order()
        started = last_line = time.monotonic()
        seen_before, seconds_before = self.progress.seen, self.progress.seconds
        self.model.train()
        while self.progress.batch < self.batches:
            start = self.progress.batch * self.recipe.batch_size
            rows = order[start : start + self.recipe.batch_size]
            self.progress.loss += self._step(rows) * len(rows)
            self.progress.batch += 1
            self.progress.seen += len(rows)
            now = time.monotonic()
            self.progress.seconds = seconds_before + now - started
            if self.should_stop():
                return False
            if now - last_line >= SECONDS_BETWEEN_LINES:
                last_line = now
                rate = (self.progress.seen - seen_before) / (now - started)
                self.say(
                    f"epoch {self.progress.epoch + 1}: {self.progress.seen:,} of {len(order):,} reviews, "
                    f"{rate:,.0f} reviews/s, {self._seconds_left(rate):.0f} s left"
                )
        return True

    def _seconds_left(self, rate: float) -> float:
        epochs = self.recipe.epochs - self.progress.epoch
        return (epochs * len(self.rows) - self.progress.seen) / max(rate, 1e-9)

    def _step(self, rows: np.ndarray) -> float:
        step = self.progress.epoch * self.batches + self.progress.batch
        torch.manual_seed(self.run.seed * 1_000_003 + step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * learning_rate_factor(
                step, self.recipe.epochs * self.batches, self.recipe.schedule, self.recipe.warm_up
            )
        batch = collate([self.reviews[row] for row in rows], self.model.architecture).to(self.device)
        labels = self.labels[torch.from_numpy(rows)].to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.run.bfloat16):
            logits = self.model(batch)
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss became {value} in epoch {self.progress.epoch + 1}; lower --learning-rate"
            )
        return value

    def _end_of_epoch(self) -> None:
        progress = self.progress
        accuracy, loss = self._validate()
        progress.epoch += 1
        entry = {
            "epoch": progress.epoch,
            "train_loss": round(progress.loss / max(progress.seen, 1), 5),
            "validation_loss": round(loss, 5),
            "validation_accuracy": round(accuracy, 5),
        }
        rate = progress.seen / max(progress.seconds, 1e-9)
        left = (self.recipe.epochs - progress.epoch) * len(self.rows) / max(rate, 1e-9)
        self.say(
            f"epoch={progress.epoch}/{self.recipe.epochs} train_loss={entry['train_loss']:.4f} "
            f"validation_loss={loss:.4f} validation_accuracy={accuracy:.4f} "
            f"reviews_per_second={rate:.0f} seconds={progress.seconds:.1f} seconds_left={left:.0f}"
        )
        progress.history.append(entry)
        now, before = (accuracy, -loss), (progress.best_accuracy, -progress.best_loss)
        if (now > before) if self.recipe.best_by == "accuracy" else (now[::-1] > before[::-1]):
            progress.best_epoch, progress.best_accuracy, progress.best_loss = progress.epoch, accuracy, loss
            self.best_state = _copy_of(self.model)
        progress.batch, progress.seen, progress.loss, progress.seconds = 0, 0, 0.0, 0.0
        if self._is_out_of_patience():
            self.say(f"no better {self.recipe.best_by} for {self.recipe.patience} epochs: stopping early")
        self._save()
        self.note_epochs(progress.history)

    def _validate(self) -> tuple[float, float]:
        """Accuracy and mean log loss on validation, where the weights of the model's parts are fitted too."""
        channel = self.validation_channel
        reviews = [channel.review(row) for row in range(len(channel))]
        labels = torch.from_numpy(channel.labels.astype(np.float32)).to(self.device)
        deep, wide = self.model.part_logits(reviews)
        of_parts, bias = fit_sum(self._parts(deep, wide), channel.labels, self.model.ngrams is not None)
        of_deep, of_wide = [*of_parts, 0.0][:2]
        self.model.mixture.copy_(torch.tensor([of_deep, of_wide, bias]))
        logits = self.model.combine(reviews, deep, wide)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
        return float(((logits >= 0) == (labels > 0)).double().mean()), float(loss)

    def _parts(self, deep: Tensor, wide: Tensor) -> np.ndarray:
        """The logits of the parts that the model has (N, 1 or 2)."""
        parts = [deep] if self.model.ngrams is None else [deep, wide]
        return torch.stack(parts, dim=1).cpu().numpy()

    def _calibration(self) -> dict:
        channel = self.validation_channel
        deep, wide = self.model.part_logits([channel.review(row) for row in range(len(channel))])
        return calibration(self._parts(deep, wide), channel.labels, bias=self.model.ngrams is not None)

    def _save(self) -> None:
        if self.run.checkpoints is None:
            return
        tensors = {
            "model": self.model.state_dict(),
            "best": self.best_state,
            "optimizer": self.optimizer.state_dict(),
        }
        write_checkpoint(self.run.checkpoints, self._identity(), asdict(self.progress), tensors)

    def _resume(self) -> bool:
        """Continue from the run's checkpoint; False where there is none."""
        if self.run.checkpoints is None:
            return False
        checkpoint = read_checkpoint(self.run.checkpoints, self._identity(), self.device)
        if checkpoint is None:
            return False
        self.progress = Progress(**checkpoint["progress"])
        self.model.load_state_dict(checkpoint["model"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.best_state = checkpoint["best"]
        self.say(f"resuming after epoch {self.progress.epoch}, batch {self.progress.batch} of {self.batches}")
        return True

    def _identity(self) -> dict:
        """What must be the same for a checkpoint to be continued from."""
        return {
            "recipe": asdict(self.recipe),
            "seed": self.run.seed,
            "train_reviews": len(self.train_channel),
            "train_words": len(self.train_channel.tokens),
        }


def _copy_of(model: LSTMClassifier) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
