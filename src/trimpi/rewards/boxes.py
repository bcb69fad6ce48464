"""Bounding boxes as calls write them, "(x1, y1, x2, y2)" in pixels, and how far two of them overlap."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_COORDINATE = 1e6
"""No picture is larger; areas of what is allowed stay far from overflowing."""

NUMBER = r"\s*([-+]?[0-9]{1,9}(?:\.[0-9]{0,9})?)\s*"
BOX = re.compile(rf"\s*(?:\({NUMBER},{NUMBER},{NUMBER},{NUMBER}\)|\[{NUMBER},{NUMBER},{NUMBER},{NUMBER}\])\s*")
MAX_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Box:
    """Left, top, right and bottom in pixels. Corners the wrong way round make a box without area."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def area(self) -> float:
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)


def read_box(text: str) -> Box | None:
    """The box of "(x1, y1, x2, y2)", in round or square brackets; None for anything else.

    Exponents, NaN, infinity and coordinates over MAX_COORDINATE are something else.
    """
    match = BOX.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    if match is None:
        return None
    numbers = [float(number) for number in match.groups() if number is not None]
    return Box(*numbers) if max(map(abs, numbers)) <= MAX_COORDINATE else None


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, in [0, 1]. Equal boxes overlap by 1, even without area; else a box without area by 0."""
    if one == other:
        return 1.0
    shared = Box(max(one.x1, other.x1), max(one.y1, other.y1), min(one.x2, other.x2), min(one.y2, other.y2)).area
    if not (one.area and other.area):
        return 0.0
    return min(1.0, shared / (one.area + other.area - shared))
