"""Updated rules: which versions change, which stay, and what the update says."""

from __future__ import annotations

import itertools

import pytest

from trimpi.errors import DataError
from trimpi.tasks.gta.items import ACCOUNT_TYPES, Profile
from trimpi.tasks.gta.override import (
    changed_tools,
    override_every_rule,
    override_one_rule,
    override_rules,
    write_update,
)
from trimpi.tasks.gta.rules import GTA_RULES, Bound, RuleBook, VersionRule
from trimpi.tasks.gta.tools import Tool

SEEDS = range(20)
PROFILES = [
    Profile(account_type=account, credits=credits, age=age)
    for account, credits, age in itertools.product(
        ACCOUNT_TYPES, (0, 249, 250, 251, 499, 500, 501, 749, 750, 751, 1000), (20, 21, 59, 60)
    )
]


def ocr_after_update(profile: Profile) -> int:
    if profile.credits <= 250:
        return 1
    if profile.credits <= 750:
        return 2 if profile.account_type in "AB" else 3
    return 4 if profile.age < 21 else 5


@pytest.mark.parametrize("seed", SEEDS)
def test_ocr_always_gets_the_papers_update(seed: int) -> None:
    updated = override_rules(GTA_RULES, seed)
    assert [updated.version_of("OCR", profile)[0] for profile in PROFILES] == list(map(ocr_after_update, PROFILES))


@pytest.mark.parametrize("seed", SEEDS)
def test_two_more_tools_change_for_everyone_and_the_others_for_no_one(seed: int) -> None:
    updated = override_rules(GTA_RULES, seed)
    changed = set(changed_tools(GTA_RULES, updated))
    assert len(changed) == 3
    for tool in GTA_RULES.tools:
        if tool.name == "OCR" or not tool.versions:
            continue
        differs = {
            updated.version_of(tool.name, profile)[0] != GTA_RULES.version_of(tool.name, profile)[0]
            for profile in PROFILES
        }
        assert differs == {tool.name in changed}


def test_an_update_changes_versions_and_nothing_else() -> None:
    updated = override_rules(GTA_RULES, 0)
    assert (updated.tools, updated.tips, updated.math_rule) == (GTA_RULES.tools, GTA_RULES.tips, GTA_RULES.math_rule)
    for old, new in zip(GTA_RULES.version_rules, updated.version_rules, strict=True):
        assert (old.id, old.tool, old.conditions, old.decider) == (new.id, new.tool, new.conditions, new.decider)


def test_same_seed_same_update_and_seeds_reach_every_tool() -> None:
    assert override_rules(GTA_RULES, 3) == override_rules(GTA_RULES, 3)
    reached = {tool for seed in SEEDS for tool in changed_tools(GTA_RULES, override_rules(GTA_RULES, seed))}
    assert reached == {tool.name for tool in GTA_RULES.tools if tool.versions}


def make_book(versions: int) -> RuleBook:
    rule = VersionRule(
        id="zoom.1",
        tool="Zoom",
        conditions=(),
        version=1,
        decider=Bound("age", "under", 21),
        otherwise=versions,
    )
    return RuleBook(tools=(Tool(name="Zoom", versions=versions),), version_rules=(rule,), tips=())


def test_an_update_says_which_rules_it_replaces_and_states_the_new_ones() -> None:
    book = make_book(2)
    assert write_update(book, override_rules(book, 0)) == (
        "Updated rules. They replace all earlier rules on Zoom:\n- Use Zoom_v2 if age is under 21, else Zoom_v1."
    )


def test_the_papers_update_of_ocr_is_stated() -> None:
    assert (
        "- If credits are at most 250, use OCR_v1.\n"
        "- If credits are over 250 and credits are at most 750, use OCR_v2 if account is A or B, else OCR_v3.\n"
        "- If credits are over 750, use OCR_v4 if age is under 21, else OCR_v5.\n"
    ) in write_update(GTA_RULES, override_rules(GTA_RULES, 0))


def test_an_update_that_changes_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="changes no rule"):
        write_update(GTA_RULES, GTA_RULES)


@pytest.mark.parametrize("book", [make_book(1), RuleBook(tools=(Tool(name="Zoom"),), version_rules=(), tips=())])
def test_rules_without_two_versions_cannot_be_overridden(book: RuleBook) -> None:
    with pytest.raises(DataError, match="no tool has two versions"):
        override_rules(book, 0)
    with pytest.raises(DataError, match="no tool has two versions"):
        override_every_rule(book, 0)
    with pytest.raises(DataError, match="no tool has two versions"):
        override_one_rule(book, 0, {})


@pytest.mark.parametrize("seed", SEEDS)
def test_every_rule_of_a_tool_with_two_versions_changes_for_every_profile(seed: int) -> None:
    updated = override_every_rule(GTA_RULES, seed)
    for tool in GTA_RULES.tools:
        for profile in PROFILES:
            same = updated.version_of(tool.name, profile)[0] == GTA_RULES.version_of(tool.name, profile)[0]
            assert same == (tool.versions < 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_rule_changes_the_one_that_decides_most(seed: int) -> None:
    updated = override_one_rule(GTA_RULES, seed, {"tip.3": 90, "ocr.2": 7, "ocr.3": 9, "googlesearch.1": 9})
    pairs = zip(GTA_RULES.version_rules, updated.version_rules, strict=True)
    ((old, new),) = [(old, new) for old, new in pairs if old != new]
    assert old.id == new.id == "ocr.3"
    assert old.version != new.version and old.otherwise != new.otherwise and new.version != new.otherwise
    assert changed_tools(GTA_RULES, updated) == ["OCR"]
