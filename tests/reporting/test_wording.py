import pytest

from trimpi.reporting import wording


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0121, "12.1 ms"),
        (0.25, "250 ms"),
        (7.25, "7.2 s"),
        (59.99, "60.0 s"),
        (125, "2 min 05 s"),
        (3725, "1 h 02 min"),
        (None, "–"),
    ],
)
def test_durations_are_written_in_the_unit_people_use(number: float | None, text: str) -> None:
    assert wording.seconds(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(999, "999 B"), (25_000_000, "25 MB"), (1_130_000_000, "1.13 GB"), (None, "–")]
)
def test_sizes_are_written_in_decimal_units(number: float | None, text: str) -> None:
    assert wording.size(number) == text


def test_changes_carry_their_sign() -> None:
    assert (wording.saving(0.69), wording.saving(-0.1)) == ("−69%", "+10%")
    assert (wording.points(0.317), wording.points(-0.05)) == ("+31.7", "−5.0")


def test_kinds_of_errors_keep_the_argument_as_it_was_written() -> None:
    assert wording.error_label("wrong_argument:top_k") == "wrong argument: top_k"
    assert wording.error_label("no_answer") == "no answer"


def test_a_kind_with_a_very_long_name_is_cut() -> None:
    label = wording.error_label("wrong_argument:" + "x" * 10_000)
    assert len(label) == 60 and label.endswith("x…")


def test_a_part_that_nobody_described_is_explained_by_its_name() -> None:
    assert wording.parts_legend(["speed"]) == "speed: mean of this part of the score; means with 95% intervals"


def test_nested_values_become_dotted_rows() -> None:
    nested = {
        "seed": 0,
        "versions": {"torch": "2.13"},
        "parents": ["a", "b"],
        "steps": [{"n": 1}],
        "none": None,
        "empty": {},
    }
    assert wording.flatten(nested) == [
        ("seed", "0"),
        ("versions.torch", "2.13"),
        ("parents", "a, b"),
        ("steps.0.n", "1"),
        ("none", "–"),
        ("empty", "–"),
    ]
