"""Recitation: requests for one section, answers by hand, scored part by part."""

from __future__ import annotations

import pytest

from tasks.clevr.by_hand import make_tree
from trimpi.tasks.clevr.recitation import make_recitation, score_recitation
from trimpi.tasks.clevr.tree import decisions
from trimpi.types import Completion, Score

SMALL = next(decision for decision in decisions(make_tree()) if decision.id == "1.1")
GOLD = "Is one of the cyan objects small? Yes: respond Case 1. No: respond Case 2."


def score(answer: str) -> Score:
    return score_recitation(Completion(text=f"\\boxed{{{answer}}}", token_ids=()), SMALL, frozenset())


def test_the_request_names_the_section_and_its_answer_is_the_policys_text() -> None:
    example = make_recitation("L2-Surinu", SMALL, frozenset())
    assert example.prompt == "Policy L2-Surinu: what does Condition 1.1 say?"
    assert example.answer == GOLD
    assert example.images == ()
    first = make_recitation("L2-Surinu", make_tree(), frozenset({"1"}))
    assert first.answer == (
        "Is there an object of this color: cyan? Yes: go to Condition 1.1. No: go to Condition 1.2."
    )


@pytest.mark.parametrize("shown", [frozenset(), frozenset({"1"}), frozenset({"1", "1.1", "1.2"})])
def test_gold_recitations_score_one(shown: frozenset[str]) -> None:
    for decision in decisions(make_tree()):
        answer = make_recitation("L2-Surinu", decision, shown).answer
        got = score_recitation(Completion(text=f"\\boxed{{{answer}}}", token_ids=()), decision, shown)
        assert (got.value, got.outcome, set(got.parts.values())) == (1.0, "correct", {1.0})


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        ("is one of the  cyan objects small? yes: respond case 1 no: respond case 2", (1, 1, 1)),
        ("Is there a small cyan object? Yes: respond Case 1. No: respond Case 2.", (1, 1, 1)),
        ("Is one of the red objects small? Yes: respond Case 1. No: respond Case 2.", (0, 1, 1)),
        ("Is one of the cyan objects small? Yes: respond Case 2. No: respond Case 1.", (1, 0, 0)),
        ("Is one of the cyan objects small? Yes: respond Case 1. No: go to Condition 1.2.", (1, 1, 0)),
        ("Is one of the cyan objects small? Yes: respond Case 1.", (1, 1, 0)),
        ("Is one of the cyan objects small? No: respond Case 2.", (1, 0, 1)),
        ("Yes: respond Case 1. No: respond Case 2.", (0, 0, 0)),
        ("Is one of the cyan objects small? Yes: respond Case 1. No: respond Case 2. Or not.", (1, 1, 0)),
        ("Case 1", (0, 0, 0)),
    ],
)
def test_every_part_counts_a_third(answer: str, parts: tuple[int, int, int]) -> None:
    got = score(answer)
    assert tuple(got.parts[part] for part in ("question", "yes", "no")) == parts
    assert got.value == pytest.approx(sum(parts) / 3)
    assert got.outcome == ("correct" if all(parts) else "wrong")


@pytest.mark.parametrize(
    "text",
    [
        f"Condition 1.1\n{GOLD}",
        f"## Condition 1.1:\n{GOLD}",
        f"<think>It is about size.</think>{GOLD}",
        f"<think>It is about size.</think>\\boxed{{Condition 1.1\n{GOLD}}}",
        f"It says:\n\\boxed{{{GOLD}}}",
    ],
)
def test_the_box_is_read_or_what_follows_the_thought_or_everything(text: str) -> None:
    got = score_recitation(Completion(text=text, token_ids=()), SMALL, frozenset())
    assert (got.value, got.outcome) == (1.0, "correct")


def test_another_sections_heading_is_not_taken_for_its_own() -> None:
    for heading in ("Condition 1", "Condition 1.1.2", "Condition 1.2"):
        assert score(f"{heading}\n{GOLD}").parts == {"question": 0.0, "yes": 1.0, "no": 1.0}


def test_nothing_said_and_cut_off_are_not_wrong() -> None:
    nothing = score_recitation(Completion(text="<think>Hm.</think>", token_ids=()), SMALL, frozenset())
    assert (nothing.value, nothing.outcome, nothing.extracted) == (0.0, "no_answer", None)
    cut = Completion(
        text="Is one of the cyan objects small? Yes: respond Case 1. No: resp", token_ids=(), truncated=True
    )
    got = score_recitation(cut, SMALL, frozenset())
    assert (got.value, got.outcome) == (pytest.approx(2 / 3), "truncated")


def test_hostile_answers_are_scored_quickly() -> None:
    for answer in ("? yes: " + "a" * 100_000, "? yes: " + "no" * 50_000, "? " * 50_000, "?" + " no: a" * 20_000):
        assert score(answer).value < 1
