"""A family's special tokens, found through its processor and template rather than by a table of families."""

from __future__ import annotations

import re
from typing import Any

from trimpi.errors import ModelError
from trimpi.rendering.chat_format import ChatFormat

# Names under which the processors of transformers keep the tokens around and inside an image.
VISUAL_ATTRIBUTES = (
    "image_token",
    "video_token",
    "vision_start_token",
    "vision_end_token",
    "fake_image_token",
    "global_image_tag",
    "global_image_token",
)
TILE_TOKEN = re.compile(r"<row_\d+_col_\d+>")  # Idefics3 and SmolVLM: the place of a tile in its image
# A vocabulary may hold these although no processor attribute names them (Qwen2-VL, Qwen2.5-VL).
VISUAL_TOKENS = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>")


def end_of_turn_id(tokenizer: Any, chat_format: ChatFormat) -> int:
    """The token a model ends its turn with: the one the template closes a turn with, else the end of sequence.

    Raises ModelError when there is neither.
    """
    closing = tokenizer(chat_format.turn_close, add_special_tokens=False)["input_ids"]
    if closing and closing[0] in added_tokens(tokenizer).values():
        return closing[0]
    if tokenizer.eos_token_id is None:
        raise ModelError("neither chat template nor tokenizer has an end-of-turn token: set the tokenizer's eos_token")
    return tokenizer.eos_token_id


def visual_token_ids(processor: Any, chat_format: ChatFormat) -> frozenset[int]:
    """Every token that stands for an image or marks where one begins, ends or is tiled; never to be learned."""
    added = added_tokens(processor.tokenizer)
    named = {getattr(processor, attribute, None) for attribute in VISUAL_ATTRIBUTES}
    named |= {*VISUAL_TOKENS, *(token for token in added if TILE_TOKEN.fullmatch(token))}
    ids = {added[token] for token in named if token in added}
    markup = processor.tokenizer(chat_format.image_markup, add_special_tokens=False)["input_ids"]
    return frozenset(ids | (set(markup) & set(added.values())))


def control_tokens(tokenizer: Any, chat_format: ChatFormat, visual_ids: frozenset[int]) -> tuple[str, ...]:
    """The strings no policy, request or response may hold: they would change turns or stand for images."""
    fixed = (chat_format.system_open, *chat_format.boundaries, chat_format.turn_close)
    markup = {token for text in fixed for token in tokenizer(text, add_special_tokens=False)["input_ids"]}
    ends = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    reserved = markup | visual_ids | ends
    controls = {token for token, token_id in added_tokens(tokenizer).items() if token_id in reserved}
    # A template without control tokens is told apart by its turn openers alone.
    plain = {text for text in chat_format.boundaries if text.strip() and not any(token in text for token in controls)}
    return tuple(sorted(controls | plain))


def added_tokens(tokenizer: Any) -> dict[str, int]:
    """Special and added tokens by their text."""
    specials = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
    return {**tokenizer.get_added_vocab(), **specials}
