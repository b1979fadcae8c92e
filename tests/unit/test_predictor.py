import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentiment_fixtures import made_up_reviews, model_folder

from sentiment.errors import ArtifactError
from sentiment.files import write_checksums
from sentiment.model.mixture import part_weights
from sentiment.serving.artifact import EIGHT_BIT_PRODUCTS, ONE_MIXTURE
from sentiment.serving.engine import LSTM_SHARE
from sentiment.serving.evidence import SHORT_WORDS
from sentiment.serving.predictor import RUNTIMES, Predictor
from sentiment.serving.torch_engine import load_model
from sentiment.text.vocabulary import encode

WAYS = [(name, runtime) for name in ("fast", "predecessor") for runtime in RUNTIMES]


@pytest.fixture(scope="module", params=WAYS, ids=str)
def predictor(request):
    name, runtime = request.param
    return Predictor.from_folder(model_folder(name), runtime=runtime)


@pytest.fixture(scope="module", params=["fast", "predecessor"])
def both(request):
    """The same model computed in both ways."""
    return [Predictor.from_folder(model_folder(request.param), runtime=runtime) for runtime in RUNTIMES]


@pytest.fixture(scope="module")
def fast():
    return Predictor.from_folder(model_folder("fast"))


def test_it_distinguishes_good_from_bad(fast):
    good, bad = fast.predict(["a wonderful, brilliant film, I loved it", "a terrible waste, dull and awful"])
    assert good.sentiment == "positive" and good.probability > 0.7 and good.words is None
    assert bad.sentiment == "negative" and bad.probability < 0.3


@pytest.mark.parametrize(
    "review",
    ["The film was WONDERFUL<br />but   dull &amp; long", "dull story " * 400, "great", "\U0001f600"],
)
def test_explaining_predicts_the_same(predictor, review):
    (explained,), (predicted,) = predictor.explain([review]), predictor.predict([review])
    assert explained.probability == pytest.approx(predicted.probability, abs=1e-6)
    assert explained.unsure == predicted.unsure and predicted.words is predicted.spans is None


def test_an_explanation_runs_the_lstm_as_often_as_a_prediction(predictor, monkeypatch):
    """Once for each group of rows: the weights come from the states that prediction computes anyway."""
    runs = []

    def counted(run):
        def count(*arguments, **keywords):
            runs.append(run)
            return run(*arguments, **keywords)

        return count

    engine = predictor.engine
    if engine.name == "torch":
        monkeypatch.setattr(engine.model.lstm, "forward", counted(engine.model.lstm.forward))
    else:
        monkeypatch.setattr(engine, "_states", counted(engine._states))
    reviews = ["a wonderful film", "dull story of people in a town " * 60]
    predictor.predict(reviews)
    predicted = len(runs)
    predictor.explain(reviews)
    assert predicted > 0 and len(runs) == 2 * predicted


def test_a_typing_error_in_a_short_text_changes_nothing_but_how_the_word_is_written(fast):
    right, typed = fast.explain(["A wonderful brilliant film.", "A wonderufl brilliant film."])
    assert (typed.probability, typed.unknown_words) == (right.probability, right.unknown_words)
    assert typed.words[1] == ("wonderufl", right.words[1][1])
    long = "The story of a day. " * SHORT_WORDS
    right, typed = fast.predict([f"{long} wonderful", f"{long} wonderufl"])
    assert typed.unknown_words == right.unknown_words + 1


def test_words_are_as_written_and_in_reading_order(fast):
    words = fast.explain(["A <b>Wonderful</b> story; AWFUL end!"])[0].words
    assert [word for word, _ in words] == ["A", "Wonderful", "story", "AWFUL", "end", "!"]
    weight = dict(words)
    assert weight["Wonderful"] > 0 > weight["AWFUL"]


def test_spans_say_where_each_word_stands(fast):
    review = "\U0001f600 A <b>Wonderful</b> story &amp; an AWFUL end!"
    (explained,) = fast.explain([review])
    assert [review[start:end] for start, end in explained.spans] == [word for word, _ in explained.words]


