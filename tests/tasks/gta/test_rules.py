"""The calling rules, against a table written by hand from the paper's list; and rule books that cannot be."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from trimpi.errors import DataError
from trimpi.tasks.gta.items import ACCOUNT_TYPES, Profile
from trimpi.tasks.gta.rules import GTA_RULES, AccountIn, Bound, MathRule, RuleBook, Tip, VersionRule, rule_id
from trimpi.tasks.gta.tools import Tool

CREDITS = (0, 249, 250, 251, 499, 500, 501, 749, 750, 751, 1000)
AGES = (0, 20, 21, 59, 60, 120)
PROFILES = [
    Profile(account_type=account, credits=credits, age=age)
    for account, credits, age in itertools.product(ACCOUNT_TYPES, CREDITS, AGES)
]


def expected(tool: str, profile: Profile) -> int | None:
    """The rules once more, as the paper's list has them."""
    account, credits, age = profile.account_type, profile.credits, profile.age
    rich = credits > 500
    table = {
        "ImageDescription": 5 if account == "A" else (4 if rich else 3) if account in "BC" else (2 if rich else 1),
        "OCR": 5 if credits <= 250 else (4 if account in "AB" else 3) if credits <= 750 else (2 if age < 21 else 1),
        "GoogleSearch": 1 if age < 21 else 2 if credits < 500 else 3,
        "TextToImage": 1 if account in "ABC" else 2 if rich else 3,
        "RegionAttributeDescription": 2 if account in "AB" else 1,
        "CountGivenObject": 1 if credits < 250 else 2 if credits < 500 else 3 if credits < 750 else 4,
        "ImageStylization": 1 if age < 21 else 2 if age < 60 else 3,
    }
    return table.get(tool)


def test_every_tool_has_the_papers_version_on_both_sides_of_every_bound() -> None:
    for tool in GTA_RULES.tools:
        for profile in PROFILES:
            version, rule = GTA_RULES.version_of(tool.name, profile)
            assert version == expected(tool.name, profile), (tool.name, profile)
            assert (rule is None) == (version is None)


@pytest.mark.parametrize(
    ("tool", "account", "credits", "age", "version", "rule"),
    [
        ("OCR", "D", 250, 30, 5, "ocr.1"),
        ("OCR", "B", 251, 30, 4, "ocr.2"),
        ("OCR", "C", 750, 30, 3, "ocr.2"),
        ("OCR", "A", 751, 20, 2, "ocr.3"),
        ("OCR", "A", 751, 21, 1, "ocr.3"),
        ("CountGivenObject", "A", 250, 30, 2, "countgivenobject.2"),
        ("GoogleSearch", "A", 500, 21, 3, "googlesearch.2"),
        ("ImageDescription", "D", 500, 21, 1, "imagedescription.3"),
    ],
)
def test_the_rule_that_decides_is_named(
    tool: str, account: str, credits: int, age: int, version: int, rule: str
) -> None:
    profile = Profile(account_type=account, credits=credits, age=age)  # type: ignore[arg-type]
    found, applied = GTA_RULES.version_of(tool, profile)
    assert (found, applied.id if applied else None) == (version, rule)


def test_there_are_24_rules_in_the_papers_numbers() -> None:
    assert len(set(GTA_RULES.rule_ids)) == 24
    assert Counter(id.partition(".")[0] for id in GTA_RULES.rule_ids) == {
        "imagedescription": 3,
        "ocr": 4,
        "googlesearch": 2,
        "texttoimage": 2,
        "regionattributedescription": 2,
        "countgivenobject": 4,
        "imagestylization": 3,
        "tip": 4,
    }


def test_every_version_of_every_tool_is_reached() -> None:
    for tool in GTA_RULES.tools:
        reached = {GTA_RULES.version_of(tool.name, profile)[0] for profile in PROFILES}
        assert reached == (set(range(1, tool.versions + 1)) or {None})


@pytest.mark.parametrize(
    "condition",
    [
        AccountIn(frozenset("AB")),  # type: ignore[arg-type]
        *(Bound("credits", relation, 500) for relation in ("over", "at most", "under", "at least")),  # type: ignore[arg-type]
        *(Bound("age", relation, 21) for relation in ("over", "at most", "under", "at least")),  # type: ignore[arg-type]
    ],
)
def test_a_conditions_opposite_holds_exactly_when_it_does_not(condition: AccountIn | Bound) -> None:
    assert condition.opposite.opposite == condition
    assert {condition.holds(profile) for profile in PROFILES} == {True, False}
    assert all(condition.holds(profile) != condition.opposite.holds(profile) for profile in PROFILES)


