"""dataset.json field by field: names as they are meant, arguments as they are written, values where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimpi.errors import DataError
from trimpi.tasks.gta.dialog_json import (
    DialogRecord,
    exact_image_name,
    find_tool,
    read_arguments,
    read_dialog_records,
    recorded_calls,
)
from trimpi.tasks.gta.tools import TOOLS

IMAGES = {"image/image_1.jpg": Path("a.jpg"), "image/image_10.jpg": Path("b.jpg")}
SEARCH = find_tool("GoogleSearch", TOOLS)


def make_record(*turns: dict[str, Any]) -> DialogRecord:
    return DialogRecord.model_validate({"dialogs": [{"role": "user", "content": "Look."}, *turns]})


def make_calls(*names: str, **more: Any) -> dict[str, Any]:
    calls = [{"function": {"name": name, "arguments": {}}} for name in names]
    return {"role": "assistant", "tool_calls": calls, **more}


def make_value(name: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "tool", "name": name, "content": content, **more}


@pytest.mark.parametrize("name", ["TextToBbox", "TextToBBox", "text_to_bbox", "Text To Bbox", "texttobbox"])
def test_a_tool_is_found_however_it_is_spelled(name: str) -> None:
    assert find_tool(name, TOOLS).name == "TextToBbox"


def test_arguments_may_be_an_object_or_one_written_as_json() -> None:
    assert read_arguments({"query": "tea", "k": 1}, SEARCH) == {"query": "tea", "k": 1}
    assert read_arguments('{"query": "tea", "K": 1}', SEARCH) == {"query": "tea", "k": 1}


def test_an_empty_optional_argument_is_not_given() -> None:
    assert read_arguments({"query": "tea", "k": None}, SEARCH) == {"query": "tea"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("{", "not valid JSON"),
        ('{"query": "a", "query": "b"}', "the key 'query' is there twice"),
        ('{"query": NaN}', "NaN is not a value of JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("3", "arguments are int; allowed is an object"),
        ([], "arguments are list; allowed is an object"),
        ({"query": "a", "Query": "b"}, "the argument 'Query' twice"),
        ({"query": "a", "page": 2}, "the argument 'page' which it does not have; allowed are query, k"),
        ({"k": 1}, "it gives GoogleSearch no query"),
        ({"query": None}, "it gives GoogleSearch no query"),
    ],
)
def test_arguments_that_cannot_be_used_say_why(arguments: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r"^it") as error:
        read_arguments(arguments, SEARCH)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "given",
    ["image/image_1.jpg", "./image/image_1.jpg", "image\\image_1.jpg", "image_1.jpg", "/data/gta/image/image_1.jpg"],
)
def test_an_image_gets_its_exact_name(given: str) -> None:
    assert exact_image_name(given, IMAGES, returned=[]) == "image/image_1.jpg"


def test_an_image_that_a_call_made_keeps_its_name() -> None:
    assert exact_image_name("image/drawn.jpg", IMAGES, returned=["see image/drawn.jpg"]) == "image/drawn.jpg"
    with pytest.raises(ValueError, match=r"the dialog has image/image_1\.jpg, image/image_10\.jpg"):
        exact_image_name("image/drawn.jpg", IMAGES, returned=["2"])


def test_a_bare_name_that_two_images_have_is_not_guessed() -> None:
    names = {"a/x.jpg": Path("a"), "b/x.jpg": Path("b")}
    with pytest.raises(ValueError, match=r"it names the image 'x\.jpg'"):
        exact_image_name("x.jpg", names, returned=[])


def test_calls_made_at_once_get_their_values_in_order() -> None:
    turns = make_calls("OCR", "OCR", "Calculator"), make_value("Calculator", "3"), make_value("OCR", "a")
    query, calls = recorded_calls(make_record(*turns, make_value("OCR", "b")))
    assert query == "Look."
    assert [(call.number, call.name, call.returned) for call in calls] == [
        (1, "OCR", "a"),
        (2, "OCR", "b"),
        (3, "Calculator", "3"),
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        ({"type": "text", "content": "in a box"}, "in a box"),
        ({"type": "image", "content": None}, ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        ({"type": "text", "content": 4.5}, "4.5"),
        (None, ""),
    ],
)
def test_returned_values_are_text(content: Any, text: str) -> None:
    _, calls = recorded_calls(make_record(make_calls("OCR"), make_value("OCR", content)))
    assert calls[0].returned == text


@pytest.mark.parametrize(
    "turns",
    [
        (make_calls("OCR"), make_value("OCR", {"type": "error", "content": "no luck"})),
        (make_calls("OCR"), make_value("OCR", None, error="no luck")),
        (make_calls("OCR", error={"content": "no luck"}),),
    ],
)
def test_a_failed_call_is_known_by_its_error(turns: tuple[dict[str, Any], ...]) -> None:
    _, calls = recorded_calls(make_record(*turns))
    assert calls[0].error == "no luck"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"0": {"dialogs": []}, "0": {"dialogs": []}}', "the key '0' is there twice"),
        ('{"0": Infinity}', "Infinity is not a value of JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "holds no dialogs"),
        ("{}", "holds no dialogs"),
        ("", "is not valid JSON"),
    ],
)
def test_a_file_without_dialogs_gives_one_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(DataError, match=r"dataset\.json") as error:
        read_dialog_records(tmp_path / "dataset.json")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(tool_calls=_JSON, content=_JSON, arguments=_JSON)
def test_hostile_turns_are_refused_with_a_reason_or_read(tool_calls: Any, content: Any, arguments: Any) -> None:
    record = make_record({"role": "assistant", "tool_calls": tool_calls}, make_calls("OCR"), make_value("OCR", content))
    for read in (lambda: recorded_calls(record), lambda: read_arguments(arguments, SEARCH)):
        try:
            read()
        except ValueError as error:
            assert str(error)
