"""Every place where we reach below TRL's and transformers' public interface; each is locked by a contract test.

- `_send_telemetry`: TRL pings a host at construction.
- `create_model_card`: TRL writes a model card into every checkpoint; a stage has a manifest instead.
- `_load_from_checkpoint`: transformers loads the tensors of a checkpoint by name with strict=False, and composite
  models are saved under other names than they have in memory: a trained Qwen2.5-VL silently keeps its initial weights.
- `model_accepts_loss_kwargs`, `_loss_shifts_labels`: Qwen-VL models say that their own loss cannot be told how many
  tokens an update has, and every micro-batch then weighs the same. SFTTrainer's loss is not the model's, and can.
- `_generate_and_score_completions`, `_get_per_token_logps_and_entropies`: the only place where a rollout's token ids,
  images and sampling log-probabilities are together as the loss will see them; the canary looks at them there. Rows go
  in with a place for every image: TRL would put all images of a chat into its first turn.
- `_prepare_inputs`: TRL shuffles the completions of a generation, which takes groups apart.
- `compute_loss`, `_get_per_token_logps_and_entropies`, `_metrics`: TRL cuts a batch by rows, and pads every part to the
  longest row of all; we cut it by tokens, between groups.
- `add_fused_lm_head` replaces a model's forward with one that gives log-probabilities; the prefix engine wraps it.
- `split_pixel_values_by_grid`, `unsplit_pixel_values_by_grid`: how TRL cuts a batch whose images are in one tensor.
- `unwrap_model_for_generation`: how TRL itself reaches the weights for sampling.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import torch
from accelerate.utils import DistributedType, is_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from trimpi.models import load_model
from trimpi.prefix.support import can_share, plain_model, training_obstacle
from trimpi.prefix.training import share_in_training
from trimpi.recipe import Engine
from trimpi.stages.columns import widened, without_padding
from trimpi.stages.micro_batches import Lengths, MicroBatch, cut_points, micro_batches

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


class RolloutSource(Protocol):
    """Where a RolloutTrainer's batches come from, and what is added to their loss."""

    def collect(self, trainer: RolloutTrainer, count: int) -> list[dict[str, Any]]:
        """Sample a step; the policy-free chats of this process's `count` rows as a dataset for TRL has them."""
        ...

    def columns(self, chats: list[list[dict[str, Any]]], trainer: RolloutTrainer) -> dict[str, list[Any]]:
        """TRL's `rollout_func` on the rows just collected."""
        ...

    def finish(self, trainer: RolloutTrainer, batch: Batch) -> Batch:
        """The scored batch with its advantages: (rows,) or (rows, longest completion)."""
        ...

    def auxiliary_loss(self, trainer: RolloutTrainer, model: nn.Module, batch: Batch) -> Tensor | None:
        """What some rows of the batch add to the loss; the parts of a batch add up."""
        ...

    def observe(self, trainer: RolloutTrainer, log_probs: Tensor) -> None:
        """The log-probabilities that the loss was computed from, (rows, longest completion)."""
        ...


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

    @property
    def network(self) -> PreTrainedModel:
        """The model that is trained, unwrapped."""
        return cast("PreTrainedModel", self.model)  # type: ignore[attr-defined]

    def _use(self, wanted: Engine, model: Any, *others: Any) -> Engine:
        """The engine that these models, all of one kind or None, are trained with: what is wanted, if they can."""
        if wanted == "plain" or not can_share(training_obstacle(model)):
            return "plain"
        for sharing in (model, *others):
            if sharing is not None:
                share_in_training(plain_model(self.accelerator.unwrap_model(sharing)))  # type: ignore[attr-defined]
        return "prefix"