def test_many_reviews_are_explained_as_each_alone(predictor):
    reviews = ["a wonderful film", "dull story of people in a town " * 60, "", "great", "\U0001f600"] * 9
    for together, review in zip(predictor.explain(reviews), reviews, strict=True):
        (alone,) = predictor.explain([review])
        assert together.probability == pytest.approx(alone.probability, abs=1e-6)
        assert [word for word, _ in together.words] == [word for word, _ in alone.words]
        expected = pytest.approx([weight for _, weight in alone.words], abs=2e-4)
        assert [weight for _, weight in together.words] == expected
        assert (together.spans, together.cut) == (alone.spans, alone.cut)


def test_what_the_lstm_skips_of_a_long_review_is_reported(predictor):
    architecture = predictor.loaded.architecture
    words = [f"film{n}" for n in range(architecture.head + architecture.tail + 30)]
    (explained,) = predictor.explain([" ".join(words)])
    skipped = words[architecture.head : len(words) - architecture.tail]
    assert " ".join(words)[explained.cut.start : explained.cut.end] == " ".join(skipped)
    assert explained.cut.words == len(skipped) == 30
    (short,) = predictor.explain([" ".join(words[:-30])])
    assert short.cut is None


def test_probabilities_inside_the_band_are_unsure(fast):
    reviews = [text for text in made_up_reviews().texts if len(text.split()) > SHORT_WORDS]
    for band in ([0.0, 1.0], [0.4, 0.6], None):
        metrics = {**fast.loaded.metrics, "calibration": {"unsure": band}}
        predictor = Predictor(replace(fast.loaded, metrics=metrics), fast.engine)
        for prediction in predictor.predict(reviews):
            assert prediction.unsure == (band is not None and band[0] < prediction.probability < band[1])
            assert prediction.reason == ("mixed" if prediction.unsure else None)


def test_the_model_is_described(predictor):
    described = predictor.describe()
    assert described.keys() == {
        "model",
        "recipe",
        "labels",
        "metrics",
        "calibration",
        "training",
        "unsure",
        "words",
        "runtime",
        "weights",
        "arithmetic",
    }
    assert described["model"] == predictor.version and described["labels"] == ["negative", "positive"]
    validation = described["metrics"]["validation"]
    assert 0.5 < validation["accuracy"] <= 1 and validation["reviews"] == 40
    assert 0 <= described["calibration"]["expected_calibration_error"] <= 1
    assert sum(each["reviews"] for each in described["calibration"]["bins"]) == validation["reviews"]
    assert described["training"]["reviews"] > 0
    assert described["words"]["head"] == predictor.loaded.architecture.head
    assert described == json.loads(json.dumps(described))


def test_word_weights_are_the_ngrams_parts_and_a_share_of_the_lstms(predictor):
    """One segment without padding, so that nothing but the dense layer's bias stands beside the words."""
    model, architecture = load_model(predictor.loaded), predictor.loaded.architecture
    words = ["the", "wonderful", "film", "waste", "nobodyknows"] * 20
    ids = encode(predictor.loaded.word_dict, words[: architecture.segment or 20])
    ((logit, weights),) = predictor.engine.explain([ids])
    of_deep, of_wide = part_weights(model.mixture.numpy(), np.array([len(ids)]))[0]
    of_words = of_deep * (predictor.engine.deep_logits([ids])[0] - model.dense.bias[0].item())
    wide = 0.0 if predictor.engine.ngrams is None else of_wide * predictor.engine.ngrams.logit(ids)
    share = 1.0 if predictor.engine.ngrams is None else LSTM_SHARE
    assert weights.sum() == pytest.approx(share * of_words + wide, abs=1e-4)
    assert logit == pytest.approx(predictor.engine.logits([ids])[0], abs=1e-6)


def test_words_between_head_and_tail_have_no_deep_weight(predictor):
    architecture = predictor.loaded.architecture
    length = architecture.head + architecture.tail + 50
    ((_, weights),) = predictor.engine.explain([np.full(length, 1, dtype=np.int32)])
    middle = weights[architecture.head : architecture.head + 50]
    assert len(weights) == length and weights.any()
    if not architecture.ngrams:
        assert not middle.any()


def test_no_words_left_means_no_evidence(predictor):
    for review in ("\U0001f3ac \U0001f3ac", "&nbsp;", "<br />"):
        (explained,) = predictor.explain([review])
        assert (explained.probability, explained.words, explained.spans) == (0.5, [], [])
        assert explained.unsure and explained.cut is None


