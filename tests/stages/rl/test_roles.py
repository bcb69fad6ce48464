from __future__ import annotations

import pytest

from trimpi.stages.rl.roles import GroupPlan, Row, group_plan

PLAN = GroupPlan(group_size=4, prompts_per_step=2, order=[7, 3, 5, 7], seed=1)


def test_the_second_half_of_a_group_is_policy_aware() -> None:
    rows = PLAN.rows(step=0, process=0, count=8, policy_aware=2)
    assert [row.policy_aware for row in rows] == [False, False, True, True] * 2
    assert [row.example for row in rows] == [7] * 4 + [3] * 4


def test_the_next_step_takes_the_next_examples_with_new_seeds() -> None:
    first, second = (PLAN.rows(step=step, process=0, count=8, policy_aware=2) for step in (0, 1))
    assert [row.example for row in second] == [5] * 4 + [7] * 4
    assert len({row.seed for row in first + second}) == 16


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
def test_processes_share_the_same_rows_even_where_they_cut_a_group(processes: int) -> None:
    shares: list[Row] = []
    for process in range(processes):
        shares += PLAN.rows(step=1, process=process, count=8 // processes, policy_aware=2)
    assert shares == PLAN.rows(step=1, process=0, count=8, policy_aware=2)


def test_share_zero_is_plain_grpo() -> None:
    plan = GroupPlan(group_size=4, prompts_per_step=1, order=[0], seed=1)
    assert not any(row.policy_aware for row in plan.rows(step=0, process=0, count=4, policy_aware=0))


def test_further_draws_take_other_examples_by_step_and_draw_alone() -> None:
    plan = group_plan(5, steps=2, prompts_per_step=2, group_size=2, draws=3, seed=4)
    drawn = {
        (step, draw): plan.rows(step=step, draw=draw, process=0, count=4, policy_aware=1)
        for step in (0, 1)
        for draw in (0, 1, 2)
    }
    assert [row.example for draw in (1, 2) for row in drawn[0, draw][::2]] == list(plan.reserve[:4])
    assert [row.example for draw in (1, 2) for row in drawn[1, draw][::2]] == list(plan.reserve[4:])
    assert len({row.seed for rows in drawn.values() for row in rows}) == 24
