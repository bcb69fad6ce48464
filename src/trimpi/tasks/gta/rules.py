"""The calling rules as data: which version of a tool a user's profile demands (paper, GTAPolicy)."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trimpi.errors import DataError
from trimpi.tasks.gta.items import ACCOUNT_TYPES, AccountType, Profile
from trimpi.tasks.gta.tools import TOOLS, Tool, versioned

Quantity = Literal["credits", "age"]
Relation = Literal["over", "at most", "under", "at least"]

RELATIONS: Mapping[Relation, Callable[[int, int], bool]] = {
    "over": operator.gt,
    "at most": operator.le,
    "under": operator.lt,
    "at least": operator.ge,
}
OPPOSITES: Mapping[Relation, Relation] = {
    "over": "at most",
    "at most": "over",
    "under": "at least",
    "at least": "under",
}
RANGES: Mapping[Quantity, tuple[int, int]] = {"credits": (0, 1000), "age": (0, 120)}
"""The profiles that a rule book has to decide, both ends included."""


@dataclass(frozen=True, slots=True)
class AccountIn:
    """The user's account type is one of these."""

    accounts: frozenset[AccountType]

    def holds(self, profile: Profile) -> bool:
        return profile.account_type in self.accounts

    @property
    def opposite(self) -> AccountIn:
        """The condition that holds exactly when this one does not."""
        return AccountIn(frozenset(ACCOUNT_TYPES) - self.accounts)


@dataclass(frozen=True, slots=True)
class Bound:
    """The user's credits or age stand in this relation to a number: Bound("credits", "over", 500)."""

    quantity: Quantity
    relation: Relation
    number: int

    def holds(self, profile: Profile) -> bool:
        return RELATIONS[self.relation](getattr(profile, self.quantity), self.number)

    @property
    def opposite(self) -> Bound:
        """The condition that holds exactly when this one does not."""
        return Bound(self.quantity, OPPOSITES[self.relation], self.number)


