"""How much arithmetic a stage takes, estimated. Pure, torch-free.

A forward pass multiplies every token with every weight it meets: 2 FLOPs each. A backward pass asks for two more such
products, for the gradients of the inputs and of the weights, so a trained token costs 6 FLOPs a weight (Kaplan et al.
2020, arXiv 2001.08361, section 2.1). Under adapters the frozen weights get no gradient, which leaves 4, and 6 for the
adapters' own; gradient checkpointing repeats the forward pass, which adds 2. A token that is only read or sampled costs
2.

Left out: attention's products of tokens with tokens, which count where sequences are longer than some thousand tokens,
the optimizer, and chains of thought that are sampled before training. Every sequence counts as if it was computed
alone: what the prefix engine saves is not taken off.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

FORWARD = 2
BACKWARD_INPUTS = 2
BACKWARD_WEIGHTS = 2
HOW = (
    "FLOPs estimated as 6 x weights x trained tokens (under adapters 4 x frozen weights + 6 x adapters; 2 x more with "
    "gradient checkpointing) + 2 x weights x tokens only read or sampled; the vision tower by image patches; attention "
    "scores, optimizer, chains of thought sampled before training and what the prefix engine saves are not counted"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights that one token, or one image patch, is multiplied with.

    `language` is the language model with its head and without its table of embeddings, unless that is the head too;
    `vision` everything that images pass through; `adapters` come on top of `language`, 0 without adapters.
    """

    language: int
    vision: int
    adapters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Tokens of a stage, over all processes: prompts and responses, image tokens included, padding left out.

    `trained_tokens` go forward and backward, once for every update they serve. `scored_tokens` go forward only, for
    log-probabilities of a reference or of the weights before an update. `rollout_prompt_tokens` are read and
    `rollout_completion_tokens` written in sampling. `..._patches_per_token` is how many image patches the vision tower
    computes for a token on average: trained or scored, and read in sampling.
    """

    trained_tokens: int
    scored_tokens: int = 0
    rollout_prompt_tokens: int = 0
    rollout_completion_tokens: int = 0
    trained_patches_per_token: float = 0.0
    rollout_patches_per_token: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flops:
    """Estimated FLOPs by what they are for; `vision` is that of all three."""

    training: float
    scoring: float
    rollouts: float
    vision: float

    @property
    def total(self) -> float:
        return self.training + self.scoring + self.rollouts + self.vision

    def as_dict(self) -> dict[str, float]:
        return {**asdict(self), "total": self.total}


def estimate_flops(weights: Weights, work: Work, *, checkpointing: bool = False) -> Flops:
    """The FLOPs of a stage. With adapters the language model's own weights and the vision tower are frozen."""
    again = FORWARD if checkpointing else 0
    trained = FORWARD + BACKWARD_INPUTS + BACKWARD_WEIGHTS + again
    frozen = weights.adapters > 0
    per_trained_token = (trained - (BACKWARD_WEIGHTS if frozen else 0)) * weights.language + trained * weights.adapters
    per_token = FORWARD * (weights.language + weights.adapters)
    rollout_tokens = work.rollout_prompt_tokens + work.rollout_completion_tokens
    return Flops(
        training=float(per_trained_token * work.trained_tokens),
        scoring=float(per_token * work.scored_tokens),
        rollouts=float(per_token * rollout_tokens),
        vision=weights.vision
        * (
            (FORWARD if frozen else trained) * work.trained_patches_per_token * work.trained_tokens
            + FORWARD * work.trained_patches_per_token * work.scored_tokens
            + FORWARD * work.rollout_patches_per_token * work.rollout_prompt_tokens
        ),
    )
