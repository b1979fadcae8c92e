"""Settings of the model as people write them: the same names and the same refusals, whatever reads them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pipeline import inputs
from pipeline.__main__ import main as pipeline_main
from pipeline.settings import Settings
from selfhost import __main__ as selfhost
from selfhost import trainer
from sentiment.training.hyperparameters import KINDS
from tests.conftest import PROJECT
from train import train as training_program

WRONG = [
    ("foo=3", "foo"),
    ("lr=abc", "learning_rate must be a number, not 'abc'"),
    ("EPOCHS=1", "did you mean epochs?"),
    ("hiden-dim=32", "hidden"),
    ("epochs=-1", "epochs must be at least 1, not -1"),
    ("max-epochs=0", "epochs must be at least 1, not 0"),
    ("learning_rate=abc", "must be a number, not 'abc'"),
    ("epochs=2.5", "must be a whole number, not '2.5'"),
    ("hidden_dim=0", "hidden_dim must be at least 1, not 0"),
    ("optimizer=adm", "adam"),
    ("bidirectional=maybe", "must be true or false, not 'maybe'"),
    ("seed=-1", "must be from 0 to 2**32 - 1, not -1"),
    ("tokenizer=words", "tokenizer"),
    ("checkpoint_dir=/tmp", "checkpoint"),
    ("ngram_folds=1", "ngram_folds must be 0, or 2 or more, not 1"),
    ("self_training=0.3", "self_training must be 0, or from 0.5 up to, but not including, 1, not 0.3"),
]


def refused(capsys, program, *arguments: str) -> str:
    """The one line that a program ends with."""
    try:
        status = program([*arguments])
    except SystemExit as ended:
        status = ended.code
    line = capsys.readouterr().err
    assert status in (1, 2) and line.startswith("error: ") and line.count("\n") == 1, line
    return line


@pytest.mark.parametrize("spelling", ["hidden_dim", "hidden-dim"])
def test_both_spellings_and_the_courses_names_mean_the_same(spelling):
    options = training_program.parse(
        [f"--{spelling}", "32", "--max_epochs=3", "--max-epochs", "4", "--lr=0.1"]
    )
    assert (options.hidden_dim, options.epochs, options.learning_rate) == (32, 4, 0.1)

    settings = Settings(hyperparameters={spelling: "32", "max_epochs": "3"})
    assert inputs.hyperparameters(settings) == {"recipe": "fast", "hidden_dim": "32", "epochs": "3"}

    hosted = selfhost.parse(["--set", f"{spelling}=32 max_epochs=3"])
    arguments = trainer.command(hosted)[2:]
    options = training_program.parse(arguments[arguments.index(f"--{spelling}=32") :])
    assert (options.hidden_dim, options.epochs) == (32, 3)


def test_two_spellings_are_one_key_of_one_model():
    keys = {
        inputs.model_key(Settings(hyperparameters=given), "data")
        for given in ({"max_epochs": "3"}, {"epochs": "3"}, {"max-epochs": "3"})
    }
    assert len(keys) == 1


@pytest.mark.parametrize(("pair", "said"), WRONG)
def test_invalid_settings_are_refused_before_anything_is_made(capsys, tmp_path, pair, said):
    build = tmp_path / "build"
    assert said in refused(capsys, pipeline_main, "bootstrap", "--set", pair, "--build", str(build))
    assert said in refused(capsys, selfhost.main, "--set", pair, "--build", str(build))
    assert not build.exists()


@pytest.mark.slow
def test_mlflow_run_refuses_before_it_prepares_reviews(tmp_path):
    command = [sys.executable, PROJECT / "train" / "from_reviews.py", "--prepared", tmp_path / "prepared"]
    done = subprocess.run(
        [*command, "--hidden_dm", "3"], text=True, capture_output=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        "error: there is no option --hidden-dm; did you mean --hidden-dim?\n",
    )
    assert not (tmp_path / "prepared").exists()


def test_a_name_given_in_two_spellings_is_refused(capsys):
    said = refused(capsys, pipeline_main, "train", "--set", "epochs=2", "--set", "max_epochs=3")
    assert "epochs is given twice: 2 and 3" in said


def test_what_the_pipeline_accepts_the_training_program_accepts():
    values = {"best_by": "loss", "optimizer": "adam", "schedule": "linear", "word_vectors": "ppmi"}
    values |= {"initialisation": "torch", "device": "cpu", "precision": "auto", "pooling": "max_mean"}
    values |= {
        "bidirectional": "True",
        "reshuffle": "False",
        "adversarial": "0.5",
        "self_training": "0",
        "ngram_folds": "2",
    }
    given = {name: values.get(name, "0.5" if name.endswith("dropout") else "1") for name in KINDS}
    given |= {"warm_up": "0.1"}
    settings = Settings(hyperparameters=given)
    arguments = [
        word for name, text in inputs.hyperparameters(settings).items() for word in (f"--{name}", text)
    ]
    assert training_program.chosen_recipe(training_program.parse(arguments)) == settings.chosen_recipe()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--recipe", "bset"], "did you mean best?"),
        (["--data", "kagle"], "did you mean kaggle?"),
        (["--data", "kaggle"], "DATA_PATH"),
        (["--data", "kaggle", "--data-path", "gone.csv"], "gone.csv: there is no such file (DATA_PATH"),
        (
            ["--data", "aclimdb", "--data-path", "gone.tar.gz"],
            "gone.tar.gz: there is no such file (DATA_PATH",
        ),
        (["--recipe", "semi"], "the source 'sample' has no unlabelled reviews"),
        (["--set", "self_training=0.9"], "has no unlabelled reviews"),
        (["--model", "gone.tar.gz"], "MODEL=gone.tar.gz: there is no such file or folder"),
        (["--endpoint", "teapot"], "ENDPOINT=teapot: choose serverless or instances"),
        (["--autoscale", "2:10"], "AUTOSCALE and INSTANCES need ENDPOINT=instances"),
        (["--provisioned", "11"], "PROVISIONED=11: 0 to 10 containers can be kept warm"),
        (["--canary", "10", "--container", "ray"], "CANARY=10: a new model is tried on a serverless"),
        (["--canary-minutes", "nan"], "CANARY_MINUTES=nan is not a number of minutes"),
        (["--canary-answers", "-1"], "CANARY_ANSWERS=-1 is not a number of answers"),
    ],
)
def test_other_choices_are_refused_as_early(capsys, options, said):
    assert said in refused(capsys, pipeline_main, "bootstrap", *options)


@pytest.mark.slow
def test_a_job_tells_its_reason_in_the_form_that_sagemaker_keeps():
    """The container's toolkit keeps what follows the name of an exception, else nothing."""
    done = subprocess.run(
        [sys.executable, PROJECT / "train" / "train.py", "--foo", "3"],
        env={**os.environ, "SM_TRAINING_ENV": "{}"},
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "ValueError: there is no option --foo\n")


@pytest.mark.slow
def test_no_module_that_checks_brings_torch():
    code = "import sys, pipeline.settings, selfhost.trainer; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, text=True, capture_output=True, check=True
    )
    assert done.stdout == "False\n"