def test_stop_words_are_no_evidence_for_the_predecessor():
    predictor = Predictor.from_folder(model_folder("predecessor"))
    assert predictor.explain(["the of and to not"])[0].probability == 0.5


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
    (explained,) = predictor.explain([review])
    assert 0 <= explained.probability <= 1
    assert all(np.isfinite(weight) for _, weight in explained.words)


def test_predicting_changes_nothing():
    predictor = Predictor.from_folder(model_folder(), runtime="torch")
    model = predictor.engine.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    predictor.explain(["a wonderful film"])
    predictor.predict(["a dull film"] * 3)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_both_runtimes_answer_the_same(both):
    """Storing in int8 moves a logit by hundredths, and with it the weights of the words."""
    texts = made_up_reviews().texts
    reviews = [*texts[:60], " ".join(texts[60:80]), "", "waste"]
    fast, plain = both
    for one, other in zip(fast.explain(reviews), plain.explain(reviews), strict=True):
        assert one.probability == pytest.approx(other.probability, abs=0.02)
        assert [word for word, _ in one.words] == [word for word, _ in other.words]
        weights = [weight for _, weight in other.words]
        assert [weight for _, weight in one.words] == pytest.approx(weights, abs=0.05)


def test_int8_hardly_changes_the_verdicts(both):
    reviews = made_up_reviews(seed=9)
    verdicts = [[prediction.sentiment for prediction in one.predict(reviews.texts)] for one in both]
    assert np.mean([a == b for a, b in zip(*verdicts, strict=True)]) > 0.99


def test_alone_or_among_others_a_review_gets_the_same_answer(both):
    reviews = made_up_reviews().texts[:20]
    together = [prediction.probability for prediction in both[0].predict(reviews)]
    assert together == [both[0].predict([review])[0].probability for review in reviews]


def test_the_runtime_can_be_chosen(fast):
    described = [fast.describe(), Predictor.from_folder(model_folder(), runtime="torch").describe()]
    assert [(each["runtime"], each["weights"], each["arithmetic"]) for each in described] == [
        ("onnxruntime", "int8", "float32"),  # installed here
        ("torch", "float32", "float32"),
    ]
    with pytest.raises(ArtifactError, match="choose one of onnxruntime, torch"):
        Predictor.from_folder(model_folder(), runtime="tea leaves")


def test_without_onnxruntime_torch_answers(monkeypatch):
    monkeypatch.setattr("sentiment.serving.predictor.find_spec", lambda name: None)
    assert Predictor.from_folder(model_folder()).describe()["runtime"] == "torch"


@pytest.mark.parametrize("earlier", [EIGHT_BIT_PRODUCTS, ONE_MIXTURE])
def test_models_of_earlier_formats_answer_as_before(fast, tmp_path, earlier):
    """Of the first, the graph is built anew, because some processors compute that in the folder wrongly."""
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": earlier}))
    if earlier == EIGHT_BIT_PRODUCTS:
        (folder / "model.onnx").write_bytes(b"not to be read")
    arrays = dict(np.load(folder / "weights.npz"))
    del arrays["opinion"]
    np.savez(folder / "weights.npz", **(arrays | {"mixture": arrays["mixture"][:2]}))
    write_checksums(folder)
    reviews = made_up_reviews().texts[:5]
    found = Predictor.from_folder(folder, runtime="onnxruntime").predict(reviews)
    assert [one.probability for one in found] == [one.probability for one in fast.predict(reviews)]


def test_a_file_that_is_no_graph_is_named(tmp_path):
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"no graph")
    write_checksums(folder)
    with pytest.raises(ArtifactError, match=r"model\.onnx cannot be read: it is not the graph"):
        Predictor.from_folder(folder, runtime="onnxruntime")


def test_a_model_answers_without_the_modules_that_only_others_need():
    """A cold start consists mostly of imports."""
    program = """
import sys
from sentiment.serving.artifact import EIGHT_BIT_PRODUCTS, ONE_MIXTURE
from sentiment.serving.predictor import Predictor
Predictor.from_folder(sys.argv[1]).explain(["A fine film"])
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, model_folder()], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert "sentiment.serving.onnx_engine" in imported
    assert imported.isdisjoint({"torch", "difflib", "html.parser", "numpy.ma", "sentiment.text.misread"})
