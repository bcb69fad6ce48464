"""One item of GTAPolicy: a user, a request with its images, what was called so far, and the call that comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

AccountType = Literal["A", "B", "C", "D"]
ACCOUNT_TYPES: tuple[AccountType, ...] = ("A", "B", "C", "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the calling rules ask about a user. `credits` 0 to 1000, `age` in years."""

    account_type: AccountType
    credits: int
    age: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call; `tool` without version in an item, with it (OCR_v3) in an answer."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """A call that was made, with its version, and what it returned."""

    call: Call
    returned: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """The next call of a dialog. `images` maps the names calls use (image/image_1.jpg) to files, in order.

    `dialog` identifies the dialog: its items stay in one split. `math_images` are names of images that show
    mathematical expressions. `thought` is the data set's own reason for the call, if it has one.
    """

    id: str
    dialog: str
    images: Mapping[str, Path]
    profile: Profile
    query: str
    history: Sequence[PastCall]
    call: Call
    math_images: frozenset[str] = field(default=frozenset())
    thought: str | None = None
