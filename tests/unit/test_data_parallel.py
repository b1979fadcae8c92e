"""Data-parallel training: two processes under torchrun make what one makes, and end together."""

import os
import subprocess
import sys
import time

import pytest
import torch
from sentiment_fixtures import ROOT, options_of, prepared

from sentiment.artifact import read_model

pytestmark = pytest.mark.slow
NO_DROPOUT = {"word_dropout": 0, "embedding_dropout": 0, "dropout": 0}


def command(model_dir, *more, **changes):
    data = prepared()
    program = [str(ROOT / "train/train.py"), "--train", str(data.train), "--validation", str(data.validation)]
    options = options_of(**{"fragments": 0.2, "adversarial": 1, "averaging": 0.9, **changes})
    return [*program, "--model-dir", str(model_dir), "--precision", "float32", "--device", "cpu",
            "--threads", "1", *options, *more]  # fmt: skip


def under_torchrun(arguments, **environment):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [*torchrun, *arguments], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_two_processes_with_half_the_batch_make_the_model_of_one(tmp_path):
    one = subprocess.run([sys.executable, *command(tmp_path / "one", **NO_DROPOUT)], check=False)
    assert one.returncode == 0
    folder = tmp_path / "checkpoints"
    two = under_torchrun(command(tmp_path / "two", "--checkpoint-dir", str(folder), **NO_DROPOUT))
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("epoch=1/2") == two.stdout.count("wrote the model") == 1
    expected, found = (read_model(tmp_path / name) for name in ("one", "two"))
    weights = found.model.state_dict()
    for name, tensor in expected.model.state_dict().items():
        assert torch.allclose(tensor, weights[name], atol=1e-3), name
    assert found.metrics["validation_accuracy"] == expected.metrics["validation_accuracy"]
    assert [file.name for file in folder.iterdir()] == ["checkpoint.pt"]


def test_when_one_process_fails_all_end(tmp_path):
    """The second process has no validation channel; the first waits for it in vain."""
    script = tmp_path / "fails.py"
    script.write_text(
        "import os, runpy, sys\n"
        "if os.environ['RANK'] == '1': sys.argv += ['--validation', '/nowhere']\n"
        f"runpy.run_path({str(ROOT / 'train/train.py')!r}, run_name='__main__')\n"
    )
    started = time.monotonic()
    done = under_torchrun([str(script), *command(tmp_path / "model")[1:]])
    assert done.returncode != 0 and time.monotonic() - started < 60
    assert "error: the validation channel is missing: there is no folder /nowhere" in done.stderr
    assert not (tmp_path / "model").exists()


def test_a_process_that_dies_in_the_middle_ends_the_other_with_a_line(tmp_path):
    script = tmp_path / "dies.py"
    script.write_text(
        "import os, runpy, sys, threading\n"
        "import sentiment.steps as steps\n"
        "step = steps.Stepper.step\n"
        "def dying(self, number, rows):\n"
        "    if number == 5 and os.environ['RANK'] == '1': os._exit(7)\n"
        "    return step(self, number, rows)\n"
        "steps.Stepper.step = dying\n"
        f"runpy.run_path({str(ROOT / 'train/train.py')!r}, run_name='__main__')\n"
    )
    done = under_torchrun([str(script), *command(tmp_path / "model")[1:]], PYTHONPATH=str(ROOT))
    assert done.returncode != 0
    assert "Traceback" not in done.stdout and "error: another process of this training is gone" in done.stderr
    assert not (tmp_path / "model").exists()
