"""Teaching the language model where to look.

Left alone, it learns the words of an answer long before it looks at the picture: yes and no stay guesses for tens of
thousands of questions. So a few attention heads are told outright: while an object is being asked about or described,
attend to the visual tokens that show it; where there is none, to the token that opens the picture. A few more are told
which token of the policy the next word is copied from (sources.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel, PreTrainedTokenizerFast
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from trimpi.models.nano.pictures import EMPTY, Picture
from trimpi.models.nano.symbols import single_token
from trimpi.tasks.clevr.ontology import ATTRIBUTES

LAYERS = (2, 3)
LOOKING, COPYING = slice(0, 2), slice(2, 4)
"""The layers and heads that are told where to look: in the picture, and in the policy."""
RECORDING = "sdpa_recording"


@dataclass(frozen=True, slots=True)
class Gaze:
    """While predicting what follows `position`, look at `targets` (token indices)."""

    position: int
    targets: tuple[int, ...]


class GazeFinder:
    """Finds the gazes of a conversation from its tokens: what is asked and answered says what is looked at."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._value_of = {
            single_token(tokenizer, f" {value}"): (name, value)
            for name, values in ATTRIBUTES.items()
            for value in values
        }
        vocabulary = tokenizer.get_vocab()
        self._articles = {single_token(tokenizer, text) for text in (" a", "A")}
        self._verdicts = {single_token(tokenizer, text) for text in ("Yes", " Yes", "No", " No")}
        self._question = single_token(tokenizer, "?")
        self._the, self._is, self._shows = (single_token(tokenizer, text) for text in ("The", " is", " shows"))
        self._condition = {single_token(tokenizer, text) for text in ("Condition", " Condition")}
        self._image_pad, self._turn_start = vocabulary["<|image_pad|>"], vocabulary["<|im_start|>"]

    def find(self, ids: Sequence[int], learned: Sequence[bool], pictures: Sequence[Picture]) -> list[Gaze]:
        """Gazes at the picture that came last, or at the crop of the section that is being followed.

        The questions of a policy, which nobody answers, give none.
        """
        gazes: list[Gaze] = []
        remaining = iter(pictures)
        crops: dict[int | None, tuple[Picture, int]] = {}
        section: int | None = None
        picture, first, asked_at, asked = None, 0, 0, {}  # type: ignore[var-annotated]
        for index, token in enumerate(ids):
            if token in self._condition:
                section = ids[index + 1]
            elif token == self._turn_start:
                section = None
            elif token == self._image_pad:
                if ids[index - 1] != self._image_pad:
                    picture, first = next(remaining), index
                    crops[section] = (picture, first)
            elif picture is None:
                continue
            elif token == self._shows and learned[index]:
                gazes.append(Gaze(index, _cells(*crops.get(section, (picture, first)))))
            elif token == self._question:
                asked_at, asked = index, self._values_before(ids, index, self._articles)
            elif token in self._verdicts and learned[index] and asked:
                targets = _cells(picture, first, asked) or (first - 1,)
                gazes += [Gaze(asked_at, targets), *([Gaze(index - 1, targets)] if index - 1 > asked_at else [])]
            elif token in self._articles and learned[index]:
                described = self._values_after(ids, index)
                targets = _cells(picture, first, described) if len(described) == len(ATTRIBUTES) else ()
                gazes += [Gaze(index + offset, targets) for offset in range(len(ATTRIBUTES))] if targets else []
            elif token == self._is and learned[index]:
                named = self._values_before(ids, index, {self._the})
                targets = _cells(picture, first, named) if named else ()
                gazes += [Gaze(index, targets)] if targets else []
        return gazes

    def _values_before(self, ids: Sequence[int], end: int, openers: set[int]) -> dict[str, str]:
        """The attribute values between the nearest opener and `end`; none when there is no opener close by."""
        values: dict[str, str] = {}
        for token in reversed(ids[max(0, end - 6) : end]):
            if token in openers:
                return values
            if token in self._value_of:
                name, value = self._value_of[token]
                values[name] = value
        return {}

    def _values_after(self, ids: Sequence[int], index: int) -> dict[str, str]:
        return dict(self._value_of[token] for token in ids[index + 1 : index + 5] if token in self._value_of)


@dataclass(slots=True)
class Recording:
    """Queries and keys of the taught layers, by layer: (rows, heads, length, head size)."""

    layers: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def loss(self, gazes: Sequence[Sequence[Gaze]], heads: slice) -> Tensor:
        """Mean over gazes of -log(attention of these heads that falls on the targets); `gazes` row by row."""
        row: list[int] = []
        position: list[int] = []
        target_of: list[int] = []
        targets: list[int] = []
        for number, gazes_of_row in enumerate(gazes):
            for gaze in gazes_of_row:
                target_of += [len(row)] * len(gaze.targets)
                targets += gaze.targets
                row.append(number)
                position.append(gaze.position)
        if not row:
            return torch.zeros(())
        rows, positions = torch.tensor(row), torch.tensor(position)
        total = torch.zeros(())
        for all_queries, all_keys in self.layers.values():
            queries, keys = all_queries[:, heads], all_keys[:, heads]
            length = keys.shape[2]
            wanted = torch.zeros(len(row), length, dtype=torch.bool)
            wanted[torch.tensor(target_of), torch.tensor(targets)] = True
            scores = torch.einsum("ghd,ghld->ghl", queries[rows, :, positions], keys[rows]) / queries.shape[-1] ** 0.5
            future = torch.arange(length)[None] > positions[:, None]
            scores = scores.masked_fill(future[:, None], float("-inf"))
            on_target = scores.masked_fill(~wanted[:, None], float("-inf")).logsumexp(dim=-1)
            total = total + (scores.logsumexp(dim=-1) - on_target).mean()
        return total / len(self.layers)


@contextmanager
def recording(model: PreTrainedModel) -> Iterator[Recording]:
    """Record the taught heads of `model` in forward passes within."""
    record = Recording()

    def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, *rest: Any, **kwargs: Any) -> Any:
        if module.layer_idx in LAYERS:
            record.layers[module.layer_idx] = (query, key)
        return sdpa_attention_forward(module, query, key, value, *rest, **kwargs)

    forward: Callable[..., Any] = attend
    AttentionInterface.register(RECORDING, forward)
    AttentionMaskInterface.register(RECORDING, sdpa_mask)
    before = model.config._attn_implementation
    model.config._attn_implementation = RECORDING
    try:
        yield record
    finally:
        model.config._attn_implementation = before


def _cells(picture: Picture, first: int, values: Mapping[str, str] = MappingProxyType({})) -> tuple[int, ...]:
    """Token indices of the cells that show an object with these values; `first` is the picture's first token."""
    wanted = [
        (column, ATTRIBUTES[name].index(values[name]))
        for column, name in enumerate(ATTRIBUTES, start=1)
        if name in values
    ]
    return tuple(
        first + number
        for number, cell in enumerate(picture.cells.tolist())
        if cell[0] != EMPTY and all(cell[column] == value for column, value in wanted)
    )
