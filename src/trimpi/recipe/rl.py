"""The settings of reinforcement learning: rollouts, advantages, the objective, and the policy as a teacher.

Three choices are independent of each other: how many rollouts see the policy (`PolicyAwareShare`), what their rewards
are measured against (`AdvantageConfig`), and whether the policy-aware model also teaches token by token
(`TeacherConfig`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from trimpi.recipe.numbers import Count, Positive, Share
from trimpi.recipe.strict import StrictModel


class ScheduledShare(StrictModel):
    """A share that falls along a sigmoid: `maximum` x (1 - sigmoid(steepness x (t - midpoint))), t from 0 to 1."""

    type: Literal["scheduled"] = "scheduled"
    maximum: Share = 0.5
    midpoint: Share = 0.5
    steepness: Positive = 10.0


class GapDrivenShare(StrictModel):
    """A share that follows what the policy in the prompt still gains: `maximum` x clip(gap / full_at, 0, 1).

    The gap is Rp - Rn, policy-aware minus policy-free reward, averaged over steps with `decay`. `minimum` is the share
    that goes on measuring it; with 0, the share stays 0 once it rounds to no rollout, though a gap may come back.
    """

    type: Literal["gap_driven"] = "gap_driven"
    minimum: Share = 0.0
    maximum: Share = 0.5
    full_at: Positive = 0.2
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.5

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}: give a smaller one")
        return self


def _kind_of_share(given: Any) -> Any:
    if isinstance(given, ScheduledShare | GapDrivenShare):
        return given.type
    return given.get("type") if isinstance(given, dict) else "number"


PolicyAwareShare = Annotated[
    Annotated[Share, Tag("number")]
    | Annotated[ScheduledShare, Tag("scheduled")]
    | Annotated[GapDrivenShare, Tag("gap_driven")],
    Discriminator(_kind_of_share),
]
"""The share of a group that is sampled with the policy in the prompt: a number, or how it changes over the steps."""


class AdvantageConfig(StrictModel):
    """What a rollout's reward is measured against.

    `baseline`: the mean of the whole group ("pooled", the paper's), of the rollout's own half ("per_half"), of the
    policy-free half for both ("policy_free"), or of all others of the group ("leave_one_out"). `scale`: by the standard
    deviation of the same rollouts plus `epsilon`, or not at all. `policy_aware`: whether policy-aware rollouts may also
    be discouraged ("signed") or only encouraged ("positive").
    """

    baseline: Literal["pooled", "per_half", "policy_free", "leave_one_out"] = "pooled"
    scale: Literal["std", "none"] = "std"
    policy_aware: Literal["signed", "positive"] = "signed"
    epsilon: Positive = 1e-4


class DynamicSamplingConfig(StrictModel):
    """Groups whose rewards are all equal are replaced by new requests, at most `max_draws` draws a step.

    `over`: the rewards that must differ, of the whole group or of its policy-free half. Where the draws do not fill a
    step, the stage ends there and says so.
    """

    over: Literal["pooled", "policy_free"] = "pooled"
    max_draws: Count = 20


class OverlongConfig(StrictModel):
    """DAPO's soft penalty: the reward falls from 0 to -1 over the last `buffer` share of max_new_tokens.

    `mask_truncated`: completions that were cut off are not trained on at all.
    """

    buffer: Annotated[float, Field(gt=0, le=1)] = 0.2
    mask_truncated: bool = True


class ObjectiveConfig(StrictModel):
    """What GRPO and DAPO have in common: clipped policy gradients with an optional k3 penalty `beta`.

    `loss_type` is how token losses are averaged: "dapo" over all tokens of the batch, "grpo" per sequence first,
    "bnpo" over all tokens of a device. `dual_clip` bounds the ratio where an advantage is negative. `beta` 0 needs no
    reference model; the reference is the stage's input model. `kl_ratio` multiplies the penalty by the ratio.
    `num_iterations` is updates on the same rollouts.
    """

    epsilon_low: Positive
    epsilon_high: Positive
    dual_clip: Annotated[float, Field(gt=1)] | None = None
    beta: Annotated[float, Field(ge=0)]
    kl_ratio: bool = False
    loss_type: Literal["dapo", "grpo", "bnpo"] = "dapo"
    num_iterations: Count = 1
    dynamic_sampling: DynamicSamplingConfig | None
    overlong: OverlongConfig | None


class GrpoConfig(ObjectiveConfig):
    """GRPO as the paper ran it; as published, it has epsilon_high 0.2 and loss_type grpo."""

    type: Literal["grpo"] = "grpo"
    epsilon_low: Positive = 0.2
    epsilon_high: Positive = 0.3
    beta: Annotated[float, Field(ge=0)] = 0.01
    dynamic_sampling: DynamicSamplingConfig | None = None
    overlong: OverlongConfig | None = None


class DapoConfig(ObjectiveConfig):
    """DAPO: a higher upper clip, all tokens alike, groups that teach, long completions discouraged, no reference."""

    type: Literal["dapo"] = "dapo"
    epsilon_low: Positive = 0.2
    epsilon_high: Positive = 0.28
    beta: Annotated[float, Field(ge=0)] = 0.0
    dynamic_sampling: DynamicSamplingConfig | None = Field(default_factory=DynamicSamplingConfig)
    overlong: OverlongConfig | None = Field(default_factory=OverlongConfig)


AlgorithmConfig = Annotated[GrpoConfig | DapoConfig, Field(discriminator="type")]


class ReverseKlTeacher(StrictModel):
    """On-policy context distillation: KL(model || policy-aware teacher) on the model's own completions.

    Summed over the model's `top_k` tokens and one bucket for all others, averaged over tokens, times `coefficient`,
    which falls to 0 over `anneal_steps` (null: never). `only_positive` counts completions with a positive advantage
    only. `alone` leaves the rewards out: the stage distils and nothing else, or ends at once where the gate is shut.
    """

    type: Literal["reverse_kl"] = "reverse_kl"
    coefficient: Positive = 0.1
    top_k: Count = 20
    only_positive: bool = False
    anneal_steps: Count | None = None
    alone: bool = False


class ReweightingTeacher(StrictModel):
    """Advantages weighted by what the policy-aware teacher thinks of each token; no sign is ever flipped.

    A_t = A ((1 - mix) + mix clip(w_t, low, high)) with w_t = exp(sign(A) (log teacher - log model)) of the token;
    `mix` falls to 0 over `anneal_steps` (null: never). Policy-free completions only.
    """

    type: Literal["reweighting"] = "reweighting"
    mix: Annotated[float, Field(gt=0, le=1)] = 0.5
    low: Annotated[float, Field(gt=0, le=1)] = 0.8
    high: Annotated[float, Field(ge=1)] = 1.2
    anneal_steps: Count | None = None


TeacherConfig = Annotated[ReverseKlTeacher | ReweightingTeacher, Field(discriminator="type")]
"""A frozen model with the policy in its prompt: the stage's input, or what `policy_aware_model` names."""


class RewardWeights(StrictModel):
    """Weights of the two rewards; an RL reward is their weighted sum."""

    format: Annotated[float, Field(ge=0)] = 0.1
    accuracy: Annotated[float, Field(ge=0)] = 0.9


class LocalSamplerConfig(StrictModel):
    """Rollouts by the model being trained, in its own process, `batch_size` sequences at a time."""

    type: Literal["local"] = "local"
    batch_size: Count = 64


class VllmSamplerConfig(StrictModel):
    """Rollouts by vLLM in the training processes (pip install 'trimpi[vllm]', GPUs only).

    A frozen `policy_aware_model` samples beside it, without vLLM, `batch_size` sequences at a time.
    """

    type: Literal["vllm"] = "vllm"
    batch_size: Count = 64
    gpu_memory_utilization: Annotated[float, Field(gt=0, lt=1)] = 0.3
    tensor_parallel_size: Count = 1


SamplerConfig = Annotated[LocalSamplerConfig | VllmSamplerConfig, Field(discriminator="type")]
