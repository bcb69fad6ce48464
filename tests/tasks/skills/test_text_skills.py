from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys

from trimpi.tasks.skills.text_skills import LARGEST, call_tool, copy_words, look_up_key, small_arithmetic

SEEDS = range(200)


def test_a_copy_holds_the_words_asked_for() -> None:
    for seed in SEEDS:
        question, answer = copy_words(random.Random(seed))
        assert question.removeprefix("Copy: ") == answer.removeprefix("Copied: ")


def test_a_key_is_looked_up_in_the_table_of_the_question() -> None:
    for seed in SEEDS:
        question, answer = look_up_key(random.Random(seed))
        table, _, asked = question.removeprefix("Here ").partition(". Value of ")
        key = asked.removesuffix("?")
        values = dict(row.split(" is ") for row in table.split("; "))
        assert answer == f"Value of {key} is {values[key]}."


def test_sums_and_differences_are_right_and_small() -> None:
    seen = set()
    for seed in SEEDS:
        question, answer = small_arithmetic(random.Random(seed))
        left, sign, right = re.fullmatch(r"What is (\d+) ([+-]) (\d+)\?", question).groups()  # type: ignore[union-attr]
        result = int(left) + int(right) if sign == "+" else int(left) - int(right)
        assert answer == f"It is {result}."
        assert 0 <= result <= LARGEST
        seen.add(sign)
    assert seen == {"+", "-"}


def test_a_call_has_the_version_its_rule_picks() -> None:
    holds = {
        "credits are over": lambda limit, value: int(value) > int(limit),
        "age is under": lambda limit, value: int(value) < int(limit),
        "account is": lambda limit, value: value == limit,
    }
    verdicts = set()
    for seed in SEEDS:
        question, answer = call_tool(random.Random(seed))
        match = re.match(r"Use (\w+)_v(\d) if (.+) (\w+), else \w+_v(\d)\. \w+: (\w+)\. Call it ", question)
        assert match is not None
        tool, first, condition, limit, second, value = match.groups()
        verdict = holds[condition](limit, value)
        check, _, call = answer.partition("\n")
        assert check.endswith(" Yes." if verdict else " No.")
        assert json.loads(call)["name"] == f"{tool}_v{first if verdict else second}"
        verdicts.add((condition, verdict))
    assert len(verdicts) == 6


def test_questions_do_not_depend_on_the_process_that_asks_them() -> None:
    """Sets of texts have another order in every process, and an evaluation would not go on where it stopped."""
    code = (
        "import random; from trimpi.tasks.skills.text_skills import TEXT_SKILLS; rng = random.Random(0); "
        "print([skill(rng) for skill in TEXT_SKILLS.values() for _ in range(50)])"
    )
    asked = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(asked) == 1
