from __future__ import annotations

import pytest

from trimpi.rewards.numeric import grade_numeric, read_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("14", 14),
        ("within 14 days", 14),
        ("$1,250.50", 1250.5),
        ("1 250", 1250),
        ("−3.5 %", -3.5),
        ("2.5e3", 2500),
        (".5", 0.5),
        ("none", None),
        ("3 of 4", None),
        ("1,2345", None),
        ("1e999", None),
    ],
)
def test_the_one_number_of_a_text(text: str, number: float | None) -> None:
    assert read_number(text) == number


def test_tolerances_by_hand() -> None:
    absolute = grade_numeric(absolute=0.1, relative=0.0)
    assert (absolute("10.1", "10").value, absolute("10.11", "10").value) == (1, 0)
    relative = grade_numeric(absolute=0.0, relative=0.05)
    assert (relative("105", "100").value, relative("94.9", "100").value, relative("0", "0").value) == (1, 0, 1)


def test_an_answer_without_a_number_says_so() -> None:
    assert grade_numeric(absolute=0, relative=0)("soon", "3").error == "no_number"
