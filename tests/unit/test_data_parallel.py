"""Data-parallel training: two processes under torchrun make what one makes, and end together."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch.distributed
from sentiment_fixtures import ROOT, options_of, prepared

from sentiment.errors import TrainingError
from sentiment.serving.artifact import read_model
from sentiment.training.distributed import ProcessGroup

pytestmark = pytest.mark.slow
NO_DROPOUT = {"word_dropout": 0, "embedding_dropout": 0, "dropout": 0}


def command(model_dir, *more, **changes):
    data = prepared()
    program = [str(ROOT / "train/train.py"), "--train", str(data.train), "--validation", str(data.validation)]
    options = options_of(**{"adversarial": 1, **changes})
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
    expected, found = (np.load(tmp_path / name / "weights.npz") for name in ("one", "two"))
    assert "lstm.weight_hh_l0" in expected.files and expected.files == found.files
    for name in expected.files:
        assert np.allclose(expected[name], found[name], atol=1e-3), name
    accuracies = [read_model(tmp_path / name).metrics["validation_accuracy"] for name in ("one", "two")]
    assert accuracies[0] == accuracies[1]
    assert sorted(file.name for file in folder.iterdir()) == ["checkpoint.pt", "run.json"]


def test_when_one_process_fails_all_end(tmp_path):
    """The second process has no validation channel; the first waits for it in vain."""
    script = tmp_path / "fails.py"
    script.write_text(
        "import os, runpy, sys\n"
        "if os.environ['RANK'] == '1': sys.argv += ['--validation', '/nowhere']\n"
        f"runpy.run_path({str(ROOT / 'train/train.py')!r}, run_name='__main__')\n"
    )
    done = under_torchrun([str(script), *command(tmp_path / "model")[1:]])
    assert done.returncode != 0
    assert "error: the validation channel is missing: there is no folder /nowhere" in done.stderr
    assert not (tmp_path / "model").exists()


def test_a_lost_connection_is_reported_in_one_line(monkeypatch):
    def lost(tensor):
        raise RuntimeError("Connection closed by peer\nand a page of addresses")

    monkeypatch.setattr(torch.distributed, "all_reduce", lost)
    with pytest.raises(
        TrainingError, match=r"another process .* has ended; .*\(Connection closed by peer\)$"
    ):
        ProcessGroup(0, 2).any(False)
