import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentiment_fixtures import model_folder

from sentiment.model import collate, crop
from sentiment.predictor import Predictor
from sentiment.vocabulary import encode


@pytest.fixture(scope="module", params=["fast", "predecessor"])
def predictor(request):
    return Predictor.from_folder(model_folder(request.param))


@pytest.fixture(scope="module")
def fast():
    return Predictor.from_folder(model_folder("fast"))


def test_it_tells_good_from_bad(fast):
    good, bad = fast.predict(["a wonderful, brilliant film, I loved it", "a terrible waste, dull and awful"])
    assert good.sentiment == "positive" and good.probability > 0.7 and good.words is None
    assert bad.sentiment == "negative" and bad.probability < 0.3


@pytest.mark.parametrize(
    "review",
    ["The film was WONDERFUL<br />but   dull &amp; long", "dull story " * 400, "great", "\U0001f600"],
)
def test_explaining_predicts_the_same(predictor, review):
    explained, (predicted,) = predictor.explain(review), predictor.predict([review])
    assert explained.probability == pytest.approx(predicted.probability, abs=1e-6)


def test_words_are_as_written_and_in_reading_order(fast):
    words = fast.explain("A <b>Wonderful</b> story; AWFUL end!").words
    assert [word for word, _ in words] == ["A", "Wonderful", "story", "AWFUL", "end", "!"]
    weight = dict(words)
    assert weight["Wonderful"] > 0 > weight["AWFUL"]


def test_word_weights_are_gradient_times_input(predictor):
    """Scaling the embedding of one word a little moves the deep logit by as much times that word's weight."""
    model = predictor.model
    ids = encode(predictor.loaded.word_dict, ["the", "wonderful", "film", "waste", "nobodyknows"] * 3)
    _, weights = predictor.logit_and_weights(ids)
    batch = collate([crop(ids, model.architecture)], model.architecture)
    step, base = 1e-3, model.embedding(batch.ids).detach()
    for place in (0, 3, 7):
        moved = []
        for sign in (1, -1):
            embedded = base.clone()
            embedded[0, place] *= 1 + sign * step
            moved.append(float(model(batch, embedded).detach()))
        slope = (moved[0] - moved[1]) / (2 * step) * float(model.mixture[0])
        wide = (
            float(model.mixture[1]) * model.ngrams.word_shares(ids)[place]
            if model.ngrams is not None
            else 0.0
        )
        assert weights[place] == pytest.approx(slope + wide, abs=2e-3)


def test_words_between_head_and_tail_have_no_deep_weight(predictor):
    architecture = predictor.model.architecture
    length = architecture.head + architecture.tail + 50
    _, weights = predictor.logit_and_weights(np.full(length, 1, dtype=np.int32))
    middle = weights[architecture.head : architecture.head + 50]
    assert len(weights) == length and weights.any()
    if predictor.model.ngrams is None:
        assert not middle.any()


def test_no_words_left_means_no_evidence(predictor):
    for review in ("\U0001f600 \U0001f600", "&nbsp;", "<br />"):
        explained = predictor.explain(review)
        assert (explained.probability, explained.words) == (0.5, [])


def test_stop_words_are_no_evidence_for_the_predecessor():
    predictor = Predictor.from_folder(model_folder("predecessor"))
    assert predictor.explain("the of and to not").probability == 0.5


def test_the_batch_does_not_change_an_answer(predictor):
    reviews = [
        "wonderful film",
        "the story was dull " * 60,
        "great",
        "",
        "people in town and a poor mess " * 9,
    ] * 20
    together = [prediction.probability for prediction in predictor.predict(reviews)]
    alone = [predictor.predict([review])[0].probability for review in reviews[:5]]
    assert together == pytest.approx(alone * 20, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(review=st.text(max_size=200))
def test_any_text_gets_a_probability(review):
    predictor = Predictor.from_folder(model_folder("fast"))
    explained = predictor.explain(review)
    assert 0 <= explained.probability <= 1
    assert all(np.isfinite(weight) for _, weight in explained.words)


def test_predicting_changes_nothing(predictor):
    before = {name: tensor.clone() for name, tensor in predictor.model.state_dict().items()}
    predictor.explain("a wonderful film")
    predictor.predict(["a dull film"] * 3)
    assert all(torch.equal(before[name], tensor) for name, tensor in predictor.model.state_dict().items())
    assert all(parameter.grad is None for parameter in predictor.model.parameters())
