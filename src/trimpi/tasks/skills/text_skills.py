"""Skills with plain text: copying, looking up keys, small arithmetic, JSON tool calls whose version a rule picks.

What an answer copies stands there in the words of the question, space in front included, so that it is the same tokens.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from trimpi.tasks.clevr.ontology import ATTRIBUTES
from trimpi.tasks.clevr.policy_text import SYLLABLES

LARGEST = 20
"""Arithmetic stays within 0 and this."""
IMAGE_TOOLS = ("OCR", "ImageDescription", "MathOCR", "ImageStylization")
REGION_TOOLS = ("CountGivenObject", "TextToBbox", "RegionAttributeDescription", "AddText")
QUERY_TOOLS = ("GoogleSearch", "TextToImage")


def copy_words(rng: random.Random) -> tuple[str, str]:
    words = " ".join(_word(rng) for _ in range(rng.randint(2, 5)))
    return f"Copy: {words}.", f"Copied: {words}."


def look_up_key(rng: random.Random) -> tuple[str, str]:
    # Not a set: its order changes from process to process.
    keys = sorted(dict.fromkeys(_word(rng) for _ in range(rng.randint(2, 6))), key=lambda _: rng.random())
    values = {key: rng.randrange(100) for key in keys}
    table = "; ".join(f"{key} is {value}" for key, value in values.items())
    chosen = rng.choice(keys)
    return f"Here {table}. Value of {chosen}?", f"Value of {chosen} is {values[chosen]}."


def small_arithmetic(rng: random.Random) -> tuple[str, str]:
    """Every sum and difference within LARGEST equally often."""
    total = rng.randint(0, LARGEST)
    part = rng.randint(0, total)
    if rng.random() < 0.5:
        return f"What is {part} + {total - part}?", f"It is {total}."
    return f"What is {total} - {part}?", f"It is {total - part}."


def call_tool(rng: random.Random) -> tuple[str, str]:
    """A rule with one condition on the user's profile, the profile, and what to call the tool on."""
    tool, request, arguments = _request(rng)
    first, second = rng.sample(range(1, 6), 2)
    condition, profile, check, holds = rng.choice((_credits, _age, _account))(rng)
    rule = f"Use {tool}_v{first} if {condition}, else {tool}_v{second}."
    call = {"name": f"{tool}_v{first if holds else second}", "arguments": arguments}
    verdict = "Yes" if holds else "No"
    return f"{rule} {profile}. Call it {request}.", f"{check}? {verdict}.\n{json.dumps(call)}"


TEXT_SKILLS: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "copy": copy_words,
    "lookup": look_up_key,
    "arithmetic": small_arithmetic,
    "tool_call": call_tool,
}
SKILL_WEIGHTS = (1, 1, 2, 2)
"""Arithmetic has many facts to learn, a tool call many ways to be wrong."""


def _request(rng: random.Random) -> tuple[str, str, dict[str, Any]]:
    image = f"image/image_{rng.randint(1, 9)}.jpg"
    shape = rng.random()
    if shape < 0.5:
        return rng.choice(IMAGE_TOOLS), f"on {image}", {"image": image}
    if shape < 0.75:
        text = f"{rng.choice(ATTRIBUTES['color'])} {rng.choice(ATTRIBUTES['shape'])}"
        return rng.choice(REGION_TOOLS), f"on {image} for {text}", {"image": image, "text": text}
    query, k = f"{_word(rng)} {_word(rng)}", rng.choice((1, 4))
    return rng.choice(QUERY_TOOLS), f"for {query} with k {k}", {"query": query, "k": k}


def _credits(rng: random.Random) -> tuple[str, str, str, bool]:
    limit, held = rng.choice((250, 500, 750)), rng.randrange(0, 1001, 10)
    return f"credits are over {limit}", f"Credits: {held}", f"Credits {held} over {limit}", held > limit


def _age(rng: random.Random) -> tuple[str, str, str, bool]:
    limit, age = rng.choice((21, 60)), rng.randint(10, 80)
    return f"age is under {limit}", f"Age: {age}", f"Age {age} under {limit}", age < limit


def _account(rng: random.Random) -> tuple[str, str, str, bool]:
    wanted, held = rng.choice("ABCD"), rng.choice("ABCD")
    held = wanted if rng.random() < 0.35 else held
    return f"account is {wanted}", f"Account: {held}", f"Account {held} is {wanted}", held == wanted


def _word(rng: random.Random) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((1, 2, 2, 3)))).capitalize()
