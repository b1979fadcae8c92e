"""The teacher: a language model of 110 million weights, with one logit for the sentiment of a sentence."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

TUNED_LAYERS = 3
"""How many of the upper layers learn. The lower ones stay as they are, which saves most of the work."""
MAX_TOKENS = 56
BATCH = 64


class Read(NamedTuple):
    """What the lower layers make of N texts, (N, T, width) in bfloat16, and where padding is, (N, T)."""

    hidden: Tensor
    padding: Tensor


class Teacher(nn.Module):
    """The language model in the folder `base` (of Hugging Face: config.json, tokenizer.json, weights).

    The logit of a sentence is a linear function of the mean of its tokens' outputs.
    """

    def __init__(self, base: Path):
        # Imported only here, because the project's environment lacks them (requirements/teacher.in).
        from tokenizers import Tokenizer
        from transformers import AutoModel

        super().__init__()
        # A folder, from which nothing is downloaded.
        self.lower = AutoModel.from_pretrained(  # nosec B615
            base, local_files_only=True, dtype=torch.float32, add_pooling_layer=False
        )
        config = self.lower.config
        self.upper = type(self.lower.encoder)(config)
        self.upper.load_state_dict(self.lower.encoder.state_dict())
        self.upper.layer = self.upper.layer[-TUNED_LAYERS:]
        self.upper.relative_attention_bias.requires_grad_(False)
        self.lower.encoder.layer = self.lower.encoder.layer[:-TUNED_LAYERS]
        self.lower.to(torch.bfloat16).requires_grad_(False)
        self.dropout, self.output = nn.Dropout(config.hidden_dropout_prob), nn.Linear(config.hidden_size, 1)
        self.tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding(pad_id=config.pad_token_id)

    @torch.no_grad()
    def read(self, texts: Sequence[str]) -> Read:
        """Pass N texts through the lower layers."""
        self.lower.eval()
        encoded = self.tokenizer.encode_batch(list(texts))
        ids = torch.tensor([each.ids for each in encoded])
        mask = torch.tensor([each.attention_mask for each in encoded])
        return Read(self.lower(input_ids=ids, attention_mask=mask).last_hidden_state, mask == 0)

    def forward(self, read: Read) -> Tensor:
        """The logits (N,) of texts, above 0 for positive."""
        bias = torch.zeros(read.padding.shape).masked_fill(read.padding, -1e9)[:, None, None]
        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.upper(read.hidden, bias)[0]
            words = ~read.padding[..., None]
            mean = (hidden * words).sum(1) / words.sum(1)
            logits: Tensor = self.output(self.dropout(mean)).squeeze(1).float()
        return logits

    @torch.no_grad()
    def logits(self, texts: Sequence[str], note: Callable[[int], None] = lambda done: None) -> np.ndarray:
        """The logits (N,) of any number of texts; `note` is told how many each batch has."""
        self.eval()
        order, found = by_length(texts), np.zeros(len(texts), dtype=np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            found[rows] = self(self.read([texts[row] for row in rows])).numpy()
            note(len(rows))
        return found


def by_length(texts: Sequence[str]) -> np.ndarray:
    """The positions of texts, the shortest text first, so that batches need little padding."""
    return np.argsort([len(text) for text in texts], kind="stable")
