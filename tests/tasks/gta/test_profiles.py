"""Users: every kind of them, and the cases of a tool's rules in turn."""

from __future__ import annotations

import random
from collections import Counter

from trimpi.tasks.gta.items import ACCOUNT_TYPES
from trimpi.tasks.gta.profiles import ProfileDealer, sample_profile
from trimpi.tasks.gta.rules import GTA_RULES, AccountIn, Bound, RuleBook, VersionRule
from trimpi.tasks.gta.tools import Tool


def test_profiles_are_a_function_of_the_generator() -> None:
    first, second = ([sample_profile(rng) for _ in range(20)] for rng in (random.Random(4), random.Random(4)))
    assert first == second
    assert len(set(first)) > 15


def test_profiles_have_every_account_age_group_and_bound() -> None:
    rng = random.Random(0)
    profiles = [sample_profile(rng) for _ in range(3000)]
    assert {profile.account_type for profile in profiles} == set(ACCOUNT_TYPES)
    assert {profile.credits for profile in profiles} == set(range(0, 1001, 10))
    groups = Counter("young" if p.age < 21 else "old" if p.age >= 60 else "adult" for p in profiles)
    assert min(groups.values()) > 900


def test_the_cases_of_a_tools_rules_take_turns() -> None:
    """ImageDescription has five: A, B or C rich, B or C poor, D rich, D poor."""
    dealer, rng = ProfileDealer(GTA_RULES), random.Random(0)
    versions = [GTA_RULES.version_of("ImageDescription", dealer.deal("ImageDescription", rng))[0] for _ in range(10)]
    assert versions == [5, 4, 3, 2, 1, 5, 4, 3, 2, 1]


def test_tools_take_turns_on_their_own() -> None:
    dealer, rng = ProfileDealer(GTA_RULES), random.Random(0)
    dealer.deal("ImageDescription", rng)
    dealer.deal("Calculator", rng)
    assert GTA_RULES.version_of("OCR", dealer.deal("OCR", rng))[1] == GTA_RULES.rules_of("OCR")[0]


def test_a_case_that_no_user_can_be_in_does_not_hold_up_the_others() -> None:
    """Nobody has fewer than 0 credits, so the second case of the first rule is nobody's."""
    rules = (
        VersionRule(
            id="look.1",
            tool="Look",
            conditions=(AccountIn(frozenset("A")),),
            version=1,
            decider=Bound("credits", "at least", 0),
            otherwise=2,
        ),
        VersionRule(id="look.2", tool="Look", conditions=(AccountIn(frozenset("BCD")),), version=2),
    )
    book = RuleBook(tools=(Tool(name="Look", versions=2),), version_rules=rules, tips=())
    dealer, rng = ProfileDealer(book), random.Random(0)
    accounts = [dealer.deal("Look", rng).account_type for _ in range(3)]
    assert accounts[0] == "A"
    assert accounts[2] in "BCD"
