"""The whole loop, self-hosted: votes on the page train a model, which challenges, wins and is rolled back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from loop_walk import (
    SET,
    ask,
    ask_until_two_answer,
    expect_about,
    read_comparison,
    texts,
    vote,
    write_reviews,
)
from playwright.sync_api import Page

from project.ports import free_port
from tests.conftest import PROJECT
from tests.contract.selfhost_fixtures import registered, tracking, version_of
from tests.contract.tracking_fixtures import environment
from tests.tethered import tethered
from tests.unit.sentiment_fixtures import model_folder

__all__ = ["registered", "tracking"]  # fixtures
pytestmark = pytest.mark.slow


@pytest.fixture
def typed(tracking, registered) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of the project as a person types it, with a registered model of the test's own."""
    names = {"MLFLOW_REGISTERED_MODEL": registered, "OMP_NUM_THREADS": "1"}

    def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=PROJECT,
            env=environment(tracking.url, **names),
            text=True,
            capture_output=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def site(tracking, registered, tmp_path) -> Iterator[str]:
    """The page of `make selfhost`, which serves a tiny champion."""
    tracking.register(model_folder(), registered)
    folders = ("--build", str(tmp_path / "build"), "--var", str(tmp_path / "var"))
    port = free_port()
    more = {
        "MLFLOW_REGISTERED_MODEL": registered,
        "SENTIMENT_POLL_SECONDS": "0.5",
        "OMP_NUM_THREADS": "1",
        "WEB_CONCURRENCY": "2",
    }
    process = subprocess.Popen(
        tethered([sys.executable, "-m", "selfhost", "--port", str(port), *folders]),
        cwd=PROJECT,
        env=environment(tracking.url, **more),
        text=True,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        for line in process.stdout:
            if line.startswith("Ctrl-C stops it"):
                break
        assert process.poll() is None
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)


def opened_when(page: Page, site: str, text: str, model: str) -> None:
    """Open the page, and wait until this model answers the text in every process of the server."""
    same = 0
    while same < 6:
        page.goto(site)
        same = same + 1 if ask(page, text) == model else 0


def test_votes_train_a_model_that_challenges_takes_over_and_is_rolled_back(site, typed, page, tmp_path):
    old = version_of(model_folder())
    page.goto(site)
    for number, text in enumerate(texts(10, seed=1)):
        assert ask(page, text) == old
        vote(page, yes=number != 3)
    expect_about(page, site, old, f"{old}\t100% of the texts\t10\t9")

    data = ("--data", "kaggle", "--data-path", str(write_reviews(tmp_path / "reviews.csv")), "--set", SET)
    folders = ("--build", str(tmp_path / "build"), "--var", str(tmp_path / "var"))
    said = typed("-m", "selfhost.retrain", *data, *folders).stdout
    assert "10 votes, 10 of them new" in said
    read_comparison(page, said, old)
    refused = typed("train/tracking.py", "promote", check=False)
    assert refused.returncode != 0 and "make promote WHERE=selfhost VERSION=2" in refused.stderr

    typed("train/tracking.py", "challenge", "2", "--percent", "50")
    new = version_of(tmp_path / "var" / "trained" / "model")
    expect_about(page, site, old, f"{old}\t50% of the texts\t10\t9", f"{new}\t50% of the texts\t0\t0")
    page.goto(site)
    answered = ask_until_two_answer(page, seed=2)
    assert {*answered} == {old, new}
    votes = Counter({old: 10}) + answered
    expect_about(
        page,
        site,
        old,
        f"{old}\t50% of the texts\t{votes[old]}\t{votes[old] - 1}",
        f"{new}\t50% of the texts\t{votes[new]}\t{votes[new]}",
    )

    typed("train/tracking.py", "promote", "2")
    [text] = texts(1, seed=3)
    opened_when(page, site, text, new)
    expect_about(page, site, new, f"{new}\t100% of the texts\t{votes[new]}\t{votes[new]}")
    typed("train/tracking.py", "rollback")
    opened_when(page, site, text, old)
    expect_about(page, site, old, f"{old}\t100% of the texts\t{votes[old]}\t{votes[old] - 1}")
