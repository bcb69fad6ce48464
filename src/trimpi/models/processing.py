"""Qwen-VL processors without their video part, for machines without torchvision.

The stock processors cannot be built there because their video processor needs torchvision, and AutoProcessor then fails
or silently gives a bare tokenizer. These are registered with AutoProcessor in that case only. What they save names no
class of ours and carries a video configuration, so the stock classes load it where torchvision exists.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import (
    AutoProcessor,
    PreTrainedTokenizerBase,
    ProcessorMixin,
    Qwen2_5_VLConfig,
    Qwen2_5_VLProcessor,
    Qwen2VLConfig,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
    Qwen3VLConfig,
    Qwen3VLProcessor,
)
from transformers.utils import is_torchvision_available

VIDEO_FIELDS = ("patch_size", "temporal_patch_size", "merge_size", "size", "image_mean", "image_std")
TOKENIZER_CONFIG = "tokenizer_config.json"


class _WithoutVideo(ProcessorMixin):
    """Leaves the video processor out of a Qwen-VL processor and puts its configuration into what is saved."""

    video_processor_type: str

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template, **kwargs)

    def to_dict(self) -> dict[str, Any]:
        saved = super().to_dict()
        # With no class named, AutoProcessor goes by the model's configuration: to ours where registered, else to stock.
        saved.pop("processor_class", None)
        image = saved["image_processor"]
        video = {field: image[field] for field in VIDEO_FIELDS if field in image}
        saved["video_processor"] = {"video_processor_type": self.video_processor_type, **video}
        return saved

    def save_pretrained(self, save_directory: Any, push_to_hub: bool = False, **kwargs: Any) -> list[str]:
        files = super().save_pretrained(save_directory, push_to_hub=push_to_hub, **kwargs)
        config_file = Path(save_directory) / TOKENIZER_CONFIG
        config = json.loads(config_file.read_text(encoding="utf-8"))
        config.pop("processor_class", None)
        config_file.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return files


class Qwen2VLProcessorWithoutVideo(_WithoutVideo, Qwen2VLProcessor):
    video_processor_type = "Qwen2VLVideoProcessor"


class Qwen25VLProcessorWithoutVideo(_WithoutVideo, Qwen2_5_VLProcessor):
    video_processor_type = "Qwen2VLVideoProcessor"


class Qwen3VLProcessorWithoutVideo(_WithoutVideo, Qwen3VLProcessor):
    video_processor_type = "Qwen3VLVideoProcessor"


WITHOUT_VIDEO: dict[type, type[_WithoutVideo]] = {
    Qwen2VLConfig: Qwen2VLProcessorWithoutVideo,
    Qwen2_5_VLConfig: Qwen25VLProcessorWithoutVideo,
    Qwen3VLConfig: Qwen3VLProcessorWithoutVideo,
}


def register_processors() -> None:
    """Make AutoProcessor give these classes, where the stock ones cannot be built."""
    if not is_torchvision_available():
        for config_class, processor_class in WITHOUT_VIDEO.items():
            AutoProcessor.register(config_class, processor_class, exist_ok=True)


def build_qwen_processor(
    tokenizer: PreTrainedTokenizerBase,
    *,
    patch_size: int,
    merge_size: int,
    min_pixels: int,
    max_pixels: int,
    chat_template: str,
    processor_class: type[_WithoutVideo] = Qwen25VLProcessorWithoutVideo,
) -> ProcessorMixin:
    """A Qwen-VL processor around a tokenizer that has its vision tokens.

    A visual token covers a square of patch_size * merge_size pixels. Images are resized only when their pixels fall
    outside [min_pixels, max_pixels] or their sides are no multiple of that square's.
    """
    image_processor = Qwen2VLImageProcessorPil(
        patch_size=patch_size,
        merge_size=merge_size,
        size={"shortest_edge": min_pixels, "longest_edge": max_pixels},
    )
    return processor_class(image_processor=image_processor, tokenizer=tokenizer, chat_template=chat_template)
