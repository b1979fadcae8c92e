"""The words that tell opinions on films from other short texts."""

import json
import shutil

import numpy as np
import pytest
from sentiment_fixtures import model_folder

from sentiment.data.channels import NEUTRAL, REVIEW, SNIPPET, Channel
from sentiment.files import write_checksums
from sentiment.model.opinion import features, opinion_logit
from sentiment.serving.artifact import WITHOUT_OPINION
from sentiment.serving.predictor import RUNTIMES, Predictor
from sentiment.text.negation import NEGATED
from sentiment.training.opinion_fit import fit_opinion


def channel(texts: list[list[int]], kinds: list[int]) -> Channel:
    offsets = np.cumsum([0, *map(len, texts)])
    labels = np.arange(len(texts), dtype=np.int8) % 2
    return Channel(np.concatenate(texts).astype(np.int32), offsets, labels, np.array(kinds, dtype=np.int8))


def test_a_word_counts_once_whether_or_not_it_is_negated():
    numbers, values = features(np.array([5, 7, 5 | NEGATED, 900]), vocab_size=10)
    assert numbers.tolist() == [0, 1, 5, 7]  # the intercept, a word beyond the vocabulary, and two others
    assert values[0] == 1 and np.square(values[1:]).sum() == pytest.approx(1)
    assert features(np.zeros(0, dtype=np.int32), 10)[0].tolist() == [0]


def test_words_of_opinions_are_told_from_words_of_other_texts():
    texts = [[2, 3, 4], [2, 5, 4], [6, 3, 7], [2, 6, 8], [9, 9]]
    kinds = [SNIPPET, SNIPPET, NEUTRAL, NEUTRAL, REVIEW]
    weights = fit_opinion(channel(texts * 20, kinds * 20), vocab_size=10)
    assert weights.shape == (10,) and weights[4] > 0 > weights[6] and weights[9] == 0
    scores = [opinion_logit(weights, np.array(text)) for text in texts[:4]]
    assert min(scores[:2]) > 0 > max(scores[2:])


@pytest.mark.parametrize("kinds", [[REVIEW, REVIEW], [SNIPPET, SNIPPET], [NEUTRAL, REVIEW]])
def test_without_both_kinds_of_text_there_is_nothing_to_fit(kinds):
    assert fit_opinion(channel([[2, 3], [4]], kinds), 10) is None


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_of_the_former_format_answers_as_before(tmp_path, runtime):
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": WITHOUT_OPINION}))
    arrays = dict(np.load(folder / "weights.npz"))
    del arrays["opinion"]
    np.savez(folder / "weights.npz", **arrays)
    write_checksums(folder)
    texts = ["A wonderful film.", "ok", "The weather was nice on Tuesday."]
    former, latest = (Predictor.from_folder(each, runtime=runtime) for each in (folder, model_folder()))
    assert [each.probability for each in former.predict(texts)] == [
        each.probability for each in latest.predict(texts)
    ]
    assert [each.reason for each in former.predict(texts)] == [None, "no_evidence", "no_evidence"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_weights_of_a_model_decide_which_texts_are_opinions(tmp_path, runtime):
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    words = json.loads((folder / "word_dict.json").read_text())
    arrays = dict(np.load(folder / "weights.npz"))
    arrays["opinion"][words["wonderful"]] = -50
    np.savez(folder / "weights.npz", **arrays)
    write_checksums(folder)
    former, changed = (Predictor.from_folder(each, runtime=runtime) for each in (model_folder(), folder))
    (before,), (after,) = (each.predict(["A wonderful film."]) for each in (former, changed))
    assert (before.reason, after.reason) == (None, "no_evidence")
    assert after.probability == before.probability
