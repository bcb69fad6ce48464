from __future__ import annotations

import json
from pathlib import Path

import pytest

from trimpi.cot.gold import gold_cots
from trimpi.cot.store import CotRecord, load_cots, save_cots
from trimpi.errors import DataError
from trimpi.types import Example

EXAMPLES = [
    Example(id=name, policy_name="Ako", prompt="?", images=(), answer="red", cot=cot)
    for name, cot in (("a", "ü\n"), ("b", None))
]


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    records = [CotRecord(id="a", cot="ü\nline", answer="red"), CotRecord(id="a", cot="", answer="red")]
    save_cots(records, tmp_path / "cot.jsonl")
    assert load_cots(tmp_path / "cot.jsonl", EXAMPLES) == records


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085", "\x0b", "\r"])
def test_text_with_other_line_ends_is_read_back(tmp_path: Path, end: str) -> None:
    records = [CotRecord(id="a", cot=f"one{end}two", answer=f"red{end}")]
    save_cots(records, tmp_path / "cot.jsonl")
    assert load_cots(tmp_path / "cot.jsonl", EXAMPLES) == records


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON"),
        (json.dumps({"id": "a", "cot": "x"}), "line 2: give an object with the keys id, cot, answer, all strings"),
        (json.dumps({"id": "a", "cot": 1, "answer": "x"}), "all strings"),
        (json.dumps(["a"]), "give an object"),
        (json.dumps({"id": "z", "cot": "x", "answer": "x"}), "there is no training example 'z'"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "cot.jsonl"
    file.write_text(json.dumps({"id": "a", "cot": "x", "answer": "red"}) + "\n" + line + "\n")
    with pytest.raises(DataError, match=message):
        load_cots(file, EXAMPLES)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no chains of thought at .*none\.jsonl"):
        load_cots(tmp_path / "none.jsonl", EXAMPLES)


def test_gold_chains_of_thought_must_all_be_there() -> None:
    assert gold_cots(EXAMPLES[:1]) == [CotRecord(id="a", cot="ü\n", answer="red")]
    with pytest.raises(DataError, match="example 'b' has no gold chain of thought"):
        gold_cots(EXAMPLES)
