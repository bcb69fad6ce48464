"""A rationale read back, line by line: the checks it makes and the call it names (rationale.py writes them).

Upper and lower case, white space, Markdown's marks and prose between the lines do not matter. Linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import get_args

from trimpi.tasks.gta.items import ACCOUNT_TYPES
from trimpi.tasks.gta.rules import AccountIn, Bound, Condition, Relation
from trimpi.tasks.judging import plain

_RELATION = "|".join(get_args(Relation))
_VERDICT = r" ?\? ?(?P<verdict>yes|no)(?![^ .,:;!])"
_ACCOUNTS = r"(?:[a-d], )*[a-d](?: or [a-d])?"
CHECK_BEGINS = re.compile(rf"(?:credits|age) [0-9]+ (?:{_RELATION})\b|account [a-d] is\b")
BOUND = re.compile(
    rf"(?P<quantity>credits|age) (?P<value>[0-9]{{1,9}}) (?P<relation>{_RELATION}) (?P<number>[0-9]{{1,9}}){_VERDICT}"
)
ACCOUNT = re.compile(rf"account (?P<value>[a-d]) is (?P<accounts>{_ACCOUNTS}){_VERDICT}")
MATHS = re.compile(rf"mathematical expressions in (?P<image>.+){_VERDICT}(?:, so (?P<tool>.+))?")
OPEN_ENDED = re.compile(rf"question open-ended{_VERDICT}(?:, so k = (?P<k>[0-9]{{1,9}}))?")
BOX = re.compile(r"texttobbox gave the box (?P<box>.+)")
CALL = re.compile(r"call (?P<name>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCheck:
    """ "Credits 730 over 500? Yes." Where it cannot be read there is no `condition`.

    `value` is what the line says of the profile, in plain text.
    """

    condition: Condition | None = None
    value: str = ""
    verdict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MathCheck:
    """Does an image show mathematical expressions, and which tool follows; in plain text."""

    image: str
    verdict: bool
    tool: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheck:
    """Is the question open-ended, and which k follows."""

    verdict: bool
    k: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxSource:
    """A box that TextToBbox is said to have given."""

    box: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCall:
    """The call a rationale ends in, in plain text."""

    name: str


Read = ProfileCheck | MathCheck | OpenCheck | BoxSource | NamedCall


def read_line(line: str) -> Read | None:
    """A line read; None for prose."""
    text = plain(line)
    if CHECK_BEGINS.match(text):
        return _read_check(text)
    if match := MATHS.match(text):
        return MathCheck(image=match["image"].strip(), verdict=match["verdict"] == "yes", tool=_end(match["tool"]))
    if match := OPEN_ENDED.match(text):
        return OpenCheck(verdict=match["verdict"] == "yes", k=match["k"])
    if match := BOX.match(text):
        return BoxSource(box=_end(match["box"]) or "")
    if match := CALL.match(text):
        return NamedCall(name=_end(match["name"]) or "")
    return None


def _read_check(text: str) -> ProfileCheck:
    condition: Condition
    if match := BOUND.match(text):
        condition = Bound(match["quantity"], match["relation"], int(match["number"]))  # type: ignore[arg-type]
    elif match := ACCOUNT.match(text):
        named = match["accounts"].replace(" or ", ", ").split(", ")
        condition = AccountIn(frozenset(account for account in ACCOUNT_TYPES if account.casefold() in named))
    else:
        return ProfileCheck()
    return ProfileCheck(condition=condition, value=match["value"], verdict=match["verdict"] == "yes")


def _end(text: str | None) -> str | None:
    """Without the full stop that ends the sentence."""
    return None if text is None else text.removesuffix(".").strip()
