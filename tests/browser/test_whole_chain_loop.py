"""The whole loop, offline: votes on the page train a model, which is tried, takes over and is rolled back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

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
from playwright.sync_api import expect

from tests.conftest import PROJECT, RunningCloud
from tests.tethered import tethered
from tests.unit.sentiment_fixtures import model_folder

pytestmark = pytest.mark.slow
STACK = "STACK=loop"


@pytest.fixture
def stack(cloud: RunningCloud) -> Iterator[str]:
    """The address of the page of a stack of its own, with a tiny model."""
    said = cloud.make("deploy", "summary", STACK, f"MODEL={model_folder()}").stdout
    yield re.search(r"Page +(\S+)", said)[1].rstrip("/")
    cloud.make("destroy", STACK)


@contextmanager
def until_interrupted(command: list[str], line: str) -> Iterator[None]:
    """Run a command that prints this line, and after the block press Ctrl-C in its terminal."""
    process = subprocess.Popen(
        tethered(command), cwd=PROJECT, text=True, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        printed = []
        for each in process.stdout:
            printed.append(each)
            if line in each:
                break
        assert process.poll() is None, "".join(printed)
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)


def test_votes_train_a_model_that_is_tried_takes_over_and_is_rolled_back(cloud, stack, page, tmp_path):
    page.goto(stack)
    words = texts(10, seed=1)
    [old] = {ask(page, words[0])}
    for number, text in enumerate(words):
        assert ask(page, text) == old
        vote(page, yes=number != 3)
    expect_about(page, stack, old, f"{old}\t100% of the texts\t10\t9")

    data = ("DATA=kaggle", f"DATA_PATH={write_reviews(tmp_path / 'reviews.csv')}", f"SET={SET}")
    said = cloud.make("retrain", STACK, *data).stdout
    assert "10 votes, 10 of them new" in said
    assert "version 2 of loop: Rejected" in said
    read_comparison(page, said, old)

    refused = cloud.make("promote", STACK, check=False)
    assert refused.returncode != 0 and "make promote VERSION=2" in refused.stderr
    cloud.make("promote", STACK, "VERSION=2")
    tried = cloud.make_command("deploy", STACK, "MODEL=approved", "CANARY=50")
    with until_interrupted(tried, "== Watch the model"):
        page.goto(stack)
        answered = ask_until_two_answer(page, seed=2)
        [new] = {*answered} - {old}
        votes = Counter({old: 10}) + answered
        expect_about(
            page,
            stack,
            old,
            f"{old}\t50% of the texts\t{votes[old]}\t{votes[old] - 1}",
            f"{new}\t50% of the texts\t{votes[new]}\t{votes[new]}",
        )
        expect(page.locator("#rollout")).to_contain_text(f"version {new}, which is being tried")

    said = cloud.make("canary-finish", STACK, "CANARY_MINUTES=0", "CANARY_ANSWERS=0").stdout
    assert f"== The model {new} takes over" in said
    page.goto(stack)
    assert {ask(page, text) for text in texts(3, seed=3)} == {new}
    expect_about(page, stack, new, f"{new}\t100% of the texts\t{votes[new]}\t{votes[new]}")

    cloud.make("rollback", STACK)
    page.goto(stack)
    assert {ask(page, text) for text in texts(3, seed=4)} == {old}
    expect_about(page, stack, old, f"{old}\t100% of the texts\t{votes[old]}\t{votes[old] - 1}")
