from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trimpi.rendering.prompts import Prompt
from trimpi.sampling.batches import IMAGE_LENGTH, plan_batches, prompt_length
from trimpi.types import ImagePart, Message


def prompt(text: str, *images: str) -> Prompt:
    parts = (*(ImagePart(path=Path(image)) for image in images), text)
    return Prompt(messages=(Message(role="user", parts=parts),), policy_aware=False)


@given(st.lists(st.sampled_from("abcdefg"), max_size=30), st.integers(1, 9))
def test_every_row_is_sampled_once_in_batches_that_are_not_too_large(texts: list[str], batch_size: int) -> None:
    batches = plan_batches([prompt(text * ord(text)) for text in texts], batch_size=batch_size)
    rows = [row for batch in batches for same_prompt in batch for row in same_prompt]
    assert sorted(rows) == list(range(len(texts)))
    for batch in batches:
        assert sum(map(len, batch)) <= batch_size
        assert len({len(same_prompt) for same_prompt in batch}) == 1
        assert all(len({texts[row] for row in same_prompt}) == 1 for same_prompt in batch)


def test_rows_of_one_prompt_share_an_encoding_and_short_prompts_do_not_wait_for_long_ones() -> None:
    short, long = prompt("a"), prompt("a" * 99)
    assert plan_batches([long, short, long, short], batch_size=2) == [[[1, 3]], [[0, 2]]]


def test_the_length_of_a_prompt_counts_characters_and_images() -> None:
    assert prompt_length(prompt("abc", "x.png", "y.png")) == 3 + 2 * IMAGE_LENGTH


def test_prompts_of_very_different_length_do_not_share_a_batch() -> None:
    lengths = [10, 15, 16, 40]
    assert plan_batches([prompt("a" * length) for length in lengths], batch_size=9) == [[[0], [1]], [[2]], [[3]]]
