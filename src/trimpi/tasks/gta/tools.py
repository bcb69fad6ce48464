"""The tools a call may name, their arguments, and how a version is written into a name (paper, GTAPolicy)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from trimpi.errors import DataError

# Three digits are more versions than any tool has, and keep a hostile name from becoming a huge number.
VERSIONED = re.compile(r"(?P<tool>.+)_v(?P<version>[1-9][0-9]{0,2})", re.DOTALL)
PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """An argument of a tool. `type` is a word for people: image, text, int, bool. Only optional ones have defaults."""

    name: str
    type: str
    description: str = ""
    required: bool = True
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool without version in its name. `versions` counts its versions, v1 first; 0 when it has none.

    Raises DataError for a name that is empty, of several lines, or reads as a version, and for a versioned tool whose
    name is more than letters, digits and underscores: the calling rules write it into sentences.
    """

    name: str
    versions: int = 0
    description: str = ""
    arguments: tuple[Argument, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name.splitlines()) > 1 or VERSIONED.fullmatch(self.name):
            raise DataError(
                f"tool name {self.name!r} cannot be used: give one line that does not end in _v and a number"
            )
        if self.versions < 0:
            raise DataError(f"tool {self.name!r} has {self.versions} versions: give 0 for none, or how many it has")
        if self.versions and not PLAIN_NAME.fullmatch(self.name):
            raise DataError(f"tool {self.name!r} has versions: its name may hold letters, digits and underscores only")


def versioned(tool: str, version: int | None) -> str:
    """The name a call uses: OCR_v3, or the bare name when the tool has no version."""
    return tool if version is None else f"{tool}_v{version}"


def split_version(name: str) -> tuple[str, int | None]:
    """A call's name taken apart: ("OCR", 3) for OCR_v3; the whole name and None when it says no version."""
    match = VERSIONED.fullmatch(name)
    return (match["tool"], int(match["version"])) if match else (name, None)


_IMAGE = Argument(name="image", type="image", description="the image's exact name")
_BOX = Argument(name="bbox", type="text", description="the box as (x1, y1, x2, y2)")

TOOLS = (
    Tool(
        name="Calculator",
        description="Works out one Python expression. Functions of math are allowed, imports are not.",
        arguments=(Argument(name="expression", type="text", description="the expression"),),
    ),
    Tool(name="OCR", versions=5, description="Reads all text in an image.", arguments=(_IMAGE,)),
    Tool(
        name="CountGivenObject",
        versions=4,
        description="Counts the objects of one kind in an image.",
        arguments=(_IMAGE, Argument(name="text", type="text", description="the object, in English")),
    ),
    Tool(name="ImageDescription", versions=5, description="Says in short what an image shows.", arguments=(_IMAGE,)),
    Tool(
        name="GoogleSearch",
        versions=3,
        description="Searches the web and gives the first results.",
        arguments=(
            Argument(name="query", type="text", description="the words to search for"),
            Argument(name="k", type="int", description="how many results", required=False, default=10),
        ),
    ),
    Tool(
        name="RegionAttributeDescription",
        versions=2,
        description="Describes one attribute of a region of an image.",
        arguments=(_IMAGE, _BOX, Argument(name="attribute", type="text", description="what to describe")),
    ),
    Tool(
        name="TextToBbox",
        description="Finds where an object is in an image.",
        arguments=(
            _IMAGE,
            Argument(name="text", type="text", description="the object, in English"),
            Argument(name="top1", type="bool", description="only the best match", required=False, default=True),
        ),
    ),
    Tool(
        name="Plot",
        description="Draws a chart with matplotlib.",
        arguments=(
            Argument(
                name="command",
                type="text",
                description="a Markdown block of Python that defines solution(), which returns a figure",
            ),
        ),
    ),
    Tool(name="MathOCR", description="Reads a mathematical expression in an image as LaTeX.", arguments=(_IMAGE,)),
    Tool(
        name="Solver",
        description="Solves equations with sympy.",
        arguments=(
            Argument(
                name="command",
                type="text",
                description="a Markdown block of Python that defines solution(), which returns text",
            ),
        ),
    ),
    Tool(
        name="DrawBox",
        description="Draws a box on an image.",
        arguments=(
            _IMAGE,
            _BOX,
            Argument(name="annotation", type="text", description="a word beside the box", required=False),
        ),
    ),
    Tool(
        name="AddText",
        description="Writes text on an image.",
        arguments=(
            _IMAGE,
            Argument(name="text", type="text", description="the text to write"),
            Argument(
                name="position",
                type="text",
                description="(x, y), or one of l, m, r and one of t, m, b, such as mt",
            ),
            Argument(name="color", type="text", description="color of the text", required=False, default="red"),
        ),
    ),
    Tool(
        name="TextToImage",
        versions=3,
        description="Makes an image from words.",
        arguments=(Argument(name="keywords", type="text", description="the words, with commas between them"),),
    ),
    Tool(
        name="ImageStylization",
        versions=3,
        description="Changes an image as told.",
        arguments=(_IMAGE, Argument(name="instruction", type="text", description="what to change")),
    ),
)
"""The fourteen tools of GTAPolicy."""
