"""The model family: equal to the plain way of computing it, and the same alone as in a batch."""

import numpy as np
import pytest
import torch

from sentiment.data.channels import Channel
from sentiment.errors import RecipeError
from sentiment.model.architecture import Architecture
from sentiment.model.lstm import LSTMClassifier, collate, crop, drop
from sentiment.text.vocabulary import convert_and_pad
from sentiment.training.glove import glove_vectors
from sentiment.training.recipes import RECIPES, recipe
from sentiment.training.word_vectors import ppmi_vectors


def architecture(**changes) -> Architecture:
    plain = {
        "vocab_size": 50,
        "embedding_dim": 6,
        "hidden_dim": 5,
        "bidirectional": True,
        "pooling": "max_mean",
        "head": 20,
        "tail": 10,
        "segment": 8,
        "ngrams": 0,
        "ngram_skip": 0,
        "negation_scope": 0,
        "ending": 0.8,
    }
    return Architecture(**{**plain, **changes})


PREDECESSOR = {"bidirectional": False, "pooling": "last", "segment": 0, "head": 20, "tail": 0}
SHAPES = [{}, {"segment": 0, "bidirectional": False}, PREDECESSOR]


def some_reviews(lengths=(3, 30, 8, 1, 17, 64), words=90) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.integers(1, words, length).astype(np.int32) for length in lengths]


def model_of(**changes) -> LSTMClassifier:
    torch.manual_seed(1)
    return LSTMClassifier(architecture(**changes)).eval()


def test_the_predecessors_model_is_computed_as_it_was():
    """Padded to `head` words, run through embedding, LSTM and dense layer; its output at the last word."""
    model, reviews = model_of(**PREDECESSOR), some_reviews()
    padded, lengths = [], []
    for review in reviews:
        kept = [int(word) if word < 50 else 1 for word in review]
        ids, length = convert_and_pad({word: word for word in range(50)}, kept, pad=20)
        padded.append(ids)
        lengths.append(length)
    embedded = model.embedding(torch.tensor(padded).t())
    model.lstm.batch_first = False
    output, _ = model.lstm(embedded)
    model.lstm.batch_first = True
    expected = model.dense(output)[torch.tensor(lengths) - 1, range(len(reviews))].squeeze(1)
    np.testing.assert_allclose(model.logits(reviews), expected.detach(), rtol=1.3e-6, atol=1e-5)


