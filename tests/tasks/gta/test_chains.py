"""What is asked and called about pictures made by hand, against calls written by hand."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.clevr.by_hand import make_object
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.gta import chains
from trimpi.tasks.gta.chains import CHAINS, Plan, Shown
from trimpi.tasks.gta.pictures import Entry, Formula, Listing, ListingKind
from trimpi.tasks.gta.tools import TOOLS

FIRST, SECOND = "image/image_4.jpg", "image/image_9.jpg"


def make_scene(*placed: tuple[str, tuple[int, int, int, int]]) -> Scene:
    objects = tuple(replace(make_object(description), box=box) for description, box in placed)
    return Scene(id="by-hand", image=Path("by-hand.png"), objects=objects)


SCENE = make_scene(
    ("small red metal cube", (60, 40, 80, 60)),
    ("large red rubber sphere", (10, 20, 50, 60)),
    ("small blue metal cube", (90, 40, 110, 60)),
)


def make_listing(kind: ListingKind, *amounts: int) -> Listing:
    entries = tuple(
        Entry(label=label, amount=amount, box=(8, 26 + 21 * row, 120, 44 + 21 * row))
        for row, (label, amount) in enumerate(zip(("Tea", "Cake", "Egg"), amounts, strict=True))
    )
    return Listing(kind=kind, entries=entries)


RECEIPT = Shown(name=FIRST, content=make_listing("receipt", 4, 16, 7))


def plans(plan: Callable[..., Plan], *shown: Shown[Any]) -> list[Plan]:
    """What many random choices make of it."""
    return [plan(random.Random(seed), *shown) for seed in range(400)]


def calls(plan: Plan) -> list[tuple[str, dict[str, Any]]]:
    return [(step.tool, dict(step.arguments)) for step in plan.steps]


def asked(plan: Callable[..., Plan], words: str, *shown: Shown[Any]) -> Plan:
    """A plan whose request holds these words."""
    return next(made for made in plans(plan, *shown) if words in made.query)


def test_objects_are_counted_then_multiplied() -> None:
    plan = asked(chains.price_of_objects, "How many cubes", Shown(name=FIRST, content=SCENE))
    price = plan.query.split("One costs ")[1][0]
    assert calls(plan) == [
        ("CountGivenObject", {"image": FIRST, "text": "cubes"}),
        ("Calculator", {"expression": f"2 * {price}"}),
    ]
    assert plan.steps[0].returned == "2"


def test_two_images_are_described_then_counted_then_added() -> None:
    other = make_scene(("large red metal cylinder", (5, 5, 25, 25)))
    shown = Shown(name=FIRST, content=SCENE), Shown(name=SECOND, content=other)
    plan = asked(chains.objects_in_two_images, "How many red objects", *shown)
    assert calls(plan) == [
        ("ImageDescription", {"image": FIRST}),
        ("ImageDescription", {"image": SECOND}),
        ("CountGivenObject", {"image": FIRST, "text": "red objects"}),
        ("CountGivenObject", {"image": SECOND, "text": "red objects"}),
        ("Calculator", {"expression": "2 + 1"}),
    ]
    assert plan.steps[1].returned == "a large red metal cylinder"


def test_an_attribute_is_looked_up_in_the_box_and_never_named_before() -> None:
    plan = asked(chains.attribute_of_object, "What color is the sphere", Shown(name=FIRST, content=SCENE))
    assert calls(plan) == [
        ("TextToBbox", {"image": FIRST, "text": "sphere"}),
        ("RegionAttributeDescription", {"image": FIRST, "bbox": "(10, 20, 50, 60)", "attribute": "color"}),
    ]
    assert plan.steps[0].returned == "(10, 20, 50, 60)"
    materials = plans(chains.search_for_material, Shown(name=FIRST, content=SCENE))
    assert not any("metal" in made.query or "rubber" in made.query for made in materials)


def test_an_open_question_gets_four_results_and_a_closed_one_gets_one() -> None:
    for plan in plans(chains.search_for_material, Shown(name=FIRST, content=SCENE)):
        search = plan.steps[-1].arguments
        material = plan.steps[1].returned
        if "Tell me about that" in plan.query:
            assert search == {"query": material, "k": 4}
        else:
            assert search == {"query": f"where was {material} first made", "k": 1}


def test_all_objects_of_a_kind_are_found_from_left_to_right() -> None:
    plan = asked(chains.box_around_the_first, "Find all metal cubes", Shown(name=FIRST, content=SCENE))
    assert plan.steps[0].arguments == {"image": FIRST, "text": "metal cubes", "top1": False}
    assert plan.steps[0].returned == "(60, 40, 80, 60); (90, 40, 110, 60)"
    assert plan.steps[1].arguments == {"image": FIRST, "bbox": "(60, 40, 80, 60)"}


def test_an_annotation_is_given_where_the_request_has_one() -> None:
    for plan in plans(chains.box_around_object, Shown(name=FIRST, content=SCENE)):
        assert ("annotation" in plan.steps[1].arguments) == ("write" in plan.query)


def test_a_new_image_has_the_words_of_the_description() -> None:
    plan = chains.new_image_like_it(random.Random(0), Shown(name=FIRST, content=SCENE))
    assert plan.steps[0].returned == "a large red rubber sphere, a small red metal cube, a small blue metal cube"
    assert plan.steps[1].arguments == {
        "keywords": "large red rubber sphere, small red metal cube, small blue metal cube"
    }


def test_a_receipt_is_read_then_added_up_then_written_on() -> None:
    plan = asked(chains.total_on_receipt, "in the top left of the image in blue", RECEIPT)
    assert calls(plan) == [
        ("OCR", {"image": FIRST}),
        ("Calculator", {"expression": "4 + 16 + 7"}),
        ("AddText", {"image": FIRST, "text": "27", "position": "lt", "color": "blue"}),
    ]
    assert [step.returned for step in plan.steps] == ["Receipt; Tea 4; Cake 16; Egg 7", "27", ""]
    assert "color" not in asked(chains.total_on_receipt, "of the image.", RECEIPT).steps[2].arguments


def test_an_order_is_priced_from_the_menu() -> None:
    menu = Shown(name=FIRST, content=make_listing("menu", 4, 16, 7))
    plan = asked(chains.order_from_menu, "3 Egg and 2 Tea", menu)
    assert calls(plan)[1] == ("Calculator", {"expression": "3 * 7 + 2 * 4"})


def test_the_dish_searched_for_is_the_one_with_the_price() -> None:
    menu = Shown(name=FIRST, content=make_listing("menu", 4, 16, 7))
    assert asked(chains.search_for_dish, "highest price? Tell", menu).steps[1].arguments == {"query": "cake", "k": 4}
    assert asked(chains.search_for_dish, "lowest price? What", menu).steps[1].arguments == {
        "query": "what is tea made from",
        "k": 1,
    }


def test_a_difference_is_the_larger_less_the_smaller() -> None:
    chart = Shown(name=FIRST, content=make_listing("chart", 4, 16, 7))
    plan = asked(chains.difference_in_chart, "How much more is Cake than Tea", chart)
    assert calls(plan)[1] == ("Calculator", {"expression": "16 - 4"})


def test_two_receipts_are_described_then_read_then_added_up() -> None:
    other = Shown(name=SECOND, content=make_listing("receipt", 1, 2, 3))
    plan = chains.total_of_two_receipts(random.Random(0), RECEIPT, other)
    assert [step.tool for step in plan.steps] == ["ImageDescription"] * 2 + ["OCR"] * 2 + ["Calculator"]
    assert plan.steps[4].arguments == {"expression": "4 + 16 + 7 + 1 + 2 + 3"}


def test_the_largest_solution_is_multiplied() -> None:
    square = Shown(name=FIRST, content=Formula(kind="square", factor=1, offset=1, solution=4))
    plan = asked(chains.multiple_of_solution, "3 times", square)
    assert [step.returned for step in plan.steps] == ["x^2 + 1 = 17", "[-4, 4]", ""]
    assert plan.steps[2].arguments == {"expression": "3 * 4"}


def test_commands_are_markdown_python_that_defines_solution() -> None:
    formula = Formula(kind="sum", factor=3, offset=4, solution=5)
    assert "solve(Eq(3*x + 4, 19), x)" in chains.solver_command(formula)
    assert "axes.bar(['Tea', 'Cake', 'Egg'], [4, 16, 7])" in chains.plot_command(RECEIPT.content, "bar")
    for command in (chains.solver_command(formula), chains.plot_command(RECEIPT.content, "bar")):
        body = command.removeprefix("```python\n").removesuffix("\n```")
        functions = [node for node in ast.parse(body).body if isinstance(node, ast.FunctionDef)]
        assert [function.name for function in functions] == ["solution"]


def test_twins_are_told_apart_by_nothing_so_the_words_mean_the_first() -> None:
    twins = make_scene(("small red metal cube", (60, 40, 80, 60)), ("small red metal cube", (10, 40, 30, 60)))
    plan = chains.box_around_object(random.Random(0), Shown(name=FIRST, content=twins))
    assert plan.steps[0].arguments["text"] == "small red metal cube"
    assert plan.steps[0].returned == "(60, 40, 80, 60)"


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name)
def test_chains_have_two_to_five_calls_of_known_tools_with_their_arguments(chain: chains.Chain) -> None:
    tools = {tool.name: tool for tool in TOOLS}
    rng = random.Random(1)
    sources = [SCENE if need == "scene" else need(rng) for need in chain.needs]
    shown = [Shown(name=name, content=source) for name, source in zip((FIRST, SECOND), sources, strict=False)]
    plan = chain.plan(rng, *shown)
    assert 2 <= len(plan.steps) <= 5
    assert len(plan.query) < 90
    assert [step.number for step in plan.steps] == list(range(1, len(plan.steps) + 1))
    for step in plan.steps:
        arguments = tools[step.tool].arguments
        assert set(step.arguments) <= {argument.name for argument in arguments}
        assert {argument.name for argument in arguments if argument.required} <= set(step.arguments)
    assert all(step.returned for step in plan.steps[:-1])


def test_the_chains_use_all_fourteen_tools() -> None:
    rng = random.Random(1)
    used = set()
    for chain in CHAINS:
        sources = [SCENE if need == "scene" else need(rng) for need in chain.needs]
        shown = [Shown(name=name, content=source) for name, source in zip((FIRST, SECOND), sources, strict=False)]
        used |= {step.tool for step in chain.plan(rng, *shown).steps}
    assert used == {tool.name for tool in TOOLS}
