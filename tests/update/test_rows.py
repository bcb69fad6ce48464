from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import tiny_models
from trimpi.types import Example
from trimpi.update.rows import SortedRows, replayed, sort_rows


def example(id: str, answer: str, *sections: str, policy: str = "Desk", images: tuple[Path, ...] = ()) -> Example:
    meta = {"sections": sections}
    return Example(id=id, policy_name=policy, prompt=f"{id}?", images=images, answer=answer, meta=meta)


OLD = (
    example("a", "left", "Red"),
    example("b", "left", "Red"),
    example("c", "right", "Blue"),
    example("d", "right", "Red", policy="Other"),
)


def sort(given: tuple[Example, ...] = (), **settings: Any) -> dict[str, list[str]]:
    rows = sort_rows(
        OLD,
        given,
        **{
            "policy": "Desk",
            "renamed": "Desk",
            "touched": {"Red"},
            "sections": {"Red", "Blue"},
            "answers_stand": False,
            **settings,
        },
    )
    names = ("changed", "confirmed", "untouched", "unanswered")
    return {name: [one.id for one in getattr(rows, name)] for name in names}


def test_rows_of_a_changed_section_are_left_out_until_somebody_answers_them() -> None:
    assert sort() == {"changed": [], "confirmed": [], "untouched": ["c", "d"], "unanswered": ["a", "b"]}


def test_rows_given_anew_are_changed_confirmed_or_new() -> None:
    given = (example("a", "up", "Red"), example("b", "left", "Red"), example("e", "up", "Red"))
    assert sort(given) == {"changed": ["a", "e"], "confirmed": ["b"], "untouched": ["c", "d"], "unanswered": []}


def test_other_reasoning_is_a_change_and_a_row_of_no_changed_section_may_be_given_too() -> None:
    given = (replace(OLD[0], cot="The label says so."), replace(OLD[2], answer="up"))
    assert sort(given)["changed"] == ["a", "c"]


def test_answers_that_stand_are_confirmed() -> None:
    assert sort(answers_stand=True) == {
        "changed": [],
        "confirmed": ["a", "b"],
        "untouched": ["c", "d"],
        "unanswered": [],
    }


def test_the_same_picture_under_another_name_is_no_change(tmp_path: Path) -> None:
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    tiny_models.write_image(first)
    second.write_bytes(first.read_bytes())
    rows = sort_rows(
        (example("a", "left", "Red", images=(first,)),),
        (example("a", "left", "Red", images=(second,)),),
        policy="Desk",
        renamed="Desk",
        touched={"Red"},
        sections={"Red"},
        answers_stand=False,
    )
    assert not rows.changed and [one.id for one in rows.confirmed] == ["a"]


def test_a_renamed_policy_takes_its_rows_along_and_sections_that_went_are_no_longer_named() -> None:
    rows = sort_rows(OLD, (), policy="Desk", renamed="Counter", touched={"Red"}, sections={"Blue"}, answers_stand=True)
    assert [(one.policy_name, one.meta["sections"]) for one in rows.confirmed] == [("Counter", ())] * 2
    assert [one.policy_name for one in rows.untouched] == ["Counter", "Other"]


def test_replayed_rows_are_a_share_of_the_affected_ones_and_the_same_for_a_seed() -> None:
    untouched = tuple(example(str(number), "left") for number in range(20))
    affected = tuple(example(f"x{number}", "up") for number in range(4))
    rows = SortedRows(changed=affected[:2], confirmed=affected[2:3], untouched=untouched, unanswered=affected[3:])
    again, kept = replayed(rows, share=1.5, seed=2)
    assert len(again) == 6 and {one.id for one in (*again, *kept)} == {one.id for one in untouched}
    assert (again, kept) == replayed(rows, share=1.5, seed=2) != replayed(rows, share=1.5, seed=3)
    assert len(replayed(rows, share=100, seed=2)[0]) == 20 and not replayed(rows, share=0, seed=2)[0]


def test_a_row_that_is_given_to_another_policy_is_changed() -> None:
    assert sort((replace(OLD[3], policy_name="Desk"),))["changed"] == ["d"]
    assert sort((OLD[3],))["untouched"] == ["c", "d"]


def test_a_row_that_only_names_its_sections_anew_is_confirmed_if_one_of_them_changed() -> None:
    given = (example("a", "left"), example("c", "right", "Blue", "Red"))
    assert sort(given) == {"changed": [], "confirmed": ["a", "c"], "untouched": ["d"], "unanswered": ["b"]}
