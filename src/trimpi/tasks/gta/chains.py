"""What users ask about the pictures made here, and the calls that answer them: every value is the pictures' own.

Every call follows from the request, the calling rules and what earlier calls returned. Words are few and simple: the
model that learns from them is small. A last call's value is never shown, so it is left out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any, Generic, Literal, TypeVar

from trimpi.tasks.clevr.ontology import ATTRIBUTES, noun_phrase
from trimpi.tasks.clevr.scene import Scene, SceneObject
from trimpi.tasks.gta.dialogs import Step
from trimpi.tasks.gta.pictures import Box, Drawing, Entry, Formula, Listing, sample_formula, sample_listing

Source = Scene | Drawing
SourceT = TypeVar("SourceT", bound=Source)
Need = Literal["scene"] | Callable[[random.Random], Drawing]
PLACES = {
    "at the top": "mt",
    "at the bottom": "mb",
    "on the left": "lm",
    "on the right": "rm",
    "in the top left": "lt",
    "in the bottom right": "rb",
}
STYLES = ("night", "snow", "rain", "a drawing", "an old photo")
CLOSED, OPEN = 1, 4
"""How many search results a question with one answer and an open-ended one get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown(Generic[SourceT]):
    """A picture under the name that calls use."""

    name: str
    content: SourceT


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A request in words and the calls that answer it."""

    query: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A kind of dialog: the pictures it `needs`, and `plan`, called with a random.Random and each picture as Shown."""

    name: str
    needs: tuple[Need, ...]
    plan: Callable[..., Plan]


def price_of_objects(rng: random.Random, image: Shown[Scene]) -> Plan:
    """Count, then multiply."""
    words, price = _counted(rng, image.content), rng.randint(2, 9)
    count = _count(image.content, words)
    return _plan(
        f"How many {_plural(words)} are there? One costs {price}. What do they cost?",
        ("CountGivenObject", {"image": image.name, "text": _plural(words)}, str(count)),
        ("Calculator", {"expression": f"{count} * {price}"}),
    )


def objects_in_two_images(rng: random.Random, first: Shown[Scene], second: Shown[Scene]) -> Plan:
    """Describe both, count in both, add."""
    words = _counted(rng, first.content)
    one, two = (_count(image.content, words) for image in (first, second))
    return _plan(
        f"How many {_plural(words)} are there in both images?",
        _described(first.name, _scene_text(first.content)),
        _described(second.name, _scene_text(second.content)),
        ("CountGivenObject", {"image": first.name, "text": _plural(words)}, str(one)),
        ("CountGivenObject", {"image": second.name, "text": _plural(words)}, str(two)),
        ("Calculator", {"expression": f"{one} + {two}"}),
    )


def attribute_of_object(rng: random.Random, image: Shown[Scene]) -> Plan:
    """Find the object, then look at its box."""
    attribute = rng.choice(list(ATTRIBUTES))
    item, phrase = _named(rng, image.content, hidden=attribute)
    return _plan(
        f"What {attribute} is the {phrase}?",
        _found(image.name, phrase, item.box),
        (
            "RegionAttributeDescription",
            {"image": image.name, "bbox": _box(item.box), "attribute": attribute},
        ),
    )


def search_for_material(rng: random.Random, image: Shown[Scene]) -> Plan:
    """Find the object, look at its box, search for what was seen."""
    item, phrase = _named(rng, image.content, hidden="material")
    question, query, k = rng.choice(
        (
            ("Where was that first made?", f"where was {item.material} first made", CLOSED),
            ("Tell me about that.", item.material, OPEN),
        )
    )
    return _plan(
        f"What material is the {phrase}? {question}",
        _found(image.name, phrase, item.box),
        (
            "RegionAttributeDescription",
            {"image": image.name, "bbox": _box(item.box), "attribute": "material"},
            item.material,
        ),
        ("GoogleSearch", {"query": query, "k": k}),
    )


def box_around_object(rng: random.Random, image: Shown[Scene]) -> Plan:
    """Find the object, draw its box."""
    item, phrase = _named(rng, image.content)
    annotation = rng.choice((None, item.shape))
    ending = f' and write "{annotation}" on it' if annotation else ""
    return _plan(
        f"Draw a box around the {phrase}{ending}.",
        _found(image.name, phrase, item.box),
        ("DrawBox", _given(image=image.name, bbox=_box(item.box), annotation=annotation)),
    )


def box_around_the_first(rng: random.Random, image: Shown[Scene]) -> Plan:
    """Find all objects of a kind, draw the box of the one on the left."""
    words = _counted(rng, image.content)
    boxes = sorted(item.box for item in image.content.matching(words))
    return _plan(
        f"Find all {_plural(words)}. Draw a box around the one on the left.",
        (
            "TextToBbox",
            {"image": image.name, "text": _plural(words), "top1": False},
            "; ".join(map(_box, boxes)),
        ),
        ("DrawBox", {"image": image.name, "bbox": _box(boxes[0])}),
    )


