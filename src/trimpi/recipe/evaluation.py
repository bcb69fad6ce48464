"""When and on what a run is evaluated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trimpi.recipe.break_even import BreakEvenConfig
from trimpi.recipe.efficiency import EfficiencyConfig
from trimpi.recipe.endpoint import EndpointConfig
from trimpi.recipe.numbers import Count
from trimpi.recipe.strict import StrictModel

SuiteName = Literal[
    "accuracy",
    "in_context",
    "override",
    "override_matrix",
    "recitation",
    "leakage",
    "few_shot",
    "retrieval",
    "referral",
    "branching",
    "forgetting",
    "efficiency",
]
"""The suites of `evaluation/suites.py`, and `efficiency`, which is measured."""


class HarnessConfig(StrictModel):
    """Benchmarks asked by lm-eval (the extra `harness`): `tasks` by its names, or by those of YAML files in `include`.

    `limit` caps the documents of every task (null: all of them); `chat_template` asks them as chats.
    """

    tasks: list[str] = Field(min_length=1)
    include: str | None = None
    limit: int | None = Field(default=None, ge=1)
    chat_template: bool = True


class ReferralJudgeConfig(EndpointConfig):
    """The paper's judge of Policy Referral: a model behind an endpoint, asked about `responses` of a model's answers.

    They are spread evenly over the test requests; null asks about all. The paper asks about 100. Replies are greedy.
    """

    responses: Count | None = 100
    max_new_tokens: Count = 1024


class EvaluationConfig(StrictModel):
    """`examples` caps the test requests of a suite (null: all of them); `base` evaluates the model before any stage.

    A suite may ask a request several times (`override`, `override_matrix`), or other things altogether, which are not
    capped (`recitation`, `leakage`, `forgetting`). `referral` and `branching` look at the answers of `accuracy`.
    `skill_examples` are the questions of every skill in the suite `forgetting`. With a `referral_judge`, `referral`
    sets a language model's scores beside the exact ones; a task that has no exact judge is judged by it alone.

    `efficiency` is measured after the last stage, and wherever it is among the suites; `break_even` sets it against
    what training cost.
    """

    suites: list[SuiteName] = Field(default=["accuracy", "in_context"], min_length=1)
    examples: int | None = Field(default=None, ge=1)
    skill_examples: int = Field(default=32, ge=1)
    batch_size: int = Field(default=32, ge=1)
    max_new_tokens: int = Field(default=512, ge=1)
    after: Literal["every_stage", "last_stage"] = "every_stage"
    base: bool = True
    harness: HarnessConfig | None = None
    referral_judge: ReferralJudgeConfig | None = None
    efficiency: EfficiencyConfig = Field(default_factory=EfficiencyConfig)
    break_even: BreakEvenConfig = Field(default_factory=BreakEvenConfig)
