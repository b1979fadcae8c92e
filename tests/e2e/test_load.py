"""The chain and the self-hosted server under load: what holds on any machine, however fast it is."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks.load_client import load
from tests.conftest import PROJECT


@pytest.mark.slow
def test_under_load_each_answer_is_the_models_or_says_when_to_come_back_and_memory_stays(
    deployment, tmp_path
):
    """The exit status of the measurement tells of wrong answers and lost requests."""
    document = tmp_path / "reliability.md"
    command = [sys.executable, "-m", "benchmarks.load", "--requests", "1200", "--seconds", "2"]
    cloud = [sys.executable, "-m", "localcloud", "run", "--port", str(deployment.cloud.port), "--"]
    done = subprocess.run(
        [*cloud, *command, "--output", str(document)],
        cwd=PROJECT,
        text=True,
        capture_output=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    chain, selfhost = document.read_text(encoding="utf-8").split("## ")[1:]
    assert chain.startswith("The chain") and selfhost.startswith("The self-hosted")
    for part in (chain, selfhost):
        assert re.findall(r"^\| (\d+) \|", part, re.M) == ["1", "8", "32", "128"]
    [growth] = re.findall(r"memory changed by ([+-][\d.]+)%", chain)
    assert float(growth) < 5
    # 128 clients, and places for far fewer.
    [refused] = re.findall(r"^\| 128 (?:\|[^|]*){4}\| ([\d,]+) \|", chain, re.M)
    assert int(refused.replace(",", "")) > 50


def test_nothing_is_sent_to_another_machine():
    with pytest.raises(ValueError, match="not on this machine"):
        load("https://api.example.com/predict", [], 1, 1, 1)
