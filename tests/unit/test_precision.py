"""bfloat16 is used only where a training step in it works, and by default only where it is faster."""

import pytest
import torch

from sentiment.errors import TrainingError
from sentiment.training import precision
from sentiment.training.precision import bfloat16_failure, choose_bfloat16


@pytest.fixture
def without_kernels(monkeypatch):
    """torch as it is on processors whose oneDNN has no LSTM in bfloat16."""

    def fails(*_):
        raise RuntimeError("could not create a primitive descriptor. Run workload with ONEDNN_VERBOSE=all")

    monkeypatch.setattr(torch.nn.LSTM, "forward", fails)


@pytest.fixture
def with_instructions(monkeypatch):
    monkeypatch.setattr(precision, "_has_instructions", lambda device: True)


def test_what_fails_is_found_by_trying(without_kernels, with_instructions):
    assert bfloat16_failure("cpu") == "could not create a primitive descriptor"
    assert choose_bfloat16("auto", "cpu") is False
    with pytest.raises(TrainingError, match=r"primitive descriptor\); use --precision float32"):
        choose_bfloat16("bfloat16", "cpu")


def test_it_is_taken_where_the_processor_multiplies_it(with_instructions, monkeypatch):
    monkeypatch.setattr(precision, "bfloat16_failure", lambda device: None)
    assert choose_bfloat16("auto", "cpu") is True and choose_bfloat16("float32", "cpu") is False


@pytest.mark.parametrize(
    ("flags", "expected"), [("avx2 avx512_bf16", True), ("amx_bf16", True), ("avx2 avx512f", False)]
)
def test_the_instructions_are_read_off_the_processor(tmp_path, flags, expected):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert precision._has_instructions("cpu", cpuinfo) is expected
    assert precision._has_instructions("cpu", tmp_path / "none") is False
