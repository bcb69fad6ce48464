from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from run.fake_services import WordTask, make_recipe
from trimpi.errors import DataError
from trimpi.policies import Policy
from trimpi.rendering.prompts import Prompt
from trimpi.run.check import check_recipe
from trimpi.types import Example, Split


class LetterCounter:
    """A prompt is 10 tokens, a policy 100 more, a response one for each letter."""

    def prompt(self, example: Example, policy: Policy | None) -> int:
        return 10 if policy is None else 110

    def chat(self, prompt: Prompt) -> int:
        return 1

    def response(self, text: str) -> int:
        return len(text)

    def control_token_in(self, text: str) -> str | None:
        return "<|end|>" if "<|end|>" in text else None


def test_policies_are_listed_with_the_tokens_they_add() -> None:
    result = check_recipe(make_recipe(), WordTask(), LetterCounter())
    assert [(policy.name, policy.tokens) for policy in result.policies] == [("Ako", 100), ("Bim", 100)]


def test_splits_are_listed_with_their_prompts() -> None:
    train, test = check_recipe(make_recipe(), WordTask(), LetterCounter()).splits
    assert (train.name, train.examples, train.policy_free_tokens, train.policy_aware_tokens) == ("train", 4, 10, 110)
    assert (test.name, test.majority) == ("test", 1.0)


def test_supervised_steps_and_tokens_follow_from_examples_and_epochs() -> None:
    stage = {"type": "direct_sft", "epochs": 2.5, "batch_size": 2, "gradient_accumulation": 2}
    (summary,) = check_recipe(make_recipe(stages=[stage]), WordTask(), LetterCounter()).stages
    # 4 examples x 2.5 epochs = 10 sequences of 10 + len("\\boxed{left}") tokens, 4 to a step.
    assert (summary.examples, summary.steps, summary.tokens) == (4, 3, 10 * (10 + 12))
    assert not summary.tokens_are_a_bound


def test_vm_cpt_trains_on_the_policy_too() -> None:
    stage = {"type": "vm_cpt", "epochs": 1, "examples_per_policy": 1}
    (summary,) = check_recipe(make_recipe(stages=[stage]), WordTask(), LetterCounter()).stages
    assert summary.examples == 2
    assert summary.tokens == 2 * (110 + len("<think>The policy says so.</think>\\boxed{left}"))


def test_fine_tuning_with_the_policy_in_the_prompt_trains_on_longer_prompts() -> None:
    stage = {"type": "direct_sft", "epochs": 1, "prompt": "policy_aware"}
    (summary,) = check_recipe(make_recipe(stages=[stage]), WordTask(), LetterCounter()).stages
    assert summary.tokens == 4 * (110 + len("\\boxed{left}"))


def test_rl_tokens_are_a_bound() -> None:
    stage = {"type": "rl", "steps": 5, "prompts_per_step": 3, "group_size": 2, "max_new_tokens": 50}
    (summary,) = check_recipe(make_recipe(stages=[stage]), WordTask(), LetterCounter()).stages
    assert (summary.steps, summary.tokens, summary.tokens_are_a_bound) == (5, 5 * 3 * 4 * (10 + 50), True)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_row_with_a_control_token_is_named(split: str) -> None:
    class Spoilt(WordTask):
        def examples(self, of: Split) -> Sequence[Example]:
            first, *others = super().examples(of)
            return [*others, replace(first, cot="so <|end|>") if of == split else first]

    expected = WordTask().examples("train" if split == "train" else "test")[0].id
    with pytest.raises(DataError, match=f"^{expected}: it holds '<.end.>'"):
        check_recipe(make_recipe(), Spoilt(), LetterCounter())


def test_a_policy_with_a_control_token_is_named() -> None:
    class Spoilt(WordTask):
        @property
        def policies(self) -> dict[str, Policy]:
            return {name: Policy(name, ("so <|end|>",)) for name in super().policies}

        def policy_place(self, policy_name: str, text: str) -> str:
            return f"{policy_name}.md: {text}"

    (name, *_) = WordTask().policies
    with pytest.raises(DataError, match=f"^{name}.md: <.end.>: it holds '<.end.>'"):
        check_recipe(make_recipe(), Spoilt(), LetterCounter())