class SupervisedTrainer(_Seams, SFTTrainer):
    """TRL's SFTTrainer, for data that our collator has encoded.

    It is kept for its fused language-model head: the logits of a long policy over a large vocabulary are never held at
    once. Its own handling of images and prompts is not used: its vision collator learns image tokens and cuts long
    sequences. The loss of an update is the mean over all its counted tokens, over micro-batches and processes.

    `engine` is `Recipe.engine`: with "prefix", what rows of a micro-batch begin with is computed once.
    """

    def __init__(self, *args: Any, engine: Engine, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._use(engine, self.model)
        self.model_accepts_loss_kwargs = True
        self._loss_shifts_labels = True


class RolloutTrainer(_Seams, GRPOTrainer):
    """TRL's GRPOTrainer, whose batch is all completions of a process and step.

    It is cut into micro-batches of at most `micro_batch_tokens` tokens for every forward pass, with gradients and
    without, and the update is that of the undivided batch. `rollouts` samples the batch, whatever the dataset holds
    beyond the number of its rows, and gives its advantages. `first_batch_check` is called once with the first batch
    scored by this process. `engine`: as in SupervisedTrainer.
    """

    def __init__(
        self,
        *args: Any,
        rollouts: RolloutSource,
        micro_batch_tokens: int,
        engine: Engine,
        first_batch_check: BatchCheck | None = None,
        **kwargs: Any,
    ) -> None:
        self._first_batch_check = first_batch_check
        self._micro_batch_tokens = micro_batch_tokens
        self._rollouts = rollouts
        self._loss_log_probs: list[Tensor] = []
        kwargs["rollout_func"] = rollouts.columns
        super().__init__(*args, **kwargs)
        self._engine = self._use(engine, self.model, self.ref_model)

    @property
    def shares_prefixes(self) -> bool:
        """Whether the prefix engine trains."""
        return self._engine == "prefix"

    def _prepare_inputs(self, generation_batch: Any) -> Batch:
        """A generation is one batch, in its own order, and serves `num_iterations` updates."""
        if self._step % self.num_iterations == 0 or self._buffered_inputs is None:
            buffer: Any = [self._generate_and_score_completions(generation_batch)]
            self._buffered_inputs = buffer
        return cast("list[Batch]", self._buffered_inputs)[0]

    def _generate_and_score_completions(self, inputs: list[Batch]) -> Batch:
        batch = super()._generate_and_score_completions(self._rollouts.collect(self, len(inputs)))
        batch = self._rollouts.finish(self, batch)
        check, self._first_batch_check = self._first_batch_check, None
        if check is not None:
            check(self, batch)
        return batch

    def micro_batches(self, batch: Batch) -> list[MicroBatch]:
        """The forward passes of a scored batch, or of its first rows. Every process must ask at the same time."""
        return self._cut(batch["prompt_mask"], batch["completion_mask"])

    def _cut(self, prompt_mask: Tensor, completion_mask: Tensor) -> list[MicroBatch]:
        processes = self.accelerator.num_processes
        own = torch.stack([prompt_mask.sum(dim=1), completion_mask.sum(dim=1)])[None]
        return micro_batches(
            [Lengths(prompts=rows[0], completions=rows[1]) for rows in self.accelerator.gather(own).tolist()],
            cut_points(
                len(prompt_mask),
                group_size=cast("int", self.num_generations),
                per_process=self.args.per_device_train_batch_size,
                processes=processes,
            ),
            process=self.accelerator.process_index,
            budget=self._micro_batch_tokens,
            shared=self._engine == "prefix",
        )

    def compute_loss(
        self, model: nn.Module, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Tensor:
        """The loss of the batch. All micro-batches but the last have gone backward when it returns, unsynchronised."""
        parts = self.micro_batches(inputs)
        logged = {name: len(values) for name, values in self._metrics["train"].items()}
        losses = []
        self._loss_log_probs = []
        for number, part in enumerate(parts, start=1):
            with self._accumulating(model, synchronised=number == len(parts)):
                rows = rows_of(inputs, part.rows)
                loss = super().compute_loss(model, rows, return_outputs=return_outputs) * self._weight(part)
                auxiliary = self._rollouts.auxiliary_loss(self, model, rows)
                losses.append(loss if auxiliary is None else loss + auxiliary)
                if number < len(parts):
                    self._backward(losses[-1])
                    losses[-1] = losses[-1].detach()
        for name, values in self._metrics["train"].items():
            before = logged.get(name, 0)
            values[before:] = _mean(values[before:], parts)
        self._rollouts.observe(self, torch.cat(self._loss_log_probs))
        return torch.stack(losses).sum()

    def _weight(self, part: MicroBatch) -> float:
        """What makes the losses of the parts add up to the loss of all rows."""
        return {"dapo": 1.0, "grpo": part.share_of_rows, "bnpo": part.share_of_tokens}[self.loss_type]

    @contextmanager
    def _accumulating(self, model: nn.Module, *, synchronised: bool) -> Iterator[None]:
        """Gradients of processes come together in the last micro-batch; DeepSpeed decides itself when they do."""
        deepspeed = self.accelerator.distributed_type == DistributedType.DEEPSPEED
        self.accelerator.gradient_state._set_sync_gradients(synchronised)
        if synchronised or deepspeed:
            yield
        else:
            with self.accelerator.no_sync(model):
                yield

    def _backward(self, loss: Tensor) -> None:
        deepspeed = self.accelerator.distributed_type == DistributedType.DEEPSPEED
        self.accelerator.backward(loss, **({"scale_wrt_gas": False} if deepspeed else {}))

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **inputs: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """As TRL's, in micro-batches. For the loss TRL gives no `batch_size`: those rows are a micro-batch already."""
        whole = {"input_ids": input_ids, "attention_mask": attention_mask, **_given(inputs)}
        if batch_size is None:
            parts = [slice(0, len(input_ids))]
        else:
            cut = self._cut(attention_mask[:, :-logits_to_keep], attention_mask[:, -logits_to_keep:])
            parts = [part.rows for part in cut]
        computed = []
        for rows in parts:
            part, kept = without_padding(rows_of(whole, rows), logits_to_keep)
            fields = super()._get_per_token_logps_and_entropies(
                model, logits_to_keep=kept, compute_entropy=compute_entropy, compute_aux_loss=compute_aux_loss, **part
            )
            computed.append((*(widened(field, logits_to_keep) for field in fields[:2]), fields[2]))
        log_probs, entropies, aux_losses = zip(*computed, strict=True)
        if batch_size is None:
            self._loss_log_probs += [part.detach() for part in log_probs]
        return (
            torch.cat(log_probs),
            torch.cat(entropies) if compute_entropy else None,
            torch.stack(aux_losses).mean() if compute_aux_loss else None,
        )

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


def rows_of(batch: Batch, rows: slice) -> Batch:
    """These rows of a scored batch, with their images."""
    kept = {
        key: value if isinstance(value, Tensor) and value.ndim == 0 else value[rows]
        for key, value in split_pixel_values_by_grid(batch).items()
    }
    return unsplit_pixel_values_by_grid(kept)


def _given(inputs: Batch) -> Batch:
    return {name: value for name, value in inputs.items() if value is not None}


def _mean(values: Sequence[float], parts: Sequence[MicroBatch]) -> list[float]:
    """One value for a metric that every micro-batch has added one to; they are means over tokens of all processes."""
    if len(values) != len(parts):
        return list(values)
    return [sum(value * part.share_everywhere for value, part in zip(values, parts, strict=True))]


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
