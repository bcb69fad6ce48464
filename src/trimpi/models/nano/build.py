"""The shape of the nano model."""

from __future__ import annotations

from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

PATCH_SIZE, MERGE_SIZE = 8, 2
CELL = PATCH_SIZE * MERGE_SIZE
"""Pixels on a side of one visual token."""
HIDDEN_SIZE = 192


def build_nano_config(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLConfig:
    """Five language layers of 192 and four vision layers of 128; every vision layer attends to its whole image."""

    def token(name: str) -> int:
        return tokenizer.get_vocab()[name]

    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": HIDDEN_SIZE,
            "intermediate_size": 512,
            "num_hidden_layers": 5,
            "num_attention_heads": 6,
            "num_key_value_heads": 6,
            "max_position_embeddings": 8192,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
            "initializer_range": 0.05,
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": token("<|im_end|>"),
            "pad_token_id": token("<|endoftext|>"),
        },
        vision_config={
            "depth": 4,
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_heads": 4,
            "patch_size": PATCH_SIZE,
            "spatial_merge_size": MERGE_SIZE,
            "temporal_patch_size": 2,
            "window_size": 8 * CELL,
            "fullatt_block_indexes": [0, 1, 2, 3],
            "out_hidden_size": HIDDEN_SIZE,
            "initializer_range": 0.05,
        },
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )


def build_nano_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLForConditionalGeneration:
    """A nano model with random weights."""
    model = Qwen2_5_VLForConditionalGeneration(build_nano_config(tokenizer))
    model.generation_config.update(
        eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
        pad_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        do_sample=True,
    )
    return model
