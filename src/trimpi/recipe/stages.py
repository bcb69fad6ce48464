"""The training stages and their settings. Defaults are the paper's for Qwen2.5-VL-7B where it names them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from trimpi.recipe.cots import CotSamplingConfig, ForwardCotConfig, ReverseCotConfig
from trimpi.recipe.numbers import Count, Positive, Share
from trimpi.recipe.strict import StrictModel

COT_SOURCES = ("gold", "forward", "reverse")
TrainingPrompt = Literal["policy_free", "policy_aware"]


class LoraConfig(StrictModel):
    """Low-rank adapters, merged at the end of the stage. Without target modules: every linear layer of the LM."""

    rank: Count = 8
    alpha: Positive = 16
    dropout: Share = 0.0
    target_modules: list[str] | None = Field(default=None, min_length=1)


class TrainingConfig(StrictModel):
    """What every stage has.

    `scheduler` is the decay after a linear warmup over `warmup_ratio` of the steps. `checkpoint_every_steps` null keeps
    no checkpoint within the stage. `examples_per_policy` k trains on each policy's first k training examples only.
    """

    learning_rate: Positive
    lora: LoraConfig | None = None
    warmup_ratio: Share = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    scheduler: Literal["constant", "linear", "cosine"] = "cosine"
    max_grad_norm: Positive = 1.0
    gradient_checkpointing: bool = False
    checkpoint_every_steps: Count | None = None
    examples_per_policy: Count | None = None


class GeneralDataConfig(StrictModel):
    """Conversations of other kinds, learned beside a policy so that the model forgets less.

    `path` is a file of JSON lines {"messages": [...], "images"?: [...]} that end with the assistant; in a recipe file
    it is relative to the file. They make up `share` of what a stage trains on.
    """

    path: str = Field(pattern=r"\.jsonl$")
    share: Annotated[float, Field(gt=0, lt=1)] = 0.1


class SupervisedConfig(TrainingConfig):
    """A stage of `epochs` passes over its data, batch_size x gradient_accumulation x devices sequences a step.

    `batch_size` is sequences per device and forward pass. `general` mixes other conversations in.
    """

    batch_size: Count
    epochs: Positive
    gradient_accumulation: Count = 1
    general: GeneralDataConfig | None = None


class CotTrainingConfig(SupervisedConfig):
    """A stage on chains of thought: "gold" (the task's), "forward" or "reverse" (sampled), or a `.jsonl` path.

    Sampled ones come from the stage's input model or from an endpoint, by `forward_cot` or `reverse_cot`.
    """

    cot: str = "gold"
    forward_cot: ForwardCotConfig = Field(default_factory=ForwardCotConfig)
    reverse_cot: ReverseCotConfig = Field(default_factory=ReverseCotConfig)

    @field_validator("cot")
    @classmethod
    def _known_source(cls, cot: str) -> str:
        if cot in COT_SOURCES or cot.endswith(".jsonl"):
            return cot
        near = get_close_matches(cot, COT_SOURCES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"{hint}allowed are 'gold', 'forward', 'reverse', or the path of a .jsonl file")

    @property
    def cot_sampling(self) -> CotSamplingConfig | None:
        """How chains of thought are sampled; None where they are there already."""
        if self.cot == "forward":
            return self.forward_cot
        return self.reverse_cot if self.cot == "reverse" else None


class VmCptConfig(CotTrainingConfig):
    """Visually-masked continual pretraining: loss on every text token of policy, request, reasoning and answer."""

    type: Literal["vm_cpt"] = "vm_cpt"
    learning_rate: Positive = 1e-5
    batch_size: Count = 16
    epochs: Positive = 5


class DirectSftConfig(SupervisedConfig):
    """Policy-free supervised fine-tuning on answers without reasoning.

    `prompt` "policy_aware" is a baseline: the policy is in the prompt in training and dropped afterwards, which leaves
    nearly random answers (paper, Training).
    """

    type: Literal["direct_sft"] = "direct_sft"
    prompt: TrainingPrompt = "policy_free"
    learning_rate: Positive = 1e-4
    batch_size: Count = 16
    epochs: Positive = 2
    lora: LoraConfig | None = Field(default_factory=LoraConfig)


class CotSftConfig(CotTrainingConfig):
    """Policy-free supervised fine-tuning on reasoning and answer. `prompt` as in DirectSftConfig."""

    type: Literal["cot_sft"] = "cot_sft"
    prompt: TrainingPrompt = "policy_free"
    learning_rate: Positive = 1e-4
    batch_size: Count = 16
    epochs: Positive = 5
    lora: LoraConfig | None = Field(default_factory=LoraConfig)


class GrpoConfig(StrictModel):
    """GRPO's clipped objective with a k3 penalty `beta` towards the stage's input model (0: no reference model).

    `loss_type` is how token losses are averaged: "dapo" over all tokens of the batch, "grpo" per sequence first,
    "bnpo" over all tokens of a device.
    """

    type: Literal["grpo"] = "grpo"
    epsilon_low: Positive = 0.2
    epsilon_high: Positive = 0.3
    beta: Annotated[float, Field(ge=0)] = 0.01
    loss_type: Literal["dapo", "grpo", "bnpo"] = "dapo"
    num_iterations: Count = 1


class RewardWeights(StrictModel):
    """Weights of the two rewards; an RL reward is their weighted sum."""

    format: Annotated[float, Field(ge=0)] = 0.1
    accuracy: Annotated[float, Field(ge=0)] = 0.9


class LocalSamplerConfig(StrictModel):
    """Rollouts by the model being trained, in its own process, `batch_size` sequences at a time."""

    type: Literal["local"] = "local"
    batch_size: Count = 64


class VllmSamplerConfig(StrictModel):
    """Rollouts by vLLM in the training processes (pip install 'trimpi[vllm]', GPUs only)."""

    type: Literal["vllm"] = "vllm"
    gpu_memory_utilization: Annotated[float, Field(gt=0, lt=1)] = 0.3
    tensor_parallel_size: Count = 1


SamplerConfig = Annotated[LocalSamplerConfig | VllmSamplerConfig, Field(discriminator="type")]


class RlConfig(TrainingConfig):
    """GRPO with PolicyRollout (paper, Training, 3).

    Each of `steps` steps samples 2 x group_size completions for each of `prompts_per_step` requests (over all devices);
    `policy_aware_share` of every group is sampled with the policy in the prompt, and 0 is plain GRPO at the same total.
    `micro_batch_tokens` is tokens per device and forward pass; a group is never cut, so one group may exceed it.
    Gradients accumulate over a step's completions, so it decides memory and speed, not the update.
    """

    type: Literal["rl"] = "rl"
    learning_rate: Positive = 1e-6
    scheduler: Literal["constant", "linear", "cosine"] = "constant"
    steps: Count
    prompts_per_step: Count
    group_size: Count = 5
    policy_aware_share: Share = 0.5
    micro_batch_tokens: Count = 16384
    algorithm: GrpoConfig = Field(default_factory=GrpoConfig)
    temperature: Positive = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_new_tokens: Count = 512
    rewards: RewardWeights = Field(default_factory=RewardWeights)
    sampler: SamplerConfig = Field(default_factory=LocalSamplerConfig)

    @property
    def total_group_size(self) -> int:
        """Completions of one request, of both halves; they are normalised together."""
        return 2 * self.group_size

    @property
    def policy_aware_per_group(self) -> int:
        return round(self.total_group_size * self.policy_aware_share)

    @property
    def completions_per_step(self) -> int:
        """Over all devices."""
        return self.prompts_per_step * self.total_group_size

    @model_validator(mode="after")
    def _whole_numbers(self) -> Self:
        aware = self.total_group_size * self.policy_aware_share
        if abs(aware - round(aware)) > 1e-9:
            raise ValueError(
                f"policy_aware_share {self.policy_aware_share} of a group of 2 x group_size = {self.total_group_size} "
                f"is {aware:g} completions: it must be a whole number"
            )
        return self


StageConfig = Annotated[VmCptConfig | DirectSftConfig | CotSftConfig | RlConfig, Field(discriminator="type")]