def test_segments_are_pooled_over_the_whole_review():
    model, review = model_of(), some_reviews([20])[0]
    ids = torch.from_numpy(np.where(review < 50, review, 1)).long()
    padded = torch.cat([ids, torch.zeros(4, dtype=torch.int64)]).view(3, 8)
    output = model.lstm(model.embedding(padded))[0].reshape(24, 10)[:20]
    weights = 1 + 0.8 * torch.exp(-torch.arange(19, -1, -1) / 40)
    mean = (output * weights[:, None]).sum(0) / weights.sum()
    expected = model.dense(torch.cat([output.amax(0), mean]))
    np.testing.assert_allclose(model.logits([review]), expected.detach(), rtol=1.3e-6, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_review_alone_gets_the_answer_it_gets_in_a_batch(shape):
    model, reviews = model_of(**shape), some_reviews([*range(1, 40), 0, 64])
    together = model.logits(reviews)
    alone = np.concatenate([model.logits([review]) for review in reviews])
    np.testing.assert_allclose(together, alone, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("shape", [*SHAPES, {"ngrams": 2}])
def test_no_words_give_no_evidence(shape):
    model = model_of(**shape)
    empty = np.zeros(0, dtype=np.int32)
    assert model.logits([empty]).tolist() == [0.0]
    assert model.logits([some_reviews()[0], empty])[1] == 0
    assert model.logits([]).tolist() == []


@pytest.mark.parametrize("shape", SHAPES)
def test_every_parameter_learns(shape):
    model = model_of(**shape).train()
    batch = collate([crop(review, model.architecture) for review in some_reviews()], model.architecture)
    model(batch).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_dropout_keeps_the_mean_and_is_drawn_from_the_seed(share):
    torch.manual_seed(0)
    values = torch.ones(99, 33, 31, requires_grad=True)
    dropped = drop(values, share)
    assert (dropped == 0).float().mean().item() == pytest.approx(share, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    dropped.sum().backward()
    assert values.grad.equal(dropped)
    torch.manual_seed(0)
    assert drop(values, share).equal(dropped)


def test_long_reviews_are_cropped_to_both_ends():
    cropped = crop(np.arange(2, 102), architecture(vocab_size=200, head=4, tail=2))
    assert cropped.tolist() == [2, 3, 4, 5, 100, 101]
    assert crop(np.arange(2, 102), architecture(vocab_size=4, head=4, tail=0)).tolist() == [2, 3, 1, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooling": "mean"}, "no pooling 'mean'"),
        ({**PREDECESSOR, "segment": 8}, "supports neither segments"),
        ({"segment": 0}, "needs segments"),
        ({"hidden_dim": 0}, "hidden_dim must be at least 1"),
        ({"ngrams": 4}, "ngrams must be from 0"),
        ({"ending": -0.1}, "ending must not be negative"),
        ({"ngram_skip": 11}, "ngram_skip must be from 0"),
        ({"negation_scope": -1}, "negation_scope must not be negative"),
        ({"tail": -1}, "tail must not be negative"),
    ],
)
def test_an_impossible_architecture_is_refused(changes, message):
    with pytest.raises(RecipeError, match=message):
        architecture(**changes)


def test_recipes_are_valid_and_can_be_changed():
    assert {"fast", "predecessor"} <= RECIPES.keys()
    assert recipe("fast", epochs=1).epochs == 1
    with pytest.raises(RecipeError, match="choose one of fast, best, semi, predecessor"):
        recipe("slow")
    with pytest.raises(RecipeError, match="learning_rate must be above 0"):
        recipe(learning_rate=float("nan"))


def test_the_predecessor_recipe_is_the_seed_system():
    seed = RECIPES["predecessor"]
    assert (seed.tokenizer, seed.vocab_size, seed.head, seed.tail) == ("review_to_words", 5000, 500, 0)
    assert (seed.embedding_dim, seed.hidden_dim, seed.optimizer, seed.batch_size) == (32, 200, "adam", 512)
    assert sum(p.numel() for p in LSTMClassifier(seed.architecture()).parameters()) == 347_401


# Word vectors


def test_similar_words_get_similar_vectors():
    """Words 2 and 3 stand in the same company, 4 in another."""
    random = np.random.default_rng(0)
    tokens = []
    for _ in range(400):
        company = random.choice([10, 11, 12], 3) if random.random() < 0.5 else random.choice([20, 21, 22], 3)
        word = random.choice([2, 3]) if company[0] < 20 else 4
        tokens += [[*company[:2], word, company[2]]]
    flat = np.concatenate(tokens).astype(np.int32)
    offsets = np.arange(0, len(flat) + 1, 4)
    channel = Channel(flat, offsets, np.zeros(400, np.int8))
    vectors = ppmi_vectors(channel, vocab_size=30, dimensions=4, seed=0)
    assert vectors.shape == (30, 4) and not vectors[0].any()
    similar = torch.nn.functional.cosine_similarity
    assert similar(vectors[2], vectors[3], 0) > 0.9 > 0.5 > similar(vectors[2], vectors[4], 0)
    occurring = vectors.any(1)
    assert occurring.nonzero().flatten().tolist() == [2, 3, 4, 10, 11, 12, 20, 21, 22]
    assert float(vectors[occurring].square().mean()) == pytest.approx(1, rel=1e-3)
    # Words that never occur cost nothing and change nothing.
    of_more = ppmi_vectors(channel, vocab_size=100_000, dimensions=4, seed=0)
    assert torch.equal(of_more[:30], vectors) and not of_more[30:].any()


def test_words_that_no_text_teaches_start_from_general_english():
    words = ["hilarious", "funny", "plumber", "plumber's", "qzxv", "not", "don't", "beyond"]
    architecture = recipe("fast", vocab_size=len(words) + 1).architecture()
    vectors = glove_vectors({word: number for number, word in enumerate(words, 2)}, architecture, 48)
    assert vectors.shape == (2 * architecture.vocab_size, 48)
    hilarious, funny, plumber, genitive, unknown = vectors[2:7]
    similar = torch.nn.functional.cosine_similarity
    assert similar(hilarious, funny, 0) > 0.5 > similar(hilarious, plumber, 0)
    assert torch.equal(genitive, plumber) and not unknown.any()
    assert vectors[8].any(), "don't is spelled dont there"
    assert torch.equal(vectors[architecture.vocab_size :], vectors[: architecture.vocab_size]), (
        "negated words"
    )
    assert float(vectors[vectors.any(1)].square().mean()) == pytest.approx(1, rel=1e-5)


def test_without_a_known_word_general_english_says_nothing():
    assert not glove_vectors({"qzxv": 2}, recipe("fast").architecture(), 8).any()
