"""TRL's GRPOTrainer as it comes, and its own way to generate: the only place here that reaches below its interface.

`_tokenize_prompts` and `_generate_single_turn` are what its `_generate` calls: prompts and their images once for every
completion, padded to the longest, through transformers' `generate`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from trimpi.recipe import RlConfig
from trimpi.rendering.images import open_image
from trimpi.rendering.prompts import Prompt
from trimpi.rendering.renderer import Renderer
from trimpi.sampling.sampler import Progress, SamplingSettings, completion_of
from trimpi.stages.arguments import common_arguments
from trimpi.stages.context import StageContext
from trimpi.types import Completion, ImagePart, Message

RewardFunction = Callable[..., Any]


class StockTrainer(GRPOTrainer):
    """TRL's GRPOTrainer; only that nothing leaves the machine is ours."""

    def _send_telemetry(self) -> None:
        """TRL pings a host at construction."""

    def completions_of(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """One completion of each prompt, as TRL generates for its own loss."""
        ids, images, fields = self._tokenize_prompts([chat(prompt) for prompt in prompts])
        completions, _ = self._generate_single_turn(ids, images, fields, self.num_generations)
        return completions


class StockSampler:
    """TRL's generation as the sampler of PolicyRollout; seeds and settings are those of its trainer."""

    def __init__(self, trainer: StockTrainer, renderer: Renderer) -> None:
        self._trainer = trainer
        self._renderer = renderer

    @property
    def statistics(self) -> Mapping[str, float]:
        """See `RowSampler`: TRL has nothing to say."""
        return {}

    def sample_rows(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        settings: SamplingSettings,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """One completion per row; TRL notes down no log-probabilities."""
        nothing = float("nan")
        return [
            completion_of(ids, [nothing] * len(ids), self._renderer) for ids in self._trainer.completions_of(prompts)
        ]


def stock_trainer(
    model: PreTrainedModel,
    renderer: Renderer,
    dataset: Dataset,
    config: RlConfig,
    context: StageContext,
    *,
    suppressed: Sequence[int],
    rows_at_once: int,
    rewards: Sequence[RewardFunction],
    weights: Sequence[float] | None = None,
    rollouts: Callable[..., dict[str, list[Any]]] | None = None,
) -> StockTrainer:
    """One step of GRPO under our settings, `rows_at_once` completions in a forward pass; `rollouts`: a rollout_func."""
    arguments = GRPOConfig(
        **common_arguments(config, context, batch_size=rows_at_once),
        gradient_accumulation_steps=config.completions_per_step // rows_at_once,
        max_steps=1,
        num_generations=config.total_group_size,
        shuffle_dataset=False,
        max_completion_length=config.max_new_tokens,
        temperature=config.temperature,
        generation_kwargs={"suppress_tokens": list(suppressed)},
        beta=config.algorithm.beta,
        epsilon=config.algorithm.epsilon_low,
        epsilon_high=config.algorithm.epsilon_high,
        loss_type=config.algorithm.loss_type,
        reward_weights=None if weights is None else list(weights),
    )
    renderer.tokenizer.padding_side = "left"  # TRL pads prompts there
    trainer = StockTrainer(
        model=model,
        reward_funcs=[*rewards],
        args=arguments,
        train_dataset=dataset,
        processing_class=renderer.processor,
        rollout_func=rollouts,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def chat(prompt: Prompt) -> list[dict[str, Any]]:
    """The prompt as TRL hands conversations to a processor, its images opened."""
    return [{"role": message.role, "content": [_part(part) for part in message.parts]} for message in prompt.messages]


def _part(part: Message | ImagePart | str) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        return {"type": "image", "image": open_image(part.path)}
    return {"type": "text", "text": part}
