"""The training stages and their settings. Defaults are the paper's for Qwen2.5-VL-7B where it names them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from trimpi.recipe.cots import ForwardCotConfig, ModelGeneratorConfig, ReverseCotConfig
from trimpi.recipe.model_names import BASE, BEST, INPUT
from trimpi.recipe.numbers import Count, Positive, Share
from trimpi.recipe.rl import (
    AdvantageConfig,
    AlgorithmConfig,
    GrpoConfig,
    LocalSamplerConfig,
    PolicyAwareShare,
    ReverseKlTeacher,
    RewardWeights,
    SamplerConfig,
    TeacherConfig,
)
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

    type: str
    learning_rate: Positive
    lora: LoraConfig | None = None
    warmup_ratio: Share = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    scheduler: Literal["constant", "linear", "cosine"] = "cosine"
    max_grad_norm: Positive = 1.0
    gradient_checkpointing: bool = False
    checkpoint_every_steps: Count | None = None
    examples_per_policy: Count | None = None

    @property
    def reads(self) -> str:
        """The model that the stage reads besides the one it trains, as `model_names` has it."""
        return INPUT


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
    def cot_sampling(self) -> ForwardCotConfig | ReverseCotConfig | None:
        """How chains of thought are sampled; None where they are there already."""
        if self.cot == "forward":
            return self.forward_cot
        return self.reverse_cot if self.cot == "reverse" else None

    @property
    def reads(self) -> str:
        generator = self.cot_sampling.generator if self.cot_sampling else None
        return generator.model if isinstance(generator, ModelGeneratorConfig) else INPUT


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


class SoftPromptConfig(CotTrainingConfig):
    """A baseline: `tokens` learned embeddings in front of every policy-free prompt, and nothing else trained.

    They are tokens of the model's vocabulary, so they count among those of every prompt.
    """

    type: Literal["soft_prompt"] = "soft_prompt"
    tokens: Count = 32
    learning_rate: Positive = 1e-2
    batch_size: Count = 16
    epochs: Positive = 5

    @model_validator(mode="after")
    def _nothing_else(self) -> Self:
        if self.lora is not None:
            raise ValueError("lora must be null: a soft prompt trains its own embeddings only; cot_sft trains adapters")
        if self.weight_decay:
            raise ValueError("weight_decay must be 0: it would change the embeddings of every other token, too")
        return self


class RlConfig(TrainingConfig):
    """Reinforcement learning with PolicyRollout (paper, Training, 3), GRPO or DAPO.

    Each of `steps` steps samples 2 x group_size completions for each of `prompts_per_step` requests (over all devices);
    `policy_aware_share` of every group is sampled with the policy in the prompt, and 0 is plain GRPO at the same total.
    `policy_aware_model` samples them: the model being trained ("current", the paper's) or a frozen one that may follow
    the policy in its prompt better, the stage's input ("input"), the recipe's model ("base") or what an earlier stage
    left, named by its type ("vm_cpt"). "best" is the current or the base, by a measurement. A frozen one takes the
    memory of its weights; if there is a teacher, it is the teacher.
    `micro_batch_tokens` is tokens per device and forward pass; a group is never cut, so one group may exceed it.
    Gradients accumulate over a step's completions, so it decides memory and speed, not the update.
    `gate_examples` training requests are answered with and without the policy before the first step: what the policy in
    the prompt gains is logged, a teacher that gains nothing is left out, and of the model being trained and the base
    the better one is "best". 0 measures nothing, and "best" is then the model being trained.
    """

    type: Literal["rl"] = "rl"
    learning_rate: Positive = 1e-6
    scheduler: Literal["constant", "linear", "cosine"] = "constant"
    steps: Count
    prompts_per_step: Count
    group_size: Count = 5
    policy_aware_share: PolicyAwareShare = 0.5
    policy_aware_model: str = BEST
    advantage: AdvantageConfig = Field(default_factory=AdvantageConfig)
    algorithm: AlgorithmConfig = Field(default_factory=GrpoConfig)
    teacher: TeacherConfig | None = None
    gate_examples: Annotated[int, Field(ge=0)] = 64
    micro_batch_tokens: Count = 16384
    temperature: Positive = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_new_tokens: Count = 512
    rewards: RewardWeights = Field(default_factory=RewardWeights)
    sampler: SamplerConfig = Field(default_factory=LocalSamplerConfig)

    @property
    def reads(self) -> str:
        return BASE if self.policy_aware_model == BEST else self.policy_aware_model

    @property
    def total_group_size(self) -> int:
        """Completions of one request, of both halves; they are normalised together."""
        return 2 * self.group_size

    @property
    def completions_per_step(self) -> int:
        """Over all devices, in one draw."""
        return self.prompts_per_step * self.total_group_size

    @model_validator(mode="after")
    def _whole_numbers(self) -> Self:
        if isinstance(self.policy_aware_share, float):
            aware = self.total_group_size * self.policy_aware_share
            if abs(aware - round(aware)) > 1e-9:
                raise ValueError(
                    f"policy_aware_share {self.policy_aware_share} of a group of 2 x group_size = "
                    f"{self.total_group_size} is {aware:g} completions: it must be a whole number"
                )
        return self

    @model_validator(mode="after")
    def _rewards_are_used(self) -> Self:
        alone = isinstance(self.teacher, ReverseKlTeacher) and self.teacher.alone
        if alone and self.algorithm.dynamic_sampling is not None:
            raise ValueError(
                "teacher.alone leaves the rewards out, so dynamic_sampling has nothing to choose by: "
                "use algorithm.type grpo, or algorithm.dynamic_sampling null"
            )
        if isinstance(self.teacher, ReverseKlTeacher) and alone and self.teacher.only_positive:
            raise ValueError("teacher.alone leaves the rewards out, so teacher.only_positive must be false")
        return self


StageConfig = Annotated[
    VmCptConfig | DirectSftConfig | CotSftConfig | SoftPromptConfig | RlConfig, Field(discriminator="type")
]
