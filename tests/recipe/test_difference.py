from __future__ import annotations

from trimpi.recipe import recipe_differences


def test_equal_recipes_differ_nowhere() -> None:
    assert recipe_differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}) == []


def test_differences_are_named_by_dotted_key_with_both_values() -> None:
    given = {"stages": [{"type": "rl", "steps": 5}], "seed": 1}
    recorded = {"stages": [{"type": "rl", "steps": 4}], "seed": 1}
    assert recipe_differences(given, recorded) == ["stages.0.steps: given 5, recorded 4"]


def test_keys_on_one_side_only_are_absent_on_the_other() -> None:
    assert recipe_differences({"a": 1}, {"b": None}) == [
        "a: given 1, recorded (absent)",
        "b: given (absent), recorded None",
    ]


def test_empty_and_absent_are_not_the_same() -> None:
    assert recipe_differences({"stages": []}, {}) == ["stages: given [], recorded (absent)"]
