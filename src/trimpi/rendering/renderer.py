"""The one place that turns prompts into token ids, pixels and labels, through the processor's chat template.

Properties, each tested: the prompt part of a training example is the generation prompt token for token;
parse(render(x)) = x; the two prompts of a request differ in the policy only; no label falls on a visual token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import BatchFeature

from trimpi.errors import DataError, ModelError
from trimpi.policies import Policy
from trimpi.rendering.chat_format import learn_chat_format, render, with_images, without_paths
from trimpi.rendering.encoding import TokenRow, encode_chats, pad_batch
from trimpi.rendering.images import open_image
from trimpi.rendering.masks import IGNORED, LossOn, PaddingSide, pad_rows, response_labels, text_labels
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION, PolicyTurn, Prompt, PromptWriter
from trimpi.rendering.special_tokens import control_tokens, end_of_turn_id, visual_token_ids
from trimpi.types import Example, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingExample:
    """A prompt with the response to learn: the text between the generation prompt and the end of turn."""

    prompt: Prompt
    response: str


class Renderer:
    """Prompts, token ids and masks for one processor.

    `end_of_turn_id` ends a response, `visual_token_ids` stand for images or mark them, `pad_token_id` fills batches. A
    response's text ends before the first of `closing_ids`.
    Raises ModelError when the chat template cannot carry our prompts.
    """

    def __init__(self, processor: Any, *, instruction: str = DEFAULT_INSTRUCTION) -> None:
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.instruction = instruction
        self.format = learn_chat_format(processor)
        self.end_of_turn_id = end_of_turn_id(self.tokenizer, self.format)
        self.end_of_turn: str = self.tokenizer.convert_ids_to_tokens(self.end_of_turn_id)
        pad = self.tokenizer.pad_token_id
        self.pad_token_id: int = self.end_of_turn_id if pad is None else pad
        self.closing_ids = frozenset({self.end_of_turn_id, self.tokenizer.eos_token_id, self.pad_token_id})
        self.visual_token_ids = visual_token_ids(processor, self.format)
        self._reserved = control_tokens(self.tokenizer, self.format, self.visual_token_ids)
        self._modalities = bool(getattr(processor, "return_mm_token_type_ids", False))

    def prompt(
        self,
        example: Example,
        policy: Policy | None = None,
        *,
        shots: Sequence[tuple[Example, str]] = (),
        instruction: str | None = None,
    ) -> Prompt:
        """The request's prompt, policy-aware when a policy is given, behind solved requests if there are `shots`.

        The policy ends the system turn, or begins the first user turn in families whose system turn cannot hold images
        (Qwen3-VL), there for every policy alike.
        """
        return self.prompts.prompt(example, policy, shots=shots, instruction=instruction)

    @property
    def prompts(self) -> PromptWriter:
        """What writes prompts for this model."""
        turn: PolicyTurn = "system" if self.format.system_images else "user"
        return PromptWriter(instruction=self.instruction, policy_turn=turn)

    def text(self, prompt: Prompt, response: str | None = None) -> str:
        """The chat as text, each image one placeholder; ends where the model begins to write, or with the end of turn.

        Raises DataError when a part holds one of the model's control tokens, ModelError when the template changes one.
        """
        texts = [part for message in prompt.messages for part in message.parts if isinstance(part, str)]
        self._refuse_control_tokens(texts if response is None else [*texts, response])
        text = render(self.processor, prompt.messages, generate=True)
        if self.format.parse(text, end_of_turn=self.end_of_turn) != without_paths(prompt.messages):
            raise ModelError(f"the chat template changes this prompt, it does not read back as given: {text[:200]!r}")
        return text if response is None else text + self.format.response_prefix + response + self.end_of_turn

    def parse(self, text: str, images: Sequence[Path] | None = None) -> tuple[Message, ...]:
        """The turns of a rendered chat: parse(text(prompt), prompt.images) == prompt.messages.

        Without `images` every image is a placeholder. Raises DataError for a text of another template or a wrong count.
        """
        messages = self.format.parse(text, end_of_turn=self.end_of_turn)
        return messages if images is None else with_images(messages, images)

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """The prompt's token ids, image tokens expanded, unpadded."""
        rows, _ = self._encode([prompt])
        return rows[0].ids.tolist()

    def encode_prompts(self, prompts: Sequence[Prompt], *, padding_side: PaddingSide = "left") -> BatchFeature:
        """A batch to generate from: input_ids and attention_mask (prompts, longest), and the family's image tensors."""
        rows, images = self._encode(prompts)
        return pad_batch(rows, images, pad_id=self.pad_token_id, side=padding_side, modalities=self._modalities)

    def encode_training(self, rows: Sequence[TrainingExample], *, loss_on: LossOn) -> BatchFeature:
        """A right-padded batch with `labels` (rows, longest), -100 where nothing is learned.

        "text": every token but visual ones and padding (paper, VM-CPT). "response": the response and its end of turn.
        """
        prompts, images = self._encode([row.prompt for row in rows])
        whole = [prompt.followed_by(self.response_ids(row.response)) for row, prompt in zip(rows, prompts, strict=True)]
        labels = [
            text_labels(row.ids, row.visual) if loss_on == "text" else response_labels(row.ids, len(prompt.ids))
            for row, prompt in zip(whole, prompts, strict=True)
        ]
        batch = pad_batch(whole, images, pad_id=self.pad_token_id, side="right", modalities=self._modalities)
        batch["labels"] = pad_rows(labels, IGNORED, "right")
        return batch

    def encode_completions(self, prompts: Sequence[Prompt], completions: Sequence[Sequence[int]]) -> BatchFeature:
        """A right-padded batch of prompts followed by token ids as sampled, with `labels` on those ids alone."""
        rows, images = self._encode(prompts)
        whole = [prompt.followed_by(ids) for prompt, ids in zip(rows, completions, strict=True)]
        labels = [response_labels(row.ids, len(prompt.ids)) for row, prompt in zip(whole, rows, strict=True)]
        batch = pad_batch(whole, images, pad_id=self.pad_token_id, side="right", modalities=self._modalities)
        batch["labels"] = pad_rows(labels, IGNORED, "right")
        return batch

    def response_ids(self, response: str) -> list[int]:
        """A response as the model should write it, end of turn included.

        Tokenised apart from the prompt, as in sampling. Raises DataError when it holds one of the control tokens.
        """
        self._refuse_control_tokens([response])
        text = self.format.response_prefix + response
        return [*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.end_of_turn_id]

    def decode(self, token_ids: Iterable[int]) -> str:
        """The response's text: everything before the first end of turn; tags such as <think> are kept."""
        written = []
        for token in token_ids:
            if int(token) in self.closing_ids:
                break
            written.append(int(token))
        text = self.tokenizer.decode(written, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text.removeprefix(self.format.response_prefix)

    def control_token_in(self, text: str) -> str | None:
        """The first control token the text holds; such a text cannot be rendered, so a caller may count and skip it."""
        return next((token for token in self._reserved if token in text), None)

    def _encode(self, prompts: Sequence[Prompt]) -> tuple[list[TokenRow], dict[str, torch.Tensor]]:
        texts = [self.text(prompt) for prompt in prompts]
        images = [open_image(path) for prompt in prompts for path in prompt.images]
        return encode_chats(self.processor, texts, images, self.visual_token_ids)

    def _refuse_control_tokens(self, texts: Iterable[str]) -> None:
        for text in texts:
            held = self.control_token_in(text)
            if held is not None:
                at = text.index(held)
                raise DataError(
                    f"the text {text[max(0, at - 40) : at + 40]!r} holds {held!r}, which this model keeps for turns "
                    "and images: write it without"
                )
