"""train.py as SageMaker and as people run it: metrics, determinism, stopping, resuming, one-line errors."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from sentiment_fixtures import ROOT, options_of, prepared, tiny_recipe

from sentiment.data.channels import Channel, read_channel, read_word_dict, write_channel
from sentiment.serving.artifact import read_model
from sentiment.training import trainer
from sentiment.training.optimisation import learning_rate_factor
from sentiment.training.recipes import METRIC_DEFINITIONS, RECIPES
from sentiment.training.trainer import Run, Trainer
from tracking.commands import main as tracking
from train import from_reviews, prepare
from train import train as program


@pytest.fixture(scope="module")
def channels():
    data = prepared()
    return read_channel(data.train, "train"), read_channel(data.validation, "validation")


def arguments(model_dir, *more, **changes):
    data = prepared()
    places = ["--train", str(data.train), "--validation", str(data.validation), "--model-dir", str(model_dir)]
    return [*places, "--threads", "1", "--precision", "float32", *options_of(**changes), *more]


def test_the_words_of_the_vocabulary_start_from_glove(tmp_path, monkeypatch):
    glove_vectors, asked = trainer.glove_vectors, []

    def noted(word_dict, *shape):
        asked.append((dict(word_dict), glove_vectors(word_dict, *shape)))
        return asked[-1][1]

    monkeypatch.setattr(trainer, "glove_vectors", noted)
    assert program.main(arguments(tmp_path / "model", epochs=1)) == 0
    [(word_dict, vectors)] = asked
    assert word_dict == read_word_dict(prepared().train)
    known = vectors[word_dict["music"]]
    with np.load(tmp_path / "model" / "weights.npz") as weights:
        learned = torch.from_numpy(weights["embedding.weight"][word_dict["music"]]).float()
    assert torch.nn.functional.cosine_similarity(learned[len(learned) // 2 :], known, 0) > 0.8


def without_labels(folder):
    """The training reviews again, as a channel of unlabelled ones."""
    train = read_channel(prepared().train, "train")
    channel = Channel(train.tokens, train.offsets, np.full_like(train.labels, -1))
    write_channel(folder / "unlabelled", channel)
    return folder / "unlabelled"


def fit(channels, run=None, should_stop=lambda: False, say=lambda line: None, **changes):
    return Trainer(tiny_recipe(**changes), *channels, run or Run(), say, should_stop).fit()


def weights(trained):
    return {name: tensor.clone() for name, tensor in trained.model.state_dict().items()}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def stop_after(steps):
    calls = iter(range(10**9))
    return lambda: next(calls) + 1 >= steps


def test_it_learns_and_reports_in_the_form_the_metrics_catch(tmp_path, capsys):
    assert program.main(arguments(tmp_path / "model", epochs=3)) == 0
    output = capsys.readouterr().out
    found = {metric["Name"]: re.findall(metric["Regex"], output) for metric in METRIC_DEFINITIONS}
    assert found["epoch"] == ["1", "2", "3"]
    assert all(len(values) >= 3 and all(float(value) >= 0 for value in values) for values in found.values())
    assert "seconds_left=" in output
    loaded = read_model(tmp_path / "model")
    best = int(loaded.metrics["best_epoch"]) - 1
    assert float(found["validation:accuracy"][best]) == pytest.approx(
        loaded.metrics["validation_accuracy"], abs=1e-4
    )
    assert loaded.metrics["validation_accuracy"] > 0.85
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (
        config["recipe"]["name"] == "fast"
        and config["recipe"]["hidden_dim"] == 8
        and config["recipe"]["seed"] == 0
    )


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_same_seed_gives_the_same_model(tmp_path, recipe):
    data = prepared(RECIPES[recipe].tokenizer)
    needs_more = RECIPES[recipe].self_training > 0
    unlabelled = ["--unlabelled", str(without_labels(tmp_path))] if needs_more else []
    versions = []
    for seed, name in ((3, "a"), (3, "b"), (4, "c")):
        places = ["--train", str(data.train), "--validation", str(data.validation)]
        places += unlabelled
        options = [*places, *options_of(epochs=1), "--recipe", recipe, "--seed", str(seed), "--threads", "1"]
        assert program.main([*options, "--model-dir", str(tmp_path / name)]) == 0
        versions.append(read_model(tmp_path / name).version)
    assert versions[0] == versions[1] != versions[2]


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 7, 10, 13])
def test_a_stopped_run_resumes_to_the_same_model(channels, tmp_path, steps):
    """10 steps an epoch: stopped after the first, within, at the end of, and after an epoch."""
    whole = fit(channels, epochs=3)
    run = Run(checkpoints=tmp_path)
    stopped = fit(channels, run, stop_after(steps), epochs=3)
    assert not stopped.finished
    resumed = fit(channels, run, epochs=3)
    assert resumed.finished and same(weights(whole), weights(resumed))
    assert resumed.metrics == whole.metrics


def test_resuming_a_finished_run_trains_no_further(channels, tmp_path):
    lines = []
    run = Run(checkpoints=tmp_path)
    first = fit(channels, run)
    again = fit(channels, run, say=lines.append)
    assert same(weights(first), weights(again))
    assert len(lines) == 1 and "resuming after epoch 2" in lines[0]


@pytest.mark.parametrize("best_by", ["accuracy", "loss"])
def test_it_stops_early_and_keeps_the_best(channels, best_by):
    """Labels of validation the other way round: it gets worse the more is learned."""
    train, validation = channels
    answers = (1 - validation.labels).astype(np.int8)
    upside_down = type(validation)(validation.tokens, validation.offsets, answers)
    lines, steady = [], {"epochs": 20, "patience": 2, "schedule": "constant", "best_by": best_by}
    trained = fit((train, upside_down), say=lines.append, ngrams=0, **steady)
    values = [entry[f"validation_{best_by}"] for entry in trained.metrics["epochs"]]
    best = max(values) if best_by == "accuracy" else min(values)
    assert len(values) == trained.metrics["best_epoch"] + 2 < 20
    assert trained.metrics[f"validation_{best_by}"] == best
    assert any(f"validation {best_by} has not improved for 2 epochs" in line for line in lines)
    reviews = [upside_down.review(n) for n in range(len(upside_down))]
    accuracy = ((trained.model.logits(reviews) >= 0) == upside_down.labels).mean()
    assert accuracy == pytest.approx(trained.metrics["validation_accuracy"], abs=1e-4)


def test_the_learning_rate_rises_and_falls():
    factors = [learning_rate_factor(step, 100, "linear", 0.2) for step in range(100)]
    assert factors.index(max(factors)) == 20 and max(factors) == 1
    assert 0 < factors[0] < 0.1 and 0 < factors[-1] < 0.02
    assert {learning_rate_factor(step, 100, "constant", 0.2) for step in range(100)} == {1.0}


@pytest.mark.slow
def test_sagemakers_environment_is_enough(tmp_path):
    """The container's layout: train.py and the packages in one folder; all places by SM_ variables."""
    code = tmp_path / "code"
    for name in ("sentiment", "tracking", "serve"):
        shutil.copytree(ROOT / name, code / name)
    shutil.copy(ROOT / "train" / "train.py", code)
    data = prepared()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "SM_CHANNEL_TRAIN": str(data.train),
        "SM_CHANNEL_VALIDATION": str(data.validation),
        "SM_MODEL_DIR": str(tmp_path / "model"),
        "PYTHONPROFILEIMPORTTIME": "1",
    }
    (tmp_path / "checkpoints").mkdir()  # as for a job with a CheckpointConfig
    done = subprocess.run(
        [sys.executable, "train.py", *options_of(epochs=1), "--seed", "9"],
        cwd=code, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_model(tmp_path / "model").word_dict
    assert (tmp_path / "model" / "code" / "inference.py").is_file()
    assert (tmp_path / "checkpoints" / "checkpoint.pt").is_file()
    imported = set(re.findall(r"^import time:.*\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert "torch" in imported
    assert not {"torch._dynamo", "sympy"} & imported, "torch's compiler takes seconds to import"


@pytest.mark.slow
def test_sigterm_saves_and_leaves_cleanly(tmp_path):
    model_dir, checkpoints = tmp_path / "model", tmp_path / "checkpoints"
    command = [
        sys.executable,
        str(ROOT / "train/train.py"),
        *arguments(model_dir, epochs=2000, patience=2000),
    ]
    command += ["--checkpoint-dir", str(checkpoints)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if line.startswith("epoch=2/"):
                process.send_signal(signal.SIGTERM)
                break
        output, errors = process.communicate()
    finally:
        process.kill()
    assert process.returncode == 0 and errors == "", errors
    assert "epoch=2000/" not in output, "it ended before its last epoch"
    assert "the same command resumes from its checkpoint" in output
    assert read_model(model_dir).metrics["best_epoch"] >= 1
    assert sorted(file.name for file in checkpoints.iterdir()) == ["checkpoint.pt", "run.json"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--train", "/nowhere"], "the train channel is missing: there is no folder /nowhere"),
        (["--recipe", "semi"], "the recipe semi learns from unlabelled reviews as well: give --unlabelled"),
        (["--unlabelled", str(prepared().train)], "labels.npy holds something other than -1"),
        (["--recipe", "predecessor"], "needs the tokenizer review_to_words"),
        (["--learning-rate", "-1"], "learning_rate must be above 0, not -1"),
        (["--learning-rate", "1e30", "--clip", "0"], "the loss became nan in epoch 1; lower --learning-rate"),
        (["--batch-size", "0"], "batch_size must be at least 1, not 0"),
        (["--device", "cuda"], "--device cuda: torch finds no GPU here"),
        (["--hidden-dim", "1000000000000"], "hidden_dim must be at most 100,000"),
        (["--embedding-dim", "100000", "--vocab-size", "100000000"], "out of memory; lower --batch-size"),
        (["--train", __file__], "the train channel is missing: there is no folder"),
    ],
)
def test_an_error_is_one_line_and_a_failure(tmp_path, capsys, options, message):
    if "cuda" in options and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert program.main(arguments(tmp_path / "model", *options)) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert message in captured.err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--epochs", "many"],
        ["--seed", "-1"],
        ["--pooling-typo", "max"],
        ["--recipe", "slow"],
        ["--bidirectional", "maybe"],
    ],
)
def test_a_malformed_argument_is_refused(tmp_path, capsys, options):
    with pytest.raises(SystemExit) as stopped:
        program.main(arguments(tmp_path / "model", *options))
    message = capsys.readouterr().err
    assert stopped.value.code == 2 and message.startswith("error: ") and message.count("\n") == 1
    assert options[0] in message


def test_missing_places_are_named(monkeypatch, capsys, tmp_path):
    for name in ("SM_CHANNEL_TRAIN", "SM_CHANNEL_VALIDATION", "SM_MODEL_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert program.main([]) == 1
    assert "give --train FOLDER, or SM_CHANNEL_TRAIN" in capsys.readouterr().err


def test_a_folder_that_holds_anything_but_a_model_is_left_alone(tmp_path, capsys):
    for name in ("thesis.tex", ".git"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("years of work")
        assert program.main(arguments(folder)) == 1
        said = capsys.readouterr().err
        assert f"{folder}: holds {name}, which is not part of a model and would be deleted" in said
        assert (folder / name).read_text() == "years of work"


def test_a_folder_that_cannot_be_written_is_reported_before_training(tmp_path, capsys):
    (tmp_path / "file").touch()
    for place in (["--model-dir"], ["--model-dir", str(tmp_path / "model"), "--checkpoint-dir"]):
        options = arguments(tmp_path / "model", *place, str(tmp_path / "file" / "x"))
        assert program.main(options) == 1
        captured = capsys.readouterr()
        assert captured.err == f"error: {tmp_path / 'file'}: Not a directory\n" and not captured.out


@pytest.mark.parametrize(
    ("main", "options", "said"),
    [
        (from_reviews.main, ["--model-dir", "FOLDER/new", "--prepared", "FILE"], "FILE: Not a directory"),
        (from_reviews.main, [], "there is nowhere to write the model: give --model-dir"),
        (prepare.main, ["--reviews", "FOLDER", "--output", "FILE"], "FILE: Not a directory"),
        (prepare.main, ["--reviews", "FOLDER", "--output", "FOLDER/new"], "FOLDER: there is no file *.jsonl"),
        (
            prepare.main,
            ["--reviews", "FOLDER", "--output", "FOLDER", "--shard-reviews", "0"],
            "argument --shard-reviews: must be at least 1, not 0",
        ),
        (tracking, ["serve", "--port", "99999"], "argument --port: '99999' is not a port"),
        (tracking, ["serve", "--folder", "FILE/x"], "FILE/x: Not a directory"),
        (tracking, ["promote", "1", "2"], "there is no option 2"),
        (tracking, ["prmote"], "argument COMMAND: invalid choice: 'prmote'"),
    ],
)
def test_the_other_programs_say_what_is_wrong_in_one_line(monkeypatch, tmp_path, capsys, main, options, said):
    monkeypatch.delenv("SM_MODEL_DIR", raising=False)
    (tmp_path / "file").touch()

    def place(text: str) -> str:
        return text.replace("FILE", str(tmp_path / "file")).replace("FOLDER", str(tmp_path))

    try:
        status = main([place(option) for option in options])
    except SystemExit as ended:
        status = ended.code
    told = capsys.readouterr().err
    assert status in (1, 2) and told.startswith(f"error: {place(said)}") and told.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_corrupt_arrays_are_named(tmp_path, capsys):
    broken = shutil.copytree(prepared().train, tmp_path / "train")
    (broken / "tokens.npy").write_bytes((broken / "tokens.npy").read_bytes()[:200])
    assert program.main(arguments(tmp_path / "model", "--train", str(broken))) == 1
    assert re.search(r"error: .*tokens\.npy: not a readable \.npy array", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"broken", r"cannot be read \(.*\); remove it"),
        (saved({"format": 4}), "is of another version; remove it"),
        (None, "belongs to a run with other settings .*hidden_dim 8 there, 9 here"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path, capsys, content, message):
    folder = tmp_path / "checkpoints"
    if content is None:
        assert program.main(arguments(tmp_path / "first", "--checkpoint-dir", str(folder), epochs=1)) == 0
    else:
        folder.mkdir()
        (folder / "checkpoint.pt").write_bytes(content)
    capsys.readouterr()
    options = ["--checkpoint-dir", str(folder), "--hidden-dim", "9"]
    assert program.main(arguments(tmp_path / "model", *options, epochs=1)) == 1
    assert re.search(f"error: .*{message}", capsys.readouterr().err)


def test_outside_of_a_job_nothing_is_resumed_from_where_jobs_keep_checkpoints(monkeypatch, tmp_path):
    monkeypatch.delenv("SM_MODEL_DIR", raising=False)
    monkeypatch.setattr("pathlib.Path.is_dir", lambda folder: folder.name == "checkpoints")
    assert program.checkpoints(None) is None
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "model"))
    assert program.checkpoints(None) == tmp_path / "checkpoints"
    assert program.checkpoints(str(tmp_path)) == tmp_path
