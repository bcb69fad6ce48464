from __future__ import annotations

import pytest
import torch

from trimpi.prefix import cascade
from trimpi.prefix.cascade import CascadeAttention, Level, RowCache


def states(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def plain(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """One row's attention over all it may see: query (heads, 1, d), keys and values (key heads, keys, d)."""
    repeats = query.shape[0] // keys.shape[0]
    keys, values = keys.repeat_interleave(repeats, 0), values.repeat_interleave(repeats, 0)
    return (0.3 * query @ keys.mT).softmax(-1) @ values


def test_two_levels_merge_to_one_softmax_by_hand() -> None:
    """Scores 0 and ln 3 in the level, 0 for the row itself: shares 1/5, 3/5, 1/5."""
    query = torch.ones(1, 1, 1, 1)
    level = Level(
        keys=[torch.tensor([0.0, 3.0]).log().clamp(min=0).view(1, 1, 2, 1)],
        values=[torch.tensor([10.0, 20.0]).view(1, 1, 2, 1)],
        present=torch.ones(1, 2, dtype=torch.bool),
        prefix_of_row=(0,),
    )
    own_key, own_value = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 30.0)
    output = CascadeAttention([level]).attend(0, query, own_key, own_value, scaling=1.0)
    torch.testing.assert_close(output.item(), 10 / 5 + 3 * 20 / 5 + 30 / 5)


@pytest.mark.parametrize("at_once", [1, 1 << 20])
def test_rows_attend_to_the_levels_they_continue_and_to_nothing_else(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four query heads on two key heads; two prompts of lengths 3 and 2, the second with a policy; rows 0 to 4."""
    monkeypatch.setattr(cascade, "SCORES_AT_ONCE", at_once)
    policy_keys, policy_values = states(1, 2, 5, 8), states(1, 2, 5, 8) + 1
    prompt_keys, prompt_values = states(2, 2, 3, 8), states(2, 2, 3, 8) + 1
    own_keys, own_values, query = states(5, 2, 4, 8), states(5, 2, 4, 8) + 1, states(5, 4, 1, 8)
    prompt_of_row = (1, 0, 1, 0, 1)
    levels = [
        Level(
            keys=[policy_keys],
            values=[policy_values],
            present=torch.ones(1, 5, dtype=torch.bool),
            prefix_of_row=tuple(0 if prompt else -1 for prompt in prompt_of_row),
        ),
        Level(
            keys=[prompt_keys],
            values=[prompt_values],
            present=torch.tensor([[True, True, True], [True, True, False]]),
            prefix_of_row=prompt_of_row,
        ),
    ]
    output = CascadeAttention(levels).attend(0, query, own_keys, own_values, scaling=0.3)
    for row, prompt in enumerate(prompt_of_row):
        length = (3, 2)[prompt]
        keys = [policy_keys[0]] * prompt + [prompt_keys[prompt, :, :length], own_keys[row]]
        values = [policy_values[0]] * prompt + [prompt_values[prompt, :, :length], own_values[row]]
        expected = plain(query[row], torch.cat(keys, dim=1), torch.cat(values, dim=1))
        torch.testing.assert_close(output[row], expected)


def test_what_a_pass_writes_is_seen_causally() -> None:
    query, keys, values = states(1, 2, 3, 8), states(1, 2, 5, 8), states(1, 2, 5, 8) + 1
    output = CascadeAttention([]).attend(0, query, keys, values, scaling=0.3)
    for place in range(3):
        seen = place + 3
        expected = plain(query[0, :, place : place + 1], keys[0, :, :seen], values[0, :, :seen])
        torch.testing.assert_close(output[0, :, place : place + 1], expected)


def test_a_row_cache_holds_what_was_written_and_drops_rows() -> None:
    cache = RowCache(1, room=3)
    first, second = states(3, 1, 1, 2), states(3, 1, 1, 2) + 1
    cache.update(first, -first, 0)
    keys, values = cache.update(second, -second, 0)
    assert torch.equal(keys, torch.cat([first, second], dim=2))
    assert torch.equal(values, -keys)
    assert cache.get_seq_length() == 2
    cache.keep(torch.tensor([2, 0]))
    third = states(2, 1, 1, 2) + 2
    keys, _ = cache.update(third, -third, 0)
    assert torch.equal(keys, torch.cat([torch.cat([first, second], dim=2)[[2, 0]], third], dim=2))
