"""Every place where we reach below TRL's and transformers' public interface; each is locked by a contract test.

- `_send_telemetry`: TRL pings a host at construction.
- `create_model_card`: TRL writes a model card into every checkpoint; a stage has a manifest instead.
- `_load_from_checkpoint`: transformers loads the tensors of a checkpoint by name with strict=False, and composite
  models are saved under other names than they have in memory: a trained Qwen2.5-VL silently keeps its initial weights.
- `model_accepts_loss_kwargs`, `_loss_shifts_labels`: Qwen-VL models say that their own loss cannot be told how many
  tokens an update has, and every micro-batch then weighs the same. SFTTrainer's loss is not the model's, and can.
- `_generate_and_score_completions`, `_get_per_token_logps_and_entropies`: the only place where a rollout's token ids,
  images and sampling log-probabilities are together as the loss will see them; the canary looks at them there.
- `split_pixel_values_by_grid`, `unsplit_pixel_values_by_grid`: how TRL cuts a batch whose images are in one tensor.
- `unwrap_model_for_generation`: how TRL itself reaches the weights for sampling.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from accelerate.utils import is_peft_model
from transformers import PreTrainedModel

from trimpi.models import load_model

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

from trl import GRPOConfig, GRPOTrainer, SFTTrainer
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

Batch = dict[str, Any]
BatchCheck = Callable[["RolloutTrainer", Batch], None]

FORWARD_INPUTS = (
    "pixel_values",
    "image_grid_thw",
    "num_images",
    "pixel_attention_mask",
    "spatial_shapes",
    "num_tiles",
    "image_sizes",
    "token_type_ids",
    "mm_token_type_ids",
    "image_position_ids",
)
"""What TRL passes on from a scored batch to the forward pass, where the model family has it."""


class _Seams:
    """What both trainers do differently from TRL's."""

    def _send_telemetry(self) -> None:
        """Nothing leaves the machine."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """A stage writes a manifest instead."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load a checkpoint's weights through from_pretrained, which knows the names they are saved under."""
        target = model if model is not None else self.model  # type: ignore[attr-defined]
        if is_peft_model(target) or self.is_fsdp_enabled:  # type: ignore[attr-defined]
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        saved = load_model(resume_from_checkpoint, dtype=str(target.dtype).removeprefix("torch."), device="cpu")
        target.load_state_dict(saved.state_dict(), strict=True)


class SupervisedTrainer(_Seams, SFTTrainer):
    """TRL's SFTTrainer, for data that our collator has encoded.

    It is kept for its fused language-model head: the logits of a long policy over a large vocabulary are never held at
    once. Its own handling of images and prompts is not used: its vision collator learns image tokens and cuts long
    sequences. The loss of an update is the mean over all its counted tokens, over micro-batches and processes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = True
        self._loss_shifts_labels = True


class RolloutTrainer(_Seams, GRPOTrainer):
    """TRL's GRPOTrainer. `first_batch_check` is called once with the first batch scored by this process."""

    def __init__(self, *args: Any, first_batch_check: BatchCheck | None = None, **kwargs: Any) -> None:
        self._first_batch_check = first_batch_check
        super().__init__(*args, **kwargs)

    def _generate_and_score_completions(self, inputs: list[Batch]) -> Batch:
        batch = super()._generate_and_score_completions(inputs)
        check, self._first_batch_check = self._first_batch_check, None
        if check is not None:
            check(self, batch)
        return batch

    @property
    def network(self) -> PreTrainedModel:
        """The model that is trained, unwrapped."""
        return cast("PreTrainedModel", self.model)

    @torch.no_grad()
    def completion_logprobs(self, batch: Batch) -> torch.Tensor:
        """The trainer's log-probabilities of a scored batch's completion tokens: (rows, longest completion)."""
        training = self.network.training
        self.network.eval()
        try:
            log_probs, _, _ = self._get_per_token_logps_and_entropies(
                self.model,
                torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1),
                torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1),
                batch["completion_ids"].size(1),
                batch_size=self.args.per_device_train_batch_size,
                **{key: batch[key] for key in FORWARD_INPUTS if key in batch},
            )
        finally:
            self.network.train(training)
        return log_probs


def first_rows(batch: Batch, count: int) -> Batch:
    """The first rows of a scored batch, with their images."""
    rows = split_pixel_values_by_grid(batch)
    kept = {
        key: value if isinstance(value, torch.Tensor) and value.ndim == 0 else value[:count]
        for key, value in rows.items()
    }
    return unsplit_pixel_values_by_grid(kept)


@contextmanager
def sampling_model(trainer: RolloutTrainer) -> Iterator[PreTrainedModel]:
    """The trainer's model as `generate` needs it: unwrapped, its weights gathered, under the trainer's precision."""
    arguments = cast("GRPOConfig", trainer.args)
    unwrapped = unwrap_model_for_generation(
        trainer.model_wrapped,
        trainer.accelerator,
        gather_deepspeed3_params=arguments.ds3_gather_for_generation,
        gradient_checkpointing_kwargs=cast("dict[str, Any] | None", arguments.gradient_checkpointing_kwargs),
    )
    with unwrapped as model, trainer.accelerator.autocast():
        yield model
