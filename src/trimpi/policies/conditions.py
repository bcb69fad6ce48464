"""Rules of a policy that can be read without a model, and where two of them contradict each other.

A rule is a sentence or a list item "If CONDITION [and CONDITION ...], [then] ACTION." or "ACTION if CONDITION [and
...].", a condition "SUBJECT is|are VALUE [or VALUE ...]" or "SUBJECT is|are RELATION NUMBER [UNIT]" with over, above,
more than, at least, under, below, less than, at most. Everything else is passed over, so that nothing is found does not
say that nothing is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf

RELATIONS = {
    "over": (">", False),
    "above": (">", False),
    "more than": (">", False),
    "at least": (">", True),
    "under": ("<", False),
    "below": ("<", False),
    "less than": ("<", False),
    "at most": ("<", True),
}
SENTENCE = re.compile(r"(?:(?<=[.;:])[ \t]+|\n|^[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+)", re.MULTILINE)
IF_FIRST = re.compile(
    r"(?:if|when)\s+(?P<conditions>[^,]{1,300}(?:,\s*and\s[^,]{1,300}){0,5}),\s*(?:then\s+)?(?P<action>.+)",
    re.IGNORECASE,
)
IF_LAST = re.compile(r"(?P<action>[^,]{1,300}?)\s+(?:if|when)\s+(?P<conditions>.{1,300})", re.IGNORECASE)
BOUND = re.compile(
    rf"(?P<subject>.+?)\s+(?:is|are)\s+(?P<relation>{'|'.join(RELATIONS)})\s+[$€£]?(?P<number>\d[\d,]*(?:\.\d+)?)\s*(?P<unit>.*)",
    re.I,
)
VALUES = re.compile(r"(?P<subject>.+?)\s+(?:is|are)\s+(?P<not>not\s+)?(?P<values>.+)", re.I)
ARTICLE = re.compile(r"^(?:the|a|an|its|their)\s+", re.I)
LONGEST_RULE = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`; a closed end belongs to them."""

    low: float = -inf
    high: float = inf
    low_closed: bool = False
    high_closed: bool = False

    def meets(self, other: Range) -> float | None:
        """A number in both, if there is one."""
        low = max((self.low, not self.low_closed), (other.low, not other.low_closed))
        high = min((self.high, self.high_closed), (other.high, other.high_closed))
        if low[0] < high[0]:
            ends = (low[0], high[0])
            if inf not in ends and -inf not in ends:
                return (low[0] + high[0]) / 2
            return low[0] + 1 if high[0] == inf and low[0] != -inf else high[0] - 1 if high[0] != inf else 0.0
        return low[0] if low[0] == high[0] and not low[1] and high[1] else None


Condition = Range | frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions by their subject, all of which must hold, and what is then to be done. `line` from 1."""

    line: int
    text: str
    conditions: tuple[tuple[str, Condition], ...]
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two rules that hold for the same case, named in `case`, and want different things."""

    first: Rule
    second: Rule
    case: str


def read_rules(document: str) -> Iterator[Rule]:
    """The rules of a document that can be read, in order."""
    position = 0
    for sentence in SENTENCE.split(document):
        start = document.index(sentence, position)
        position = start + len(sentence)
        text = " ".join(sentence.split()).rstrip(".;")
        if len(text) <= LONGEST_RULE and (rule := _read_rule(text, document.count("\n", 0, start) + 1)) is not None:
            yield rule


def contradictions(rules: Sequence[Rule]) -> Iterator[Contradiction]:
    """Pairs of rules on exactly the same subjects that a case meets both of, with different actions of one verb.

    Rules with different verbs may both be carried out ("refund it", "write to them"), so they are no contradiction.
    """
    for first, second in combinations(rules, 2):
        if first.action == second.action or _verb(first.action) != _verb(second.action):
            continue
        case = _shared_case(dict(first.conditions), dict(second.conditions))
        if case is not None:
            yield Contradiction(first=first, second=second, case=case)


def _read_rule(text: str, line: int) -> Rule | None:
    match = IF_FIRST.fullmatch(text) or IF_LAST.fullmatch(text)
    if match is None or "?" in text:
        return None
    read = [_read_condition(words) for words in re.split(r",?\s+and\s+", match["conditions"])]
    conditions = [condition for condition in read if condition is not None]
    subjects = {subject for subject, _ in conditions}
    if len(conditions) < len(read) or len(subjects) < len(conditions):
        return None
    return Rule(line=line, text=text, conditions=tuple(conditions), action=_plain(match["action"]))


def _read_condition(words: str) -> tuple[str, Condition] | None:
    bound = BOUND.fullmatch(words.strip())
    if bound is not None:
        number = float(bound["number"].replace(",", ""))
        sign, closed = RELATIONS[bound["relation"].lower()]
        subject = f"{_plain(bound['subject'])} {_plain(bound['unit'])}".strip()
        return subject, (
            Range(low=number, low_closed=closed) if sign == ">" else Range(high=number, high_closed=closed)
        )
    values = VALUES.fullmatch(words.strip())
    if values is None or values["not"]:
        return None
    return _plain(values["subject"]), frozenset(_plain(one) for one in re.split(r",\s*|\s+or\s+", values["values"]))


def _shared_case(one: dict[str, Condition], other: dict[str, Condition]) -> str | None:
    """A case that meets both, in words; None when there is none, or the rules ask about different things."""
    if set(one) != set(other):
        return None
    words = []
    for subject, condition in one.items():
        against = other[subject]
        if isinstance(condition, Range) and isinstance(against, Range):
            number = condition.meets(against)
            if number is None:
                return None
            words.append(f"{subject} {number:g}")
        elif isinstance(condition, frozenset) and isinstance(against, frozenset):
            shared = condition & against
            if not shared:
                return None
            words.append(f"{subject} {min(shared)}")
        else:
            return None
    return ", ".join(words)


def _verb(action: str) -> str:
    return action.partition(" ")[0]


def _plain(words: str) -> str:
    return ARTICLE.sub("", " ".join(words.split()).strip(" .*_`")).casefold()
