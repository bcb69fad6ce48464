"""How answers under a user's own policy are scored: a reward by its name, or a function of the user's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from trimpi.recipe.endpoint import EndpointConfig
from trimpi.recipe.numbers import Count, Share
from trimpi.recipe.strict import StrictModel

FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
NotNegative = Annotated[float, Field(ge=0)]
Similarity = Literal["bertscore", "exact"]
"""Texts compared by an encoder (`encoder`; null: the one of the extra `bertscore`), or by equality."""


class ExactReward(StrictModel):
    """1 when the answer equals the gold one up to white space and case."""

    type: Literal["exact"] = "exact"


class ChoiceReward(StrictModel):
    """1 for the right one of some choices; null takes the gold answers of the training rows as the choices."""

    type: Literal["choice"] = "choice"
    choices: list[str] | None = Field(default=None, min_length=2)


class JsonReward(StrictModel):
    """The share of fields that are right, of an answer valid by a JSON Schema.

    `json_schema` is a file in the task's folder. `fields` are compared; null: all of both objects. `text_fields` are
    compared by `similarity`.
    """

    type: Literal["json"] = "json"
    json_schema: str | None = None
    fields: list[str] | None = Field(default=None, min_length=1)
    text_fields: list[str] = Field(default_factory=list)
    similarity: Similarity = "exact"
    encoder: Path | None = Field(default=None, strict=False)


class RegexReward(StrictModel):
    """1 when the whole answer matches `pattern`, where {gold} stands for the gold answer; null: the gold answers are
    patterns themselves.
    """

    type: Literal["regex"] = "regex"
    pattern: str | None = Field(default=None, min_length=1)
    ignore_case: bool = True


class NumericReward(StrictModel):
    """1 when the answer's number is within `absolute` of the gold one's, or within `relative` of its size."""

    type: Literal["numeric"] = "numeric"
    absolute: NotNegative = 0.0
    relative: NotNegative = 0.0


class SimilarityReward(StrictModel):
    """How similar a free text is to the gold one; right from `least` on."""

    type: Literal["similarity"] = "similarity"
    similarity: Similarity = "bertscore"
    least: Share = 0.9
    encoder: Path | None = Field(default=None, strict=False)


class ToolCallReward(StrictModel):
    """Half for the tool, half for its arguments; `arguments` says what each is compared by, any other by equality."""

    type: Literal["tool_call"] = "tool_call"
    arguments: dict[str, Literal["exact", "text", "expression", "box"]] = Field(default_factory=dict)
    similarity: Similarity = "exact"
    encoder: Path | None = Field(default=None, strict=False)


class JudgeReward(StrictModel):
    """A model behind an endpoint that sees policy, request, gold answer and answer, and gives 0 to 10; right from
    `least` of 10 on.
    """

    type: Literal["judge"] = "judge"
    endpoint: EndpointConfig
    least: Annotated[float, Field(gt=0, le=10)] = 8.0
    max_new_tokens: Count = 512


class FunctionReward(StrictModel):
    """A Python function of the user's own, "module:function", found beside the data or where Python finds modules.

    It is called with the answer and the row and returns a number in [0, 1]: see tasks/custom/rewards.py. Whoever runs
    the recipe runs that code.
    """

    type: Literal["function"] = "function"
    function: str

    @field_validator("function")
    @classmethod
    def _names_a_function(cls, function: str) -> str:
        if not FUNCTION.fullmatch(function):
            raise ValueError("allowed is module:function, such as rewards:score")
        return function


RewardConfig = Annotated[
    ExactReward
    | ChoiceReward
    | JsonReward
    | RegexReward
    | NumericReward
    | SimilarityReward
    | ToolCallReward
    | JudgeReward
    | FunctionReward,
    Field(discriminator="type"),
]


def written_out(reward: Any) -> Any:
    """A reward by its bare name, or as module:function, as the mapping that it is short for."""
    if not isinstance(reward, str):
        return reward
    return {"type": "function", "function": reward} if ":" in reward else {"type": reward}
