"""The words of policies and chains of thought, against texts written by hand."""

from __future__ import annotations

import random
from pathlib import Path

from tasks.clevr.by_hand import make_scene, make_tree
from trimpi.tasks.clevr.policy_text import INTRODUCTION, sample_name, write_cot, write_policy, write_request
from trimpi.tasks.clevr.tree import walk
from trimpi.types import ImagePart


def test_text_policy_states_every_section() -> None:
    assert write_policy("L2-Surinu", make_tree()).sections == (
        f"# L2-Surinu\n{INTRODUCTION}\n"
        "## Condition 1\nIs there a cyan object? Yes: go to Condition 1.1. No: go to Condition 1.2.\n"
        "## Condition 1.1\nIs one of the cyan objects small? Yes: respond Case 1. No: respond Case 2.\n"
        "## Condition 1.2\nIs there a cube? Yes: respond Case 3. No: respond Case 4.\n",
    )


def test_a_crop_stands_for_the_value_and_no_word_gives_it_away() -> None:
    policy = write_policy("L2-Surinu", make_tree(), {"1": Path("cyan.png")})
    assert policy.sections == (
        f"# L2-Surinu\n{INTRODUCTION}\n## Condition 1\nIs there an object of this color: ",
        ImagePart(path=Path("cyan.png")),
        "? Yes: go to Condition 1.1. No: go to Condition 1.2.\n"
        "## Condition 1.1\nIs one of those objects small? Yes: respond Case 1. No: respond Case 2.\n"
        "## Condition 1.2\nIs there a cube? Yes: respond Case 3. No: respond Case 4.\n",
    )
    assert "cyan" not in policy.text


def test_chain_of_thought_cites_every_section_and_what_was_seen() -> None:
    steps, response = walk(make_tree(), make_scene("small cyan rubber cube", "large cyan metal sphere"))
    assert write_cot(steps, response) == (
        "Condition 1: Is there a cyan object? Yes, a large cyan metal sphere.\n"
        "Condition 1.1: Is there a small cyan object? Yes, a small cyan rubber cube.\n"
        "The response is Case 1."
    )


def test_chain_of_thought_reads_the_crop_first() -> None:
    steps, response = walk(make_tree(), make_scene("large red rubber sphere"))
    assert write_cot(steps, response, shown={"1"}) == (
        "Condition 1: the image shows cyan. Is there a cyan object? No.\n"
        "Condition 1.2: Is there a cube? No.\n"
        "The response is Case 4."
    )


def test_request_names_the_policy() -> None:
    assert "L2-Surinu" in write_request("L2-Surinu")


def test_names_are_never_taken_twice() -> None:
    rng, names = random.Random(0), []
    for _ in range(200):
        names.append(sample_name(3, rng, taken=names))
    assert len(set(names)) == 200
    assert all(name.startswith("L3-") for name in names)
