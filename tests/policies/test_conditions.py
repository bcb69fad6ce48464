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


def test_a_rule_knows_its_line() -> None:
    (rule,) = read_rules("# Desk\nWelcome. Be kind.\n\n## Money\nPay back. If the amount is over 5, ask a person.\n")
    assert (rule.line, rule.action) == (5, "ask a person")
