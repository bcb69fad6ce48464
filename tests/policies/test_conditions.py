from __future__ import annotations

import pytest

from trimpi.policies.conditions import contradictions, read_rules


def cases(*rules: str) -> list[str]:
    return [found.case for found in contradictions(list(read_rules("\n".join(f"- {rule}" for rule in rules))))]


@pytest.mark.parametrize(
    ("one", "other", "case"),
    [
        ("If the amount is over 50, refund in cash.", "If amount is over 100, refund by card.", "amount 101"),
        ("If the amount is at most 50, refund in cash.", "Refund by card if the amount is at least 50.", "amount 50"),
        ("If the account is A or B, offer cash.", "If account is B or C, then offer credit.", "account b"),
        (
            "If the account is A and credits are over 10, offer cash.",
            "If credits are under 20 and the account is A, offer credit.",
            "account a, credits 15",
        ),
    ],
)
def test_rules_that_a_case_meets_both_of_contradict(one: str, other: str, case: str) -> None:
    assert cases(one, other) == [case]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("If the amount is over 50, refund in cash.", "If the amount is at most 50, refund by card."),
        ("If the amount is over 50, refund in cash.", "If the amount is over 50, refund in cash."),
        ("If the amount is over 50, refund in cash.", "If the amount is over 100, escalate to a person."),
        ("If the account is A, offer cash.", "If the tier is A, offer credit."),
        ("If the account is A, offer cash.", "If the account is A and it rains, offer credit."),
        ("If the age is over 50 days, refund it.", "If the age is over 50 years, refund nothing."),
        ("If the account is not A, offer cash.", "If the account is B, offer credit."),
    ],
)
def test_rules_that_go_together_do_not(one: str, other: str) -> None:
    assert cases(one, other) == []


OVER_50, OVER_100 = "If the amount is over 50, {}.", "If the amount is over 100, {}."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("refund in cash", "do not refund in cash"),
        ("refund in cash", "don't refund in cash"),
        ("refund in cash", "you must not refund in cash"),
        ("you must refund in cash", "you may not refund in cash"),
        ("refund", "never refund"),
        ("never refund", "always refund"),
        ("may refund", "cannot refund"),
        ("refund the amount in cash", "do not refund the amount"),
        ("approve", "reject"),
        ("accept the return", "then refuse a return"),
        ("may grant access", "deny access"),
        ("must refund in cash", "should refund by card"),
    ],
)
def test_what_one_rule_wants_and_another_forbids_contradicts_either_way_round(one: str, other: str) -> None:
    assert cases(OVER_50.format(one), OVER_100.format(other)) == ["amount 101"]
    assert cases(OVER_100.format(other), OVER_50.format(one)) == ["amount 101"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("refund in cash", "do not refund by card"),
        ("refund", "do not refund in cash"),
        ("do not refund in cash", "do not refund by card"),
        ("do not refund", "never refund"),
        ("may refund in cash", "may refund by card"),
        ("must refund it", "must write to them"),
        ("do not refund", "do not escalate"),
        ("refund", "do not refund-tag it"),
        ("never approve", "reject"),
        ("accept cash", "refuse a card"),
        ("refuse it", "accept cash"),
        ("approve", "accept"),
    ],
)
def test_what_can_be_done_without_breaking_either_rule_does_not(one: str, other: str) -> None:
    assert cases(OVER_50.format(one), OVER_100.format(other)) == []
    assert cases(OVER_100.format(other), OVER_50.format(one)) == []


def test_what_is_forbidden_in_other_cases_does_not_contradict() -> None:
    assert cases(OVER_50.format("refund"), "If the amount is at most 50, never refund.") == []
    assert cases("If the account is A, approve.", "If the account is B, reject.") == []


def test_a_rule_knows_its_line() -> None:
    (rule,) = read_rules("# Desk\nWelcome. Be kind.\n\n## Money\nPay back. If the amount is over 5, ask a person.\n")
    assert (rule.line, rule.action) == (5, "ask a person")