def box_around_entry(rng: random.Random, image: Shown[Listing]) -> Plan:
    """Find a line or bar by its label, draw its box."""
    entry = rng.choice(image.content.entries)
    return _plan(
        f'Draw a box around "{entry.label}".',
        _found(image.name, entry.label, entry.box),
        ("DrawBox", {"image": image.name, "bbox": _box(entry.box)}),
    )


def new_image_like_it(rng: random.Random, image: Shown[Scene]) -> Plan:
    """Describe, then make from the description's words."""
    return _plan(
        rng.choice(("Make a new image with the same objects.", "Make an image of what you see.")),
        _described(image.name, _scene_text(image.content)),
        ("TextToImage", {"keywords": ", ".join(item.description for item in image.content.matching({}))}),
    )


def other_style(rng: random.Random, image: Shown[Scene]) -> Plan:
    """Describe, then change as told."""
    style = rng.choice(STYLES)
    return _plan(
        f"Say what the image shows. Then make it look like {style}.",
        _described(image.name, _scene_text(image.content)),
        ("ImageStylization", {"image": image.name, "instruction": f"make it look like {style}"}),
    )


def total_on_receipt(rng: random.Random, image: Shown[Listing]) -> Plan:
    """Read, add up, write the sum."""
    place, color = rng.choice(list(PLACES)), rng.choice((None, *ATTRIBUTES["color"]))
    ending = f" in {color}" if color else ""
    return _plan(
        f"Write the total {place} of the image{ending}.",
        _read(image),
        ("Calculator", {"expression": _sum(image.content)}, str(image.content.total)),
        ("AddText", _given(image=image.name, text=str(image.content.total), position=PLACES[place], color=color)),
    )


def order_from_menu(rng: random.Random, image: Shown[Listing]) -> Plan:
    """Read, then add up what is ordered."""
    one, two = rng.sample(image.content.entries, 2)
    first, second = rng.randint(2, 5), rng.randint(2, 5)
    return _plan(
        f"What do {first} {one.label} and {second} {two.label} cost?",
        _read(image),
        ("Calculator", {"expression": f"{first} * {one.amount} + {second} * {two.amount}"}),
    )


def search_for_dish(rng: random.Random, image: Shown[Listing]) -> Plan:
    """Read, pick by amount, search."""
    superlative, pick = rng.choice((("highest", max), ("lowest", min)))
    label = pick(image.content.entries, key=_amount).label.lower()
    question, query, k = rng.choice(
        (
            ("What is it made from?", f"what is {label} made from", CLOSED),
            ("Tell me about it.", label, OPEN),
        )
    )
    return _plan(
        f"Which one has the {superlative} price? {question}",
        _read(image),
        ("GoogleSearch", {"query": query, "k": k}),
    )


def plot_of_table(rng: random.Random, image: Shown[Listing]) -> Plan:
    """Read, then plot."""
    kind, method = rng.choice((("bar chart", "bar"), ("line chart", "plot")))
    return _plan(
        f"Draw a {kind} of the numbers.",
        _read(image),
        ("Plot", {"command": plot_command(image.content, method)}),
    )


def difference_in_chart(rng: random.Random, image: Shown[Listing]) -> Plan:
    """Read, then subtract."""
    less, more = sorted(rng.sample(image.content.entries, 2), key=_amount)
    return _plan(
        f"How much more is {more.label} than {less.label}?",
        _read(image),
        ("Calculator", {"expression": f"{more.amount} - {less.amount}"}),
    )


def solve_formula(rng: random.Random, image: Shown[Formula]) -> Plan:
    """Read the expression, solve it."""
    return _plan(
        rng.choice(("What is x?", "Solve it for x.")),
        ("MathOCR", {"image": image.name}, image.content.latex),
        ("Solver", {"command": solver_command(image.content)}),
    )


def multiple_of_solution(rng: random.Random, image: Shown[Formula]) -> Plan:
    """Read the expression, solve it, multiply the largest solution."""
    factor, solutions = rng.randint(2, 9), image.content.solutions
    return _plan(
        f"What is {factor} times the largest x?",
        ("MathOCR", {"image": image.name}, image.content.latex),
        ("Solver", {"command": solver_command(image.content)}, str(list(solutions))),
        ("Calculator", {"expression": f"{factor} * {max(solutions)}"}),
    )


def total_of_two_receipts(rng: random.Random, first: Shown[Listing], second: Shown[Listing]) -> Plan:
    """Describe both, read both, add up everything."""
    return _plan(
        rng.choice(("What is the total of both images?", "What do both receipts cost together?")),
        _described(first.name, first.content.description),
        _described(second.name, second.content.description),
        _read(first),
        _read(second),
        ("Calculator", {"expression": f"{_sum(first.content)} + {_sum(second.content)}"}),
    )


def plot_command(listing: Listing, method: str) -> str:
    """The Markdown block of Python that plots a listing."""
    labels, amounts = [entry.label for entry in listing.entries], [entry.amount for entry in listing.entries]
    return (
        "```python\nimport matplotlib.pyplot as plt\ndef solution():\n    figure, axes = plt.subplots()\n"
        f"    axes.{method}({labels}, {amounts})\n    return figure\n```"
    )


