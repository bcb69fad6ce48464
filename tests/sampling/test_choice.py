from __future__ import annotations

import torch

from trimpi.sampling.choice import SeededChoice, TokenChoice, choose, uniform_draws

PROBS = torch.tensor([[0.1, 0.0, 0.6, 0.3]])


def test_a_draw_picks_the_token_whose_share_of_the_unit_interval_holds_it() -> None:
    draws = torch.tensor([0.0, 0.09, 0.11, 0.69, 0.71, 0.999], dtype=torch.float64)
    assert choose(PROBS.log().expand(6, -1), draws).tolist() == [0, 0, 2, 2, 3, 3]


def test_a_token_of_probability_zero_is_never_chosen() -> None:
    log_probs = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]])
    assert choose(log_probs, torch.tensor([1 - 1e-16, 0.0], dtype=torch.float64)).tolist() == [0, 1]


def test_the_nucleus_is_the_smallest_set_that_reaches_top_p() -> None:
    """0.6 alone does not reach 0.7, with 0.3 it does: 2 holds the first two thirds of the draw, 3 the rest."""
    draws = torch.tensor([0.0, 0.66, 0.67], dtype=torch.float64)
    assert choose(PROBS.log().expand(3, -1), draws, top_p=0.7).tolist() == [2, 2, 3]


def test_draws_of_a_row_depend_on_its_seed_only() -> None:
    assert torch.equal(uniform_draws([7, 8], 3)[1], uniform_draws([8], 3)[0])
    assert not torch.equal(uniform_draws([7], 3), uniform_draws([8], 3))


def test_log_probabilities_are_of_the_tempered_distribution_before_suppression() -> None:
    scores = torch.tensor([[1.0, 3.0, 2.0]])
    choice = SeededChoice(
        TokenChoice(temperature=2.0, top_p=1.0, suppressed=[0]), torch.zeros(1, 1, dtype=torch.float64)
    )
    left = choice(torch.zeros(1, 1, dtype=torch.long), scores)
    assert left.argmax(-1).item() == 1
    assert left.softmax(-1).tolist() == [[0.0, 1.0, 0.0]]
    torch.testing.assert_close(choice.log_probs[0], (scores / 2).log_softmax(-1)[:, 1])


def test_greedy_takes_the_likeliest_token_that_is_not_suppressed() -> None:
    chosen, log_probs = TokenChoice(temperature=0.0, top_p=1.0, suppressed=[1])(torch.tensor([[1.0, 3.0, 2.0]]), None)
    assert chosen.tolist() == [2]
    torch.testing.assert_close(log_probs, torch.tensor([[1.0, 3.0, 2.0]]).log_softmax(-1)[:, 2])