def test_a_data_set_with_other_tools_needs_no_rules() -> None:
    book = RuleBook(tools=(Tool(name="Zoom"),), version_rules=(), tips=(Tip(id="tip.1", text="Zoom first."),))
    assert book.version_of("Zoom", PROFILES[0]) == (None, None)
    assert book.rule_ids == ("tip.1",)


def test_an_unknown_tool_is_named_with_those_there_are() -> None:
    with pytest.raises(DataError, match="no tool 'Zoom'; there are Calculator, OCR"):
        GTA_RULES.version_of("Zoom", PROFILES[0])


def make_rule(number: int, *conditions: AccountIn | Bound, version: int = 1) -> VersionRule:
    return VersionRule(id=rule_id("Zoom", number), tool="Zoom", conditions=conditions, version=version)


def make_book(*rules: VersionRule, versions: int = 3) -> RuleBook:
    return RuleBook(tools=(Tool(name="Zoom", versions=versions),), version_rules=rules, tips=())


def test_a_gap_of_one_credit_is_found() -> None:
    with pytest.raises(DataError, match="no rule decides the version of Zoom for an account A with 500 credits"):
        make_book(make_rule(1, Bound("credits", "under", 500)), make_rule(2, Bound("credits", "over", 500)))


def test_an_overlap_of_one_year_is_found() -> None:
    with pytest.raises(DataError, match=r"zoom\.1 and zoom\.2 decide the version of Zoom .* age 21"):
        make_book(make_rule(1, Bound("age", "at most", 21)), make_rule(2, Bound("age", "at least", 21)))


def test_a_forgotten_account_is_found() -> None:
    with pytest.raises(DataError, match="an account D"):
        make_book(make_rule(1, AccountIn(frozenset("ABC"))))  # type: ignore[arg-type]


def test_a_versioned_tool_without_rules_is_refused() -> None:
    with pytest.raises(DataError, match="no rule decides"):
        make_book()


def test_bounds_at_the_ends_of_the_ranges_leave_no_hole() -> None:
    with pytest.raises(DataError, match="1000 credits"):
        make_book(make_rule(1, Bound("credits", "under", 1000)))
    make_book(make_rule(1, Bound("credits", "at most", 1000)))


@pytest.mark.parametrize("version", [0, 4])
def test_a_version_that_the_tool_does_not_have_is_refused(version: int) -> None:
    with pytest.raises(DataError, match=rf"zoom\.1.*Zoom_v{version}, but Zoom has v1 to v3"):
        make_book(make_rule(1, version=version))


def test_a_version_of_a_tool_without_versions_is_refused() -> None:
    with pytest.raises(DataError, match="Zoom has no versions"):
        make_book(make_rule(1), versions=0)


def test_an_id_or_a_tool_may_be_there_once() -> None:
    with pytest.raises(DataError, match=r"rule id 'zoom\.1' is there twice"):
        make_book(make_rule(1, Bound("age", "under", 21)), make_rule(1, Bound("age", "at least", 21)))
    with pytest.raises(DataError, match="tool 'Zoom' is there twice"):
        RuleBook(tools=(Tool(name="Zoom"), Tool(name="Zoom")), version_rules=(), tips=())


def test_the_mathematical_rule_may_name_known_tools_only() -> None:
    with pytest.raises(DataError, match="no tool 'MathZoom'"):
        replace(GTA_RULES, math_rule=MathRule(id="ocr.4", tool="OCR", instead="MathZoom"))


def test_a_rule_without_its_other_half_is_refused() -> None:
    with pytest.raises(DataError, match="both a decider"):
        replace(make_rule(1), decider=Bound("age", "under", 21))
    with pytest.raises(DataError, match="both a decider"):
        replace(make_rule(1), otherwise=2)


def test_a_condition_that_no_sentence_can_say_is_refused() -> None:
    with pytest.raises(DataError, match="no account"):
        make_rule(1, AccountIn(frozenset()))
    with pytest.raises(DataError, match="bound -5"):
        make_rule(1, Bound("credits", "over", -5))
