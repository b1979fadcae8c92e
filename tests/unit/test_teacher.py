"""The program that labels sentences by a larger model: what it needs, and which texts that model reads."""

import subprocess
import sys

import numpy as np
import pytest
from sentiment_fixtures import ROOT

from sentiment.data import rated, snippets, written
from sentiment.data.reviews import normalised
from teacher import __main__ as teacher


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ([], 2, "the following arguments are required: BASE"),
        (["--help"], 0, "usage: python -m teacher [-h] BASE"),
        (["/nowhere"], 2, "/nowhere has no tokenizer.json"),
    ],
)
def test_it_says_what_it_needs_without_the_packages_that_it_needs(options, status, said):
    done = subprocess.run(
        [sys.executable, "-m", "teacher", *options], cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert done.returncode == status and said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_teacher_learns_from_no_text_that_is_held_out():
    learned = {normalised(text) for text, _ in teacher.training_texts(np.random.default_rng(0))}
    for source in (snippets.load(), rated.load(), written.load()):
        for split in {"validation", "test"} & set(source.split.tolist()):
            assert not learned & set(map(normalised, source.select(split).texts))


def test_it_reads_the_sentences_whose_keys_are_lowest_each_once():
    reviews = ["I could watch it all day. He walks into a bar.", "I could WATCH it all day. Who wrote it all"]
    all_three = teacher.drawn_sentences(reviews, 9)
    assert len(all_three) == 3
    assert teacher.drawn_sentences(reviews, 2) == all_three[:2]
