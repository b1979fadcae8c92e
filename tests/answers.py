"""What a model answers on this processor; a program of its own, so that it can run on an emulated one.

    python -m tests.answers MODEL_FOLDER CHANNEL_FOLDER REVIEWS RUNTIME OUTPUT

Writes the logits of the channel's first so many reviews and the weights of their words as an npz file.
"""

import sys

import numpy as np

from sentiment.data.channels import read_channel
from sentiment.serving.predictor import Predictor
from sentiment.text.negation import NegationMarker


def main() -> None:
    folder, channel_folder, count, runtime, output = sys.argv[1:]
    predictor = Predictor.from_folder(folder, runtime=runtime)
    a = predictor.loaded.architecture
    loaded = predictor.loaded
    marked = NegationMarker(loaded.word_dict, a.vocab_size, a.negation_scope, loaded.tokenizer.negation)
    channel = read_channel(channel_folder, "validation")
    reviews = [marked(channel.review(row)) for row in range(min(int(count), len(channel)))]
    explained = predictor.engine.explain(reviews)
    logits = np.array([one.logit for one in explained])
    np.savez(output, logits=logits, weights=np.concatenate([one.weights for one in explained]))


if __name__ == "__main__":
    main()
