"""The policy's words: by hand where short, and read back at every bound of every rule book."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimpi.errors import DataError
from trimpi.policies import load_policy, save_policy
from trimpi.tasks.gta.items import ACCOUNT_TYPES, Profile
from trimpi.tasks.gta.override import override_rules, write_update
from trimpi.tasks.gta.policy_text import read_rules, write_policy, write_rule
from trimpi.tasks.gta.rules import GTA_RULES, AccountIn, Bound, Condition, RuleBook, Tip, VersionRule, rule_id
from trimpi.tasks.gta.tools import Argument, Tool

CREDITS = (0, 249, 250, 251, 499, 500, 501, 749, 750, 751, 1000)
AGES = (0, 20, 21, 59, 60, 120)


def make_book() -> RuleBook:
    rule = VersionRule(
        id="zoom.1",
        tool="Zoom",
        conditions=(),
        version=2,
        decider=AccountIn(frozenset("AC")),  # type: ignore[arg-type]
        otherwise=1,
    )
    image = Argument(name="image", type="image", description="the image's name")
    steps = Argument(name="steps", type="int", required=False, default=3)
    return RuleBook(
        tools=(Tool(name="Zoom", versions=2, description="Looks  closer.\nSlowly.", arguments=(image, steps)),),
        version_rules=(rule,),
        tips=(Tip(id="tip.1", text="Zoom once."),),
    )


def test_a_small_policy_says_tools_then_rules() -> None:
    policy = write_policy("Lens", make_book())
    assert policy.name == "Lens"
    assert policy.sections == (
        "# Lens\n"
        "This policy says which tools there are and how to call them.\n"
        "## Zoom (v1 to v2)\n"
        "Looks closer. Slowly.\n"
        "- image (image, required): the image's name\n"
        "- steps (int, default 3)\n"
        "## Calling rules\n"
        "The user's profile decides the version, and the name in a call says it: _v3 for version 3.\n"
        "- Use Zoom_v2 if account is A or C, else Zoom_v1.\n"
        "- Zoom once.\n",
    )


def test_a_policy_without_versions_does_not_speak_of_them() -> None:
    book = RuleBook(tools=(Tool(name="Zoom"),), version_rules=(), tips=())
    assert "_v" not in write_policy("Lens", book).text
    assert read_rules(write_policy("Lens", book).text) == ()


@pytest.mark.parametrize(
    ("id", "sentence"),
    [
        ("imagedescription.1", "If account is A, use ImageDescription_v5."),
        (
            "imagedescription.2",
            "If account is B or C, use ImageDescription_v4 if credits are over 500, else ImageDescription_v3.",
        ),
        ("ocr.1", "If credits are at most 250, use OCR_v5."),
        (
            "ocr.2",
            "If credits are over 250 and credits are at most 750, use OCR_v4 if account is A or B, else OCR_v3.",
        ),
        ("texttoimage.1", "If account is A, B or C, use TextToImage_v1."),
        ("imagestylization.3", "If age is at least 60, use ImageStylization_v3."),
    ],
)
def test_a_rule_is_one_sentence(id: str, sentence: str) -> None:
    assert write_rule(next(rule for rule in GTA_RULES.version_rules if rule.id == id)) == sentence


def test_the_policy_states_all_24_rules_one_bullet_each_and_no_id() -> None:
    text = write_policy("GTA", GTA_RULES).text
    assert text.partition("## Calling rules\n")[2].count("\n- ") == 24
    assert "\n- On an image with mathematical expressions use MathOCR instead of OCR.\n" in text
    assert not any(id in text.lower() for id in GTA_RULES.rule_ids)


def test_the_policy_states_every_tool_and_argument() -> None:
    lines = write_policy("GTA", GTA_RULES).text.splitlines()
    for tool in GTA_RULES.tools:
        heading = next(number for number, line in enumerate(lines) if line.split(" (v")[0] == f"## {tool.name}")
        arguments = lines[heading + 2 : heading + 2 + len(tool.arguments)]
        assert [line.split(" (")[0] for line in arguments] == [f"- {argument.name}" for argument in tool.arguments]
    assert "- k (int, default 10): how many results" in lines
    assert "- top1 (bool, default true): only the best match" in lines
    assert "- annotation (text, optional): a word beside the box" in lines


def test_the_policy_survives_the_disk(tmp_path: Path) -> None:
    policy = write_policy("GTA", GTA_RULES)
    assert load_policy(save_policy(policy, tmp_path)).content_hash == policy.content_hash


def assert_text_and_engine_agree(text: str, book: RuleBook) -> None:
    read = RuleBook(tools=book.tools, version_rules=read_rules(text), tips=())
    for tool, account, credits, age in itertools.product(book.tools, ACCOUNT_TYPES, CREDITS, AGES):
        profile = Profile(account_type=account, credits=credits, age=age)
        assert read.version_of(tool.name, profile)[0] == book.version_of(tool.name, profile)[0], (tool.name, profile)


def test_text_and_engine_agree_on_the_papers_rules() -> None:
    text = write_policy("GTA", GTA_RULES).text
    assert read_rules(text) == GTA_RULES.version_rules
    assert_text_and_engine_agree(text, GTA_RULES)


@pytest.mark.parametrize("seed", range(5))
def test_text_and_engine_agree_on_overrides(seed: int) -> None:
    updated = override_rules(GTA_RULES, seed)
    assert_text_and_engine_agree(write_policy("GTA", updated).text, updated)


@pytest.mark.parametrize("seed", range(5))
def test_the_papers_rules_with_an_updates_sentences_are_the_override(seed: int) -> None:
    updated = override_rules(GTA_RULES, seed)
    replaced = {rule.id: rule for rule in read_rules(write_update(GTA_RULES, updated))}
    assert tuple(replaced.get(rule.id, rule) for rule in GTA_RULES.version_rules) == updated.version_rules


accounts = st.sets(st.sampled_from(ACCOUNT_TYPES), min_size=1, max_size=3).map(
    lambda chosen: AccountIn(frozenset(chosen))
)
relations = st.sampled_from(("over", "at most", "under", "at least"))
credit_bounds = st.builds(Bound, st.just("credits"), relations, st.sampled_from(CREDITS) | st.integers(0, 1000))
age_bounds = st.builds(Bound, st.just("age"), relations, st.sampled_from(AGES) | st.integers(0, 120))
conditions = accounts | credit_bounds | age_bounds


@st.composite
def partitions(draw: st.DrawFn, depth: int = 3) -> list[tuple[Condition, ...]]:
    """Conditions of rules of which exactly one applies: splits, each side split again or not."""
    if depth == 0 or draw(st.booleans()):
        return [()]
    split: Condition = draw(conditions)
    return [(side, *rest) for side in (split, split.opposite) for rest in draw(partitions(depth - 1))]


@st.composite
def books(draw: st.DrawFn) -> RuleBook:
    names = draw(
        st.lists(
            st.from_regex(r"[A-Z][A-Za-z0-9_]{0,8}[a-z]", fullmatch=True), min_size=1, max_size=3, unique_by=str.lower
        )
    )
    tools = [Tool(name=name, versions=draw(st.integers(1, 5))) for name in names]
    rules = []
    for tool in tools:
        versions = st.integers(1, tool.versions)
        for number, split in enumerate(draw(partitions()), start=1):
            decider = draw(st.none() | conditions)
            rules.append(
                VersionRule(
                    id=rule_id(tool.name, number),
                    tool=tool.name,
                    conditions=split,
                    version=draw(versions),
                    decider=decider,
                    otherwise=None if decider is None else draw(versions),
                )
            )
    return RuleBook(tools=tuple(tools), version_rules=tuple(rules), tips=())


@settings(max_examples=60, deadline=None)
@given(books())
def test_text_and_engine_agree_on_any_rule_book(book: RuleBook) -> None:
    text = write_policy("Any", book).text
    assert read_rules(text) == book.version_rules
    assert_text_and_engine_agree(text, book)


@pytest.mark.parametrize(
    "line",
    [
        "- If credits are over some, use OCR_v5.",
        "- If credits are more than 5, use OCR_v5.",
        "- Use OCR_v5 unless age is under 21.",
        "- If account is E, use OCR_v5.",
        "- If age is under 21, use OCR_v5",
        "- If credits are over -3, use OCR_v5.",
    ],
)
def test_a_sentence_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_rules(f"# GTA\n{line}\n")


def test_a_sentence_about_two_tools_is_refused() -> None:
    with pytest.raises(DataError, match="speaks of OCR and of MathOCR"):
        read_rules("- Use OCR_v5 if age is under 21, else MathOCR_v1.")


def test_a_long_line_is_read_in_no_time() -> None:
    assert read_rules("- If " + "a" * 200_000 + "\n- Use " + "x_v" * 60_000) == ()
