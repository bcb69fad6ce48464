"""Config-sized random models with processors, built offline.

A visual token covers 16x16 pixels, a text token is one byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

from trimpi.models.processing import (
    Qwen2VLProcessorWithoutVideo,
    Qwen3VLProcessorWithoutVideo,
    Qwen25VLProcessorWithoutVideo,
    build_qwen_processor,
)

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "idefics3")
CELL = 16
HIDDEN = 32
INIT = 0.06  # 0.02 gives constant greedy loops
CHAT_ML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QWEN_VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
TILES = tuple(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7))
IDEFICS_SPECIALS = (
    "<|begin_of_text|>",
    "<end_of_utterance>",
    "<fake_token_around_image>",
    "<image>",
    "<global-img>",
    *TILES,
)

# Each template places images and turns as its family's published one does.
QWEN2_TEMPLATE = """{%- for m in messages -%}
{%- if loop.first and m.role != 'system' -%}
{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' -}}
{%- endif -%}
{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.content is string %}{{ m.content }}{% else %}{% for part in m.content -%}
{%- if part.type == 'image' or 'image' in part %}{{ '<|vision_start|><|image_pad|><|vision_end|>' -}}
{%- elif 'text' in part %}{{ part.text }}{% endif %}{% endfor %}{% endif -%}
{{- '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif -%}"""
# Qwen3-VL writes only the text of a system turn.
QWEN3_TEMPLATE = QWEN2_TEMPLATE.replace(
    "{%- if part.type == 'image' or 'image' in part %}", "{%- if part.type == 'image' and m.role != 'system' %}"
)
IDEFICS_TEMPLATE = """{{- '<|begin_of_text|>' -}}
{%- for m in messages -%}
{{- m.role.capitalize() + (':' if m.content[0].type == 'image' else ': ') -}}
{%- for part in m.content %}{{ '<image>' if part.type == 'image' else part.text }}{% endfor -%}
{{- '<end_of_utterance>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ 'Assistant:' }}{% endif -%}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QwenFamily:
    model_class: type
    config_class: type
    processor_class: type
    template: str
    vision: dict[str, Any]


QWEN = {
    "qwen2_vl": QwenFamily(
        model_class=Qwen2VLForConditionalGeneration,
        config_class=Qwen2VLConfig,
        processor_class=Qwen2VLProcessorWithoutVideo,
        template=QWEN2_TEMPLATE,
        vision={"embed_dim": HIDDEN, "hidden_size": HIDDEN, "mlp_ratio": 2},
    ),
    "qwen2_5_vl": QwenFamily(
        model_class=Qwen2_5_VLForConditionalGeneration,
        config_class=Qwen2_5_VLConfig,
        processor_class=Qwen25VLProcessorWithoutVideo,
        template=QWEN2_TEMPLATE,
        vision={
            "hidden_size": HIDDEN,
            "intermediate_size": 64,
            "out_hidden_size": HIDDEN,
            "window_size": 4 * CELL,
            "fullatt_block_indexes": [1],
        },
    ),
    "qwen3_vl": QwenFamily(
        model_class=Qwen3VLForConditionalGeneration,
        config_class=Qwen3VLConfig,
        processor_class=Qwen3VLProcessorWithoutVideo,
        template=QWEN3_TEMPLATE,
        vision={
            "hidden_size": HIDDEN,
            "intermediate_size": 64,
            "out_hidden_size": HIDDEN,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
    ),
}


def tiny_model(family: str, *, seed: int = 0) -> tuple[PreTrainedModel, ProcessorMixin]:
    """A random model of a family in evaluation mode, with its processor. The same seed gives the same weights."""
    processor = tiny_processor(family)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _idefics3(processor.tokenizer) if family == "idefics3" else _qwen(QWEN[family], processor.tokenizer)
    end = processor.tokenizer.eos_token_id
    model.generation_config.update(eos_token_id=end, pad_token_id=processor.tokenizer.pad_token_id)
    return model.eval(), processor


def tiny_processor(family: str) -> ProcessorMixin:
    """The processor alone; text token ids are byte values, special tokens follow from 256."""
    if family == "idefics3":
        images = Idefics3ImageProcessorPil(
            do_image_splitting=False, size={"longest_edge": 32}, max_image_size={"longest_edge": 32}
        )
        tokenizer = byte_tokenizer(IDEFICS_SPECIALS, end_of_turn="<end_of_utterance>", bos="<|begin_of_text|>")
        return Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=IDEFICS_TEMPLATE)
    kind = QWEN[family]
    return build_qwen_processor(
        byte_tokenizer(QWEN_VISION, end_of_turn="<|im_end|>"),
        patch_size=CELL // 2,
        merge_size=2,
        min_pixels=CELL * CELL,
        max_pixels=64 * CELL * CELL,
        chat_template=kind.template,
        processor_class=kind.processor_class,
    )


def byte_tokenizer(specials: tuple[str, ...], *, end_of_turn: str, bos: str | None = None) -> PreTrainedTokenizerFast:
    """The id of a byte is its value; <|endoftext|>, <|im_start|>, <|im_end|> are 256 to 258 and `specials` follow."""
    vocabulary = {character: byte for byte, character in bytes_to_unicode().items()}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([*CHAT_ML, *specials])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end_of_turn, pad_token="<|endoftext|>", bos_token=bos, padding_side="left"
    )


def write_image(path: Path, *, color: str = "red", size: tuple[int, int] = (32, 32)) -> Path:
    """A plain image file; `size` is (width, height) in pixels, by default four visual tokens."""
    Image.new("RGB", size, color).save(path)
    return path


def _qwen(family: QwenFamily, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    text = {
        **_text_config(tokenizer),
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
    }
    if family.config_class is Qwen3VLConfig:
        text |= {"head_dim": 16}
    shape = {"depth": 2, "num_heads": 2, "patch_size": CELL // 2, "spatial_merge_size": 2, "initializer_range": INIT}
    return family.model_class(
        family.config_class(
            text_config=text,
            vision_config={**shape, **family.vision},
            image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
            video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
            vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
            vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
            tie_word_embeddings=False,
        )
    )


def _idefics3(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    vision = {
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": CELL // 2,
        "initializer_range": INIT,
    }
    return Idefics3ForConditionalGeneration(
        Idefics3Config(
            text_config={"model_type": "llama", **_text_config(tokenizer)},
            vision_config=vision,
            image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
            scale_factor=2,
        )
    )


def _text_config(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "initializer_range": INIT,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
