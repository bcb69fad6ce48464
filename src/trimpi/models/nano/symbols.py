"""Perfect perception as vectors: what the vision tower learns to say, and what the language model learns from first.

A visual token that shows an object is the sum of one fixed vector per attribute value, plus one where the object's
centre is; a token of background is another. The value vectors are also the embeddings of the words that name them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from trimpi.models.nano.build import HIDDEN_SIZE
from trimpi.models.nano.pictures import CENTRE, EMPTY
from trimpi.tasks.clevr.ontology import ATTRIBUTES

SYMBOL_NORM = 0.7
"""Length of each vector: that of a freshly drawn embedding row."""
VALUES = tuple(value for values in ATTRIBUTES.values() for value in values)
SHARPNESS = 8.0
"""Scale from how much of a value's vector an output holds (1 when present) to its logit."""


class Symbols:
    """Orthogonal vectors: one per attribute value (15), then background, then centre."""

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        square = torch.linalg.qr(torch.randn(HIDDEN_SIZE, HIDDEN_SIZE, generator=generator)).Q
        self.table = square[: len(VALUES) + 2] * SYMBOL_NORM

    def of_cells(self, cells: Tensor) -> Tensor:
        """Labels (cells, 5) as `label_cells` gives them -> perfect visual tokens (cells, HIDDEN_SIZE)."""
        background, centre = self.table[-2], self.table[-1]
        tokens = torch.where((cells[:, :1] == EMPTY), background, torch.zeros_like(background))
        tokens = tokens + (cells[:, :1] == CENTRE) * centre
        for values, first, labels in self._attributes(cells):
            known = (labels >= 0)[:, None]
            tokens = tokens + known * self.table[first : first + len(values)][labels.clamp(min=0)]
        return tokens

    def loss(self, outputs: Tensor, cells: Tensor) -> Tensor:
        """How far visual tokens (cells, HIDDEN_SIZE) are from saying what the cells (cells, 5) show."""
        held = outputs @ self.table.T / SYMBOL_NORM**2
        is_empty, is_centre = (cells[:, 0] == EMPTY).float(), (cells[:, 0] == CENTRE).float()
        logits = SHARPNESS * (held - 0.5)
        loss = nn.functional.binary_cross_entropy_with_logits(logits[:, -2], is_empty)
        loss = loss + nn.functional.binary_cross_entropy_with_logits(logits[:, -1], is_centre)
        weight = 1.0 + is_centre
        for values, first, labels in self._attributes(cells):
            known = labels >= 0
            scores = SHARPNESS * held[known, first : first + len(values)]
            each = nn.functional.cross_entropy(scores, labels[known], reduction="none")
            loss = loss + (each * weight[known]).sum() / weight[known].sum().clamp(min=1.0)
        error = (outputs - self.of_cells(cells)).square().sum(dim=1) / SYMBOL_NORM**2
        return loss + 0.5 * (error * (1.0 + 2.0 * (1 - is_empty))).mean()

    def read(self, outputs: Tensor) -> Tensor:
        """What visual tokens say: labels (cells, 5), for measuring."""
        held = outputs @ self.table.T / SYMBOL_NORM**2
        kind = torch.where(held[:, -2] > 0.5, EMPTY, torch.where(held[:, -1] > 0.5, CENTRE, 1))
        columns, first = [kind], 0
        for values in ATTRIBUTES.values():
            columns.append(held[:, first : first + len(values)].argmax(dim=1))
            first += len(values)
        return torch.stack(columns, dim=1)

    def write_embeddings(self, embedding: nn.Embedding, tokenizer: PreTrainedTokenizerFast) -> Tensor:
        """Set the rows of the value words to their vectors; returns the token ids of those rows, in VALUES' order."""
        ids = torch.tensor([single_token(tokenizer, f" {value}") for value in VALUES])
        with torch.no_grad():
            embedding.weight[ids] = self.table[: len(VALUES)]
        return ids

    @staticmethod
    def _attributes(cells: Tensor) -> list[tuple[tuple[str, ...], int, Tensor]]:
        """Per attribute: its values, the row of the first, and the labels (cells,)."""
        rows, first = [], 0
        for column, values in enumerate(ATTRIBUTES.values(), start=1):
            rows.append((values, first, cells[:, column].long()))
            first += len(values)
        return rows


def single_token(tokenizer: PreTrainedTokenizerFast, text: str) -> int:
    """The id of a text that is one token."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(ids) == 1, f"{text!r} is {len(ids)} tokens"
    return int(ids[0])
