"""Chats as token rows: expanded image tokens, modalities, padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from transformers import BatchFeature

from trimpi.errors import ModelError
from trimpi.rendering.masks import PaddingSide, pad_rows

MODALITIES = "mm_token_type_ids"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One unpadded chat; every tensor is (length,)."""

    ids: torch.Tensor
    modalities: torch.Tensor  # 0 text, 1 image
    visual: torch.Tensor  # bool: image tokens and the markers around them

    def followed_by(self, text_ids: Sequence[int]) -> TokenRow:
        """This row with text tokens after it."""
        zeros = torch.zeros(len(text_ids), dtype=self.modalities.dtype)
        return TokenRow(
            ids=torch.cat([self.ids, torch.tensor(text_ids, dtype=self.ids.dtype)]),
            modalities=torch.cat([self.modalities, zeros]),
            visual=torch.cat([self.visual, zeros.bool()]),
        )


def encode_chats(
    processor: Any, texts: Sequence[str], images: Sequence[Image.Image], visual_token_ids: frozenset[int]
) -> tuple[list[TokenRow], dict[str, torch.Tensor]]:
    """Rows of the texts, image placeholders expanded, and the image tensors of them all in the family's own form.

    Raises ModelError for a processor that does not take the images of several chats as one list (Gemma 3).
    """
    bos = processor.tokenizer.bos_token
    try:
        batch = processor(
            text=list(texts),
            images=list(images) or None,
            # As transformers does for chats: a template that writes the first token itself must not get a second one.
            add_special_tokens=not (bos is not None and texts[0].startswith(bos)),
            return_mm_token_type_ids=True,
            padding=True,
            padding_side="right",
            return_tensors="pt",
        )
    except ValueError as error:
        raise ModelError(
            f"{type(processor).__name__} does not take these chats with their images ({error}): use a model of a "
            "family whose processor does, such as Qwen2.5-VL, Qwen3-VL or Idefics3"
        ) from error
    ids, attended = batch.pop("input_ids"), batch.pop("attention_mask").bool()
    modalities = batch.pop(MODALITIES, torch.zeros_like(ids))
    batch.pop("token_type_ids", None)
    visual = torch.isin(ids, torch.tensor(sorted(visual_token_ids), dtype=ids.dtype)) | (modalities > 0)
    rows = [
        TokenRow(ids=ids[row, kept], modalities=modalities[row, kept], visual=visual[row, kept])
        for row, kept in enumerate(attended)
    ]
    return rows, dict(batch)


def pad_batch(
    rows: Sequence[TokenRow], images: dict[str, torch.Tensor], *, pad_id: int, side: PaddingSide, modalities: bool
) -> BatchFeature:
    """What the model's forward takes. `modalities` adds mm_token_type_ids: without them M-RoPE positions are wrong."""
    batch = {
        "input_ids": pad_rows([row.ids for row in rows], pad_id, side),
        "attention_mask": pad_rows([torch.ones_like(row.ids) for row in rows], 0, side),
    }
    if modalities:
        batch[MODALITIES] = pad_rows([row.modalities for row in rows], 0, side)
    return BatchFeature({**batch, **images})
