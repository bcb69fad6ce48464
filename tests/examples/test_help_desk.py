"""The example without pictures: its rows are sound, say what the policy says, and none of the test is in training."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from examples.example_folder import EXAMPLES, maker_of, task_of
from trimpi.policies import load_policy
from trimpi.tasks.custom.task import CustomTask
from trimpi.types import Split

FOLDER = EXAMPLES / "help-desk"
PLAIN = {
    "matter": "small refund",
    "wish": "refund",
    "plan": "Team",
    "product": "Mail",
    "tone": "plain",
    "paid": 20,
    "amount": 500,
}
BY_HAND: list[tuple[str, dict[str, Any], str]] = [
    ("made under 21 days ago is paid back in full", {}, "billing refund normal"),
    ("An amount over 500 euros is not paid back by the desk alone", {"amount": 510}, "billing approve normal"),
    ("Once 21 days have passed nothing is paid back", {"paid": 21, "amount": 510}, "billing decline normal"),
    ("only customers on plan Business get a credit", {"paid": 21, "plan": "Business"}, "billing credit high"),
    ("If nobody at the customer's company can use it", {"wish": "everybody"}, "technical incident normal"),
    ("If it fails for one person only", {"wish": "one person", "plan": "Free"}, "technical steps low"),
    ("For a forgotten password the action is link", {"wish": "password"}, "accounts link normal"),
    ("A lost phone and a change of owner are different", {"wish": "phone"}, "accounts identity normal"),
    ("A lost phone and a change of owner are different", {"wish": "owner"}, "accounts identity normal"),
    ("We promise no date for a feature, and no discount", {"wish": "date"}, "sales explain normal"),
    ("We promise no date for a feature, and no discount", {"wish": "discount"}, "sales explain normal"),
    ("even a refund that is clearly due waits", {"matter": "press", "plan": "Free"}, "lead call urgent"),
]
"""Words of the policy, what a ticket has beside PLAIN, and the decision that follows."""


@pytest.fixture(scope="module")
def maker() -> Iterator[ModuleType]:
    with maker_of(FOLDER) as module:
        yield module


@pytest.fixture(scope="module")
def task() -> CustomTask:
    return task_of(FOLDER)


def written(split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{split}.jsonl").read_text().splitlines()]


def sentences(task: CustomTask, split: Split) -> set[str]:
    """What is said in the tickets of a split, with product, plan and numbers left out, and stop and case, too."""
    said: set[str] = set()
    for example in task.examples(split):
        turns = [str(message.parts[-1]) for message in example.before]
        for sentence in re.split(r"(?<=[.?:\]])\s+", " ".join([*turns, example.prompt])):
            said.add(re.sub(r"\b(Mail|Drive|Notes|Free|Team|Business|\d+)\b", "_", sentence).strip(" .?:").casefold())
    return said - {""}


def test_the_rows_are_sound_and_nothing_is_to_look_at(task: CustomTask) -> None:
    task.validate()
    assert (len(task.examples("train")), len(task.examples("test"))) == (162, 60)
    assert list(task.findings()) == []


def test_the_policy_and_the_rows_have_no_picture(task: CustomTask) -> None:
    assert load_policy(FOLDER).images == ()
    assert not any(example.all_images for split in ("train", "test") for example in task.examples(split))


def test_no_sentence_of_a_test_ticket_is_in_training(task: CustomTask) -> None:
    assert sentences(task, "train") & sentences(task, "test") == set()


def test_the_rows_are_those_of_the_script(maker: ModuleType) -> None:
    assert {split: written(split) for split in ("train", "test")} == maker.rows()


def test_no_combination_is_drawn_for_both_splits(maker: ModuleType) -> None:
    taken: set[tuple[str, ...]] = set()
    rng = random.Random(0)
    drawn = [one for split in (1, 0) for one in maker.tickets(split, taken, rng)]
    assert len(drawn) == 162 + 60
    assert len({(one.matter, one.plan, one.product, one.tone) for one in drawn}) == len(drawn)


@pytest.mark.parametrize(("rule", "given", "decision"), BY_HAND)
def test_a_decision_by_hand(rule: str, given: dict[str, Any], decision: str, maker: ModuleType) -> None:
    assert rule in (FOLDER / "policy.md").read_text()
    ticket = maker.Ticket(**{**PLAIN, **given})
    assert " ".join(maker.decide(ticket)[2].values()) == decision


def test_tone_is_cited_and_changes_nothing(maker: ModuleType) -> None:
    plain, rude = (maker.Ticket(**{**PLAIN, "tone": tone}) for tone in ("plain", "rude"))
    (_, sections, decision), (_, cited, same) = maker.decide(plain), maker.decide(rude)
    assert decision == same and cited == ["Tone", *sections]
