"""Skills with plain text: copying, looking up keys, small arithmetic, JSON tool calls whose version a rule picks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from trimpi.tasks.clevr.policy_text import SYLLABLES

TOOLS = ("OCR", "ImageDescription", "CountGivenObject", "GoogleSearch", "ImageStylization", "TextToImage")


def copy_words(rng: random.Random) -> tuple[str, str]:
    words = " ".join(_word(rng) for _ in range(rng.randint(2, 5)))
    return f"Copy: {words}.", f"{words}."


def look_up_key(rng: random.Random) -> tuple[str, str]:
    keys = [_word(rng) for _ in range(rng.randint(2, 6))]
    values = [rng.randrange(100) for _ in keys]
    table = "; ".join(f"{key} is {value}" for key, value in zip(keys, values, strict=True))
    chosen = rng.randrange(len(keys))
    chosen = keys.index(keys[chosen])
    return f"{table}. What is {keys[chosen]}?", f"{keys[chosen]} is {values[chosen]}."


def small_arithmetic(rng: random.Random) -> tuple[str, str]:
    left, right = rng.randrange(21), rng.randrange(21)
    if rng.random() < 0.5:
        return f"What is {left} + {right}?", f"{left} + {right} = {left + right}."
    left, right = max(left, right), min(left, right)
    return f"What is {left} - {right}?", f"{left} - {right} = {left - right}."


def call_tool(rng: random.Random) -> tuple[str, str]:
    tool, limit, credits = rng.choice(TOOLS), rng.choice((250, 500, 750)), rng.randrange(0, 1001, 10)
    over, under = rng.sample(range(1, 6), 2)
    image = f"image/image_{rng.randint(1, 9)}.jpg"
    rule = f"Use {tool}_v{over} if credits are over {limit}, else {tool}_v{under}."
    call = {"name": f"{tool}_v{over if credits > limit else under}", "arguments": {"image": image}}
    return f"{rule} Credits: {credits}. Call it on {image}.", json.dumps(call)


TEXT_SKILLS: tuple[Callable[[random.Random], tuple[str, str]], ...] = (
    copy_words,
    look_up_key,
    small_arithmetic,
    call_tool,
)


def _word(rng: random.Random) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((1, 2, 2, 3)))).capitalize()
