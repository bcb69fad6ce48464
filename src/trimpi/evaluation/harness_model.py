"""A vision-language model as lm-eval calls it: text only, through its own chat template. Needs the extra `harness`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from lm_eval.models.huggingface import HFLM
from transformers import PreTrainedModel

from trimpi.rendering.prompts import to_chat
from trimpi.types import Message, Role


class HarnessModel(HFLM):
    """A loaded model for lm-eval, whose own loader takes text models only.

    Chats go through the processor's template with their text as parts: the templates of some vision-language families
    read nothing but parts, and would lose a turn that is a string.
    """

    def __init__(self, model: PreTrainedModel, processor: Any, *, batch_size: int) -> None:
        self._processor = processor
        super().__init__(
            pretrained=model,
            backend="causal",
            tokenizer=processor.tokenizer,
            batch_size=batch_size,
            max_length=getattr(model.config.get_text_config(), "max_position_embeddings", None),
        )

    def apply_chat_template(self, chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        """The chat as text. A last turn that is the model's own is left open when nothing is to be generated."""
        turns = [Message(role=cast(Role, turn["role"]), parts=(turn["content"],)) for turn in chat_history]
        text = self._processor.apply_chat_template(
            to_chat(turns),
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )
        return str(text)