def solver_command(formula: Formula) -> str:
    """The Markdown block of Python that solves a formula; its solutions are in ascending order."""
    return (
        "```python\nfrom sympy import Eq, solve, symbols\ndef solution():\n    x = symbols('x')\n"
        f"    return str(solve(Eq({formula.python}), x))\n```"
    )


_RECEIPT, _MENU, _TABLE, _CHART = (partial(sample_listing, kind) for kind in ("receipt", "menu", "table", "chart"))
CHAINS = (
    Chain(name="price_of_objects", needs=("scene",), plan=price_of_objects),
    Chain(name="total_on_receipt", needs=(_RECEIPT,), plan=total_on_receipt),
    Chain(name="attribute_of_object", needs=("scene",), plan=attribute_of_object),
    Chain(name="solve_formula", needs=(sample_formula,), plan=solve_formula),
    Chain(name="new_image_like_it", needs=("scene",), plan=new_image_like_it),
    Chain(name="search_for_dish", needs=(_MENU,), plan=search_for_dish),
    Chain(name="other_style", needs=("scene",), plan=other_style),
    Chain(name="plot_of_table", needs=(_TABLE,), plan=plot_of_table),
    Chain(name="objects_in_two_images", needs=("scene", "scene"), plan=objects_in_two_images),
    Chain(name="order_from_menu", needs=(_MENU,), plan=order_from_menu),
    Chain(name="box_around_object", needs=("scene",), plan=box_around_object),
    Chain(name="difference_in_chart", needs=(_CHART,), plan=difference_in_chart),
    Chain(name="search_for_material", needs=("scene",), plan=search_for_material),
    Chain(name="multiple_of_solution", needs=(sample_formula,), plan=multiple_of_solution),
    Chain(name="box_around_the_first", needs=("scene",), plan=box_around_the_first),
    Chain(name="total_of_two_receipts", needs=(_RECEIPT, _RECEIPT), plan=total_of_two_receipts),
    Chain(name="box_around_entry", needs=(_MENU,), plan=box_around_entry),
)
"""Every kind of dialog, in the order in which they take turns; scenes and drawings alternate as far as they go."""


def _plan(query: str, *calls: tuple[str, Mapping[str, Any]] | tuple[str, Mapping[str, Any], str]) -> Plan:
    """Calls are (tool, arguments, returned value), the last one without its value."""
    steps = tuple(
        Step(number=number, tool=call[0], arguments=call[1], returned=call[2] if len(call) == 3 else "")
        for number, call in enumerate(calls, start=1)
    )
    return Plan(query=query, steps=steps)


def _given(**arguments: str | None) -> dict[str, str]:
    """The arguments that have a value."""
    return {name: value for name, value in arguments.items() if value is not None}


def _described(image: str, text: str) -> tuple[str, Mapping[str, Any], str]:
    return "ImageDescription", {"image": image}, text


def _found(image: str, phrase: str, box: Box) -> tuple[str, Mapping[str, Any], str]:
    return "TextToBbox", {"image": image, "text": phrase}, _box(box)


def _read(image: Shown[Listing]) -> tuple[str, Mapping[str, Any], str]:
    return "OCR", {"image": image.name}, image.content.text


def _box(box: Box) -> str:
    return str(tuple(box))


def _sum(listing: Listing) -> str:
    return " + ".join(str(entry.amount) for entry in listing.entries)


def _amount(entry: Entry) -> int:
    return entry.amount


def _scene_text(scene: Scene) -> str:
    return ", ".join(f"a {item.description}" for item in scene.matching({}))


def _counted(rng: random.Random, scene: Scene) -> dict[str, str]:
    """One or two attribute values that some object of the scene has."""
    attributes = rng.choice(scene.objects).attributes
    return {name: attributes[name] for name in rng.sample(list(attributes), rng.choice((1, 1, 2)))}


def _plural(words: Mapping[str, str]) -> str:
    return noun_phrase(words, plural=True)


def _count(scene: Scene, words: Mapping[str, str]) -> int:
    return len(scene.matching(words))


def _named(rng: random.Random, scene: Scene, hidden: str | None = None) -> tuple[SceneObject, str]:
    """An object and the fewest words that mean it alone, none of them its `hidden` attribute.

    Where twins are all there is, the words are all that may be said, and the object is the first that they mean.
    """
    sayable = [name for name in ATTRIBUTES if name != hidden]
    for size in range(1, len(sayable) + 1):
        found = [
            (item, noun_phrase(words))
            for item in scene.objects
            for names in combinations(sayable, size)
            if len(scene.matching(words := {name: item.attributes[name] for name in names})) == 1
        ]
        if found:
            return rng.choice(found)
    words = {name: scene.objects[0].attributes[name] for name in sayable}
    return scene.matching(words)[0], noun_phrase(words)
