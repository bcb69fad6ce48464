"""The canary: on the first batch, the sampler's and the trainer's log-probabilities of the same tokens must agree.

Rollouts sampled from other weights, another prompt or other images than the loss is computed on would train on noise
without any error; this is where it shows.
"""

from __future__ import annotations

import torch

from trimpi.errors import RunError
from trimpi.stages.trl_seams import Batch, RolloutTrainer, rows_of

FULL_PRECISION_BOUND = 1e-3
HALF_PRECISION_BOUND = 0.1
"""Nats per token, on average. Half precision and another engine's kernels differ by some hundredths."""


def check_first_batch(trainer: RolloutTrainer, batch: Batch) -> None:
    """Raises RunError when the log-probabilities of policy-free rows differ by more than the bound on average.

    Every process's first micro-batch is compared; policy-free members come first in every group.
    """
    batch = rows_of(batch, trainer.micro_batches(batch)[0].rows)
    gap = logprob_gap(trainer.completion_logprobs(batch), batch["sampling_per_token_logps"], batch["completion_mask"])
    total, count = trainer.accelerator.reduce(gap, reduction="sum").tolist()
    mean = total / max(count, 1.0)
    exact = trainer.network.dtype == torch.float32 and not (trainer.args.bf16 or trainer.args.fp16 or trainer.use_vllm)
    bound = FULL_PRECISION_BOUND if exact else HALF_PRECISION_BOUND
    if not mean <= bound:
        raise RunError(
            "the sampler and the trainer disagree about the first batch: their log-probabilities differ by "
            f"{mean:.3g} nats a token on average, {bound:g} is allowed. They do not see the same weights, tokens or "
            "images, "
            "so training is stopped: report this with the recipe"
        )


def logprob_gap(trainer: torch.Tensor, sampler: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The sum of absolute differences and the number of tokens they are over: (2,), float32.

    All arguments are (rows, longest completion). Tokens without a sampling log-probability (NaN: policy-aware rows) are
    left out.
    """
    counted = mask.bool() & ~sampler.isnan()
    difference = (trainer - sampler).abs()[counted]
    return torch.stack([difference.sum(), counted.sum()]).float()
