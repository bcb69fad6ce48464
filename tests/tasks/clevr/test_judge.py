"""The judge of reasoning: cases by hand, gold chains, planted errors, hostile text."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickness import answered_within
from tasks.clevr.by_hand import make_scene, make_tree
from tasks.clevr.mutations import Case, plant, random_case
from trimpi.tasks.clevr.judge import judge_reasoning
from trimpi.types import Judgement

KINDS = ("perception", "recall", "branching", "format")
SCENE = make_scene("small cyan rubber cube", "large red metal sphere")
"""Under `make_tree`: Condition 1 yes, Condition 1.1 yes, Case 1."""
FIRST = "Condition 1: Is there a cyan object? Yes, a small cyan rubber cube."
SECOND = "Condition 1.1: Is there a small cyan object? Yes, a small cyan rubber cube."
LAST = "The response is Case 1."


def judge(*lines: str, answer: str | None = "Case 1", shown: frozenset[str] = frozenset()) -> Judgement:
    return judge_reasoning("\n".join(lines), make_tree(), shown, SCENE, answer)


def judge_case(case: Case, reasoning: str, answer: str) -> Judgement:
    return judge_reasoning(reasoning, case.tree, case.shown, case.scene, answer)


def test_a_flawless_chain_scores_ten() -> None:
    judgement = judge(FIRST, SECOND, LAST)
    assert judgement.score == 10
    assert [step.verdict for step in judgement.steps] == ["right"] * 3
    assert judgement.cited == ("1", "1.1")
    assert judgement.first_wrong is None
    assert judgement.error is None


def test_case_white_space_marks_and_prose_do_not_matter() -> None:
    judgement = judge(
        "Let me look at the policy. Condition 1 comes first.",
        "",
        " - **CONDITION 1:**   is there a Cyan object?  yes , the small cyan CUBE. Go to Condition 1.1.",
        "* Condition 1.1. Is one of the cyan objects small? Yes.",
        "So the response is: case 1",
        "Done.",
    )
    assert judgement.score == 10
    assert [step.verdict for step in judgement.steps] == ["unread", "right", "right", "unread", "right", "unread"]


def test_a_chain_on_one_line_is_read_as_well() -> None:
    assert judge(f"{FIRST} {SECOND} {LAST}").score == 10


def test_the_policys_own_words_quote_it_too() -> None:
    shown = frozenset({"1"})
    this = "Condition 1: the image shows cyan. Is there an object of this color: ? Yes."
    assert judge(this, SECOND, LAST, shown=shown).score == 10
    those = "Condition 1.1: Is one of those objects small? Yes."
    assert judge(f"Condition 1: the image shows cyan. {FIRST[13:]}", those, LAST, shown=shown).score == 10


@pytest.mark.parametrize(
    ("lines", "at", "error", "why"),
    [
        (["Condition 1: Is there a cyan object? No."], 0, "perception", "there is a small cyan rubber cube"),
        (["Condition 1: Is there a cyan object? Yes, a large cyan rubber cube."], 0, "perception", "is no cyan object"),
        (["Condition 1: Is there a cyan object? Yes, a large red metal sphere."], 0, "perception", "is no cyan object"),
        (["Condition 1: Is there a red object? Yes, a large red metal sphere."], 0, "recall", "asks for a cyan object"),
        (["Condition 1: Is there a cyan cube? Yes."], 0, "recall", "asks for a cyan object"),
        (["Condition 1: Is there a cyan object or not? Yes."], 0, "recall", "asks for a cyan object"),
        (["Condition 1: the image shows cyan. Is there a cyan object? Yes."], 0, "recall", "shows no image"),
        ([FIRST, "Condition 1.3: Is there a small cyan object? Yes."], 1, "recall", 'no Condition "1.3"'),
        ([FIRST, SECOND, "The response is Case 9."], 2, "recall", 'no response "case 9"'),
        ([SECOND], 0, "branching", "Condition 1 was due"),
        ([FIRST, FIRST], 1, "branching", "Condition 1.1 was due"),
        ([FIRST, "Condition 1.2: Is there a cube? Yes."], 1, "branching", "Condition 1.1 was due"),
        ([FIRST, LAST], 1, "branching", "Condition 1.1 was due"),
        ([FIRST, SECOND, "The response is Case 2."], 2, "branching", "response Case 1 was due"),
        ([FIRST, SECOND, LAST, LAST], 3, "branching", "already given"),
        ([FIRST, SECOND, LAST, FIRST], 3, "branching", "already given"),
        (["Condition 1: Is there a cyan object? Perhaps."], 0, "format", "not a question"),
        (["Condition 1: Is there a cyan object? Yes, a cyan dog."], 0, "format", "policy's words"),
        (["Condition: Is there a cyan object? Yes."], 0, "format", "no section"),
        ([FIRST, SECOND], 2, "format", "no response"),
        (["It looks like Case 1."], 1, "format", "no response"),
        ([], 0, "format", "no reasoning"),
    ],
)
def test_every_error_is_found_where_it_happens(lines: list[str], at: int, error: str, why: str) -> None:
    judgement = judge(*lines)
    assert (judgement.first_wrong, judgement.error) == (at, error)
    assert why in judgement.steps[at].why
    assert judgement.score < 10


def test_a_shown_value_must_be_said_and_be_the_right_one() -> None:
    shown = frozenset({"1"})
    assert judge(FIRST, SECOND, LAST, shown=shown).error == "recall"
    wrong = "Condition 1: the image shows red. Is there a cyan object? Yes."
    assert judge(wrong, SECOND, LAST, shown=shown).steps[0].why == "its image shows cyan"


@pytest.mark.parametrize("answer", ["Case 2", None])
def test_the_response_must_be_the_boxed_answer(answer: str | None) -> None:
    judgement = judge(FIRST, SECOND, LAST, answer=answer)
    assert (judgement.first_wrong, judgement.error) == (2, "format")


def test_a_wrong_verdict_is_judged_onward_along_its_own_branch() -> None:
    judgement = judge(
        "Condition 1: Is there a cyan object? No.",
        "Condition 1.2: Is there a cube? Yes, a small cyan rubber cube.",
        "The response is Case 3.",
        answer="Case 3",
    )
    assert [step.error for step in judgement.steps] == ["perception", None, None]
    assert judgement.score == 0


def test_the_score_is_how_far_the_gold_chain_is_followed() -> None:
    assert judge(FIRST, SECOND, "The response is Case 2.").score == pytest.approx(20 / 3)
    assert judge(FIRST, "Condition 1.2: Is there a cube? Yes.", "The response is Case 3.").score == pytest.approx(
        10 / 3
    )
    assert judge(FIRST, SECOND, LAST, LAST).score == pytest.approx(20 / 3)


def test_gold_chains_score_ten() -> None:
    for seed in range(600):
        case = random_case(random.Random(seed), layers=2 + seed % 5)
        judgement = judge_case(case, "\n".join(case.lines), case.response)
        assert judgement.score == 10, seed
        assert {step.verdict for step in judgement.steps} == {"right"}
        assert judgement.cited == tuple(step.decision.id for step in case.steps)


def test_a_planted_error_is_found_at_its_step_and_is_the_only_one() -> None:
    for seed in range(600):
        rng = random.Random(seed)
        case = random_case(rng, layers=2 + seed % 3)
        planted = plant(KINDS[seed % 4], case, rng)
        judgement = judge_case(case, planted.reasoning, planted.answer)
        wrong = [(at, step.error) for at, step in enumerate(judgement.steps) if step.verdict == "wrong"]
        assert wrong[0] == (planted.step, planted.error), f"{seed}\n{planted.reasoning}"
        assert judgement.score == pytest.approx(10 * min(planted.step, len(case.steps)) / (len(case.steps) + 1))
        assert len(wrong) == 1, f"{seed}\n{planted.reasoning}"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(KINDS), st.integers(0, 8), st.booleans())
def test_another_planted_error_never_raises_the_score(seed: int, kind: str, at: int, inserted: bool) -> None:
    rng = random.Random(seed)
    case = random_case(rng, layers=3)
    planted = plant(kind, case, rng)  # type: ignore[arg-type]
    before = judge_case(case, planted.reasoning, planted.answer).score
    lines = planted.reasoning.splitlines()
    wrong = rng.choice(("Condition 9: Is there a cube? No.", "Condition 1", "The response is Case 999.", lines[0]))
    lines[at : at + (not inserted)] = [wrong]
    if lines != planted.reasoning.splitlines():
        assert judge_case(case, "\n".join(lines), planted.answer).score <= before


HOSTILE = {
    "one word": "a" * 100_000,
    "a long id": "Condition " + "1." * 50_000,
    "many headings": "Condition 1: " * 10_000,
    "many headings in lines": "Condition 1: Is there a cyan object? Yes.\n" * 5_000,
    "headings without id": "condition:\n" * 10_000,
    "headings without verdict": "Condition 1:\n" * 10_000,
    "many responses": "the response is " * 6_000,
    "a long question": "Condition 1: " + "cyan " * 20_000 + "? Yes",
    "a long description": "Condition 1: Is there a cyan object? Yes, " + "cyan " * 20_000,
    "white space": " \t" * 50_000 + "Condition 1" + " " * 50_000 + ":",
    "nesting": "<think>" * 10_000 + "{" * 30_000,
    "unicode": "Condition ١: İs there a ｃyan object？\u2028\u0000\ud800 ﷽ 🟦" * 1_000,
    "marks": "*" * 50_000 + "_" * 50_000,
    "digits": "condition 1" + "1" * 100_000 + ":",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_judged_quickly(text: str) -> None:
    tree = make_tree()
    assert answered_within(2.0, lambda: judge_reasoning(text, tree, frozenset(), SCENE, text)).score < 10


@given(st.text())
def test_any_text_can_be_judged(text: str) -> None:
    assert judge(text).score == 0
