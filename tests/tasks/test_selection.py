from __future__ import annotations

from trimpi.tasks.selection import first_per_policy
from trimpi.types import Example

EXAMPLES = [
    Example(id=f"train-{number}", policy_name=policy, prompt="What now?", images=(), answer="left")
    for number, policy in enumerate(("Ako", "Ako", "Bim", "Ako", "Bim", "Bim"))
]


def test_the_first_examples_of_each_policy_are_taken_in_their_order() -> None:
    assert [example.id for example in first_per_policy(EXAMPLES, 2)] == ["train-0", "train-1", "train-2", "train-4"]


def test_all_examples_are_taken_without_a_limit() -> None:
    assert first_per_policy(EXAMPLES, None) == EXAMPLES
