"""The tools, their arguments, and versions in names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimpi.errors import DataError
from trimpi.tasks.gta.tools import TOOLS, Tool, split_version, versioned

VERSIONS = {
    "Calculator": 0,
    "OCR": 5,
    "CountGivenObject": 4,
    "ImageDescription": 5,
    "GoogleSearch": 3,
    "RegionAttributeDescription": 2,
    "TextToBbox": 0,
    "Plot": 0,
    "MathOCR": 0,
    "Solver": 0,
    "DrawBox": 0,
    "AddText": 0,
    "TextToImage": 3,
    "ImageStylization": 3,
}
REQUIRED = {
    "Calculator": ["expression"],
    "OCR": ["image"],
    "CountGivenObject": ["image", "text"],
    "ImageDescription": ["image"],
    "GoogleSearch": ["query"],
    "RegionAttributeDescription": ["image", "bbox", "attribute"],
    "TextToBbox": ["image", "text"],
    "Plot": ["command"],
    "MathOCR": ["image"],
    "Solver": ["command"],
    "DrawBox": ["image", "bbox"],
    "AddText": ["image", "text", "position"],
    "TextToImage": ["keywords"],
    "ImageStylization": ["image", "instruction"],
}
OPTIONAL = {
    ("GoogleSearch", "k"): 10,
    ("TextToBbox", "top1"): True,
    ("DrawBox", "annotation"): None,
    ("AddText", "color"): "red",
}


def test_the_fourteen_tools_have_the_papers_versions() -> None:
    assert {tool.name: tool.versions for tool in TOOLS} == VERSIONS


def test_every_tool_has_the_papers_arguments_and_defaults() -> None:
    assert {tool.name: [a.name for a in tool.arguments if a.required] for tool in TOOLS} == REQUIRED
    optional = {(tool.name, a.name): a.default for tool in TOOLS for a in tool.arguments if not a.required}
    assert optional == OPTIONAL


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("OCR_v3", ("OCR", 3)),
        ("OCR", ("OCR", None)),
        ("OCR_v0", ("OCR_v0", None)),
        ("OCR_v03", ("OCR_v03", None)),
        ("OCR_V3", ("OCR_V3", None)),
        ("_v3", ("_v3", None)),
        ("my_v_tool_v12", ("my_v_tool", 12)),
        ("OCR_v3 ", ("OCR_v3 ", None)),
        ("OCR_v" + "9" * 5000, ("OCR_v" + "9" * 5000, None)),
        ("", ("", None)),
    ],
)
def test_a_name_is_taken_apart(name: str, parts: tuple[str, int | None]) -> None:
    assert split_version(name) == parts


@given(st.sampled_from(TOOLS), st.none() | st.integers(1, 999))
def test_taking_apart_undoes_putting_together(tool: Tool, version: int | None) -> None:
    assert split_version(versioned(tool.name, version)) == (tool.name, version)


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "OCR_v3"])
def test_a_name_that_cannot_be_told_apart_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="cannot be used"):
        Tool(name=name)


def test_a_name_with_spaces_is_a_name_but_has_no_versions() -> None:
    assert Tool(name="web page reader").versions == 0
    with pytest.raises(DataError, match="letters, digits"):
        Tool(name="web page reader", versions=2)


def test_a_negative_number_of_versions_is_refused() -> None:
    with pytest.raises(DataError, match="-1 versions"):
        Tool(name="OCR", versions=-1)
