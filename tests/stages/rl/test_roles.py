from __future__ import annotations

import pytest

from trimpi.stages.rl.roles import GroupPlan, Row

PLAN = GroupPlan(group_size=4, policy_aware_per_group=2, prompts_per_step=2, order=[7, 3, 5, 7], seed=1)


def test_the_second_half_of_a_group_is_policy_aware() -> None:
    rows = PLAN.rows(step=0, process=0, count=8)
    assert [row.policy_aware for row in rows] == [False, False, True, True] * 2
    assert [row.example for row in rows] == [7] * 4 + [3] * 4


def test_the_next_step_takes_the_next_examples_with_new_seeds() -> None:
    first, second = (PLAN.rows(step=step, process=0, count=8) for step in (0, 1))
    assert [row.example for row in second] == [5] * 4 + [7] * 4
    assert len({row.seed for row in first + second}) == 16


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
def test_processes_share_the_same_rows_even_where_they_cut_a_group(processes: int) -> None:
    shares: list[Row] = []
    for process in range(processes):
        shares += PLAN.rows(step=1, process=process, count=8 // processes)
    assert shares == PLAN.rows(step=1, process=0, count=8)


def test_share_zero_is_plain_grpo() -> None:
    plan = GroupPlan(group_size=4, policy_aware_per_group=0, prompts_per_step=1, order=[0], seed=1)
    assert not any(row.policy_aware for row in plan.rows(step=0, process=0, count=4))