Condition = AccountIn | Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRule:
    """Where all `conditions` hold, `tool` is called in `version`.

    With a `decider` the rule chooses between two: `version` where the decider holds as well, else `otherwise`. Raises
    DataError for one of these without the other, for an account condition that names no account, and for a negative
    number.
    """

    id: str
    tool: str
    conditions: tuple[Condition, ...]
    version: int
    decider: Condition | None = None
    otherwise: int | None = None

    def __post_init__(self) -> None:
        if (self.decider is None) != (self.otherwise is None):
            raise DataError(f"rule {self.id!r} must have both a decider and a version otherwise, or neither")
        for condition in (*self.conditions, self.decider):
            if isinstance(condition, AccountIn) and not condition.accounts:
                raise DataError(f"rule {self.id!r} asks for no account: name one or more of {', '.join(ACCOUNT_TYPES)}")
            if isinstance(condition, Bound) and condition.number < 0:
                raise DataError(f"rule {self.id!r} has the bound {condition.number}: give 0 or more")

    def applies(self, profile: Profile) -> bool:
        return all(condition.holds(profile) for condition in self.conditions)

    def version_for(self, profile: Profile) -> int:
        """The version this rule gives a profile that it applies to."""
        if self.decider is None or self.otherwise is None or self.decider.holds(profile):
            return self.version
        return self.otherwise

    @property
    def versions(self) -> tuple[int, ...]:
        return (self.version,) if self.otherwise is None else (self.version, self.otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class MathRule:
    """On an image that shows mathematical expressions `instead` is called, not `tool`."""

    id: str
    tool: str
    instead: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """A rule about how calls are made, whatever the profile, as a sentence of the policy."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """The tools and the rules of one policy, in the order the document states them.

    Raises DataError when a rule names an unknown tool or version, an id or tool is there twice, or some profile within
    RANGES gets no version of a versioned tool, or more than one rule (naming the tool and the profile).
    """

    tools: tuple[Tool, ...]
    version_rules: tuple[VersionRule, ...]
    tips: tuple[Tip, ...]
    math_rule: MathRule | None = None

    def __post_init__(self) -> None:
        _check_unique("tool", [tool.name for tool in self.tools])
        _check_unique("rule id", self.rule_ids)
        for rule in self.version_rules:
            self._check_versions(rule)
        if self.math_rule is not None:
            self.tool(self.math_rule.tool)
            self.tool(self.math_rule.instead)
        for tool in self.tools:
            if tool.versions:
                for profile in _telling_profiles(self.rules_of(tool.name)):
                    self.version_of(tool.name, profile)

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """The ids of all rules: of versions, of mathematical images, and tips."""
        maths = (self.math_rule.id,) if self.math_rule is not None else ()
        return (*(rule.id for rule in self.version_rules), *maths, *(tip.id for tip in self.tips))

    def tool(self, name: str) -> Tool:
        """The tool of that name, without version. Raises DataError when there is none."""
        for tool in self.tools:
            if tool.name == name:
                return tool
        raise DataError(f"there is no tool {name!r}; there are {', '.join(tool.name for tool in self.tools)}")

    def rules_of(self, tool: str) -> tuple[VersionRule, ...]:
        """The version rules of a tool, in order."""
        return tuple(rule for rule in self.version_rules if rule.tool == tool)

    def version_of(self, tool: str, profile: Profile) -> tuple[int | None, VersionRule | None]:
        """The version of a tool that a profile demands, and the rule that says so; None, None for one without versions.

        Raises DataError for an unknown tool, and for a profile outside RANGES that not exactly one rule decides.
        """
        if not self.tool(tool).versions:
            return None, None
        applying = [rule for rule in self.rules_of(tool) if rule.applies(profile)]
        if len(applying) != 1:
            ids = " and ".join(rule.id for rule in applying) or "no rule"
            raise DataError(
                f"{ids} decide{'s' if len(applying) < 2 else ''} the version of {tool} for an account "
                f"{profile.account_type} with {profile.credits} credits and age {profile.age}: "
                f"exactly one rule must"
            )
        return applying[0].version_for(profile), applying[0]

    def _check_versions(self, rule: VersionRule) -> None:
        tool = self.tool(rule.tool)
        for version in rule.versions:
            if not 1 <= version <= tool.versions:
                allowed = f"v1 to v{tool.versions}" if tool.versions else "no versions"
                raise DataError(
                    f"rule {rule.id!r} gives {versioned(tool.name, version)}, but {tool.name} has {allowed}"
                )


def rule_id(tool: str, number: int) -> str:
    """The id of a tool's n-th rule, from 1: "ocr.2"."""
    return f"{tool.lower()}.{number}"


def _check_unique(what: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"the {what} {name!r} is there twice: each may be there once")


def _telling_profiles(rules: Sequence[VersionRule]) -> Iterator[Profile]:
    """Profiles on both sides of every bound: between them, no rule's answer changes."""
    numbers: dict[Quantity, set[int]] = {quantity: set(ends) for quantity, ends in RANGES.items()}
    for rule in rules:
        for condition in rule.conditions:
            if isinstance(condition, Bound):
                low, high = RANGES[condition.quantity]
                around = range(condition.number - 1, condition.number + 2)
                numbers[condition.quantity].update(number for number in around if low <= number <= high)
    for account, credits, age in itertools.product(ACCOUNT_TYPES, sorted(numbers["credits"]), sorted(numbers["age"])):
        yield Profile(account_type=account, credits=credits, age=age)


def _account(*accounts: AccountType) -> AccountIn:
    return AccountIn(frozenset(accounts))


def _credits(relation: Relation, number: int) -> Bound:
    return Bound("credits", relation, number)


def _age(relation: Relation, number: int) -> Bound:
    return Bound("age", relation, number)


def _rule(
    id: str,
    tool: str,
    *conditions: Condition,
    then: int,
    decider: Condition | None = None,
    otherwise: int | None = None,
) -> VersionRule:
    return VersionRule(id=id, tool=tool, conditions=conditions, version=then, decider=decider, otherwise=otherwise)


TIP_IMAGES = "tip.1"
TIP_BOX = "tip.2"
TIP_NAMES = "tip.3"
TIP_RESULTS = "tip.4"

GTA_RULES = RuleBook(
    tools=TOOLS,
    version_rules=(
        _rule("imagedescription.1", "ImageDescription", _account("A"), then=5),
        _rule(
            "imagedescription.2",
            "ImageDescription",
            _account("B", "C"),
            then=4,
            decider=_credits("over", 500),
            otherwise=3,
        ),
        _rule(
            "imagedescription.3", "ImageDescription", _account("D"), then=2, decider=_credits("over", 500), otherwise=1
        ),
        _rule("ocr.1", "OCR", _credits("at most", 250), then=5),
        _rule(
            "ocr.2",
            "OCR",
            _credits("over", 250),
            _credits("at most", 750),
            then=4,
            decider=_account("A", "B"),
            otherwise=3,
        ),
        _rule("ocr.3", "OCR", _credits("over", 750), then=2, decider=_age("under", 21), otherwise=1),
        _rule("googlesearch.1", "GoogleSearch", _age("under", 21), then=1),
        _rule(
            "googlesearch.2",
            "GoogleSearch",
            _age("at least", 21),
            then=2,
            decider=_credits("under", 500),
            otherwise=3,
        ),
        _rule("texttoimage.1", "TextToImage", _account("A", "B", "C"), then=1),
        _rule("texttoimage.2", "TextToImage", _account("D"), then=2, decider=_credits("over", 500), otherwise=3),
        _rule("regionattributedescription.1", "RegionAttributeDescription", _account("A", "B"), then=2),
        _rule("regionattributedescription.2", "RegionAttributeDescription", _account("C", "D"), then=1),
        _rule("countgivenobject.1", "CountGivenObject", _credits("under", 250), then=1),
        _rule("countgivenobject.2", "CountGivenObject", _credits("at least", 250), _credits("under", 500), then=2),
        _rule("countgivenobject.3", "CountGivenObject", _credits("at least", 500), _credits("under", 750), then=3),
        _rule("countgivenobject.4", "CountGivenObject", _credits("at least", 750), then=4),
        _rule("imagestylization.1", "ImageStylization", _age("under", 21), then=1),
        _rule("imagestylization.2", "ImageStylization", _age("at least", 21), _age("under", 60), then=2),
        _rule("imagestylization.3", "ImageStylization", _age("at least", 60), then=3),
    ),
    math_rule=MathRule(id="ocr.4", tool="OCR", instead="MathOCR"),
    tips=(
        Tip(
            id=TIP_IMAGES,
            text="With several images, call ImageDescription once on each image that is not described yet.",
        ),
        Tip(
            id=TIP_BOX,
            text="Before RegionAttributeDescription get the box from TextToBbox. Write bbox as (x1, y1, x2, y2).",
        ),
        Tip(id=TIP_NAMES, text='Give an image by its exact name, such as "image/image_1.jpg".'),
        Tip(id=TIP_RESULTS, text="Call GoogleSearch with k = 1. If the question is open-ended, call it with k = 4."),
    ),
)
"""The 24 calling rules of GTAPolicy: nineteen on versions, one on mathematical images, four tips."""
