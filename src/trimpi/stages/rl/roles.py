"""Who a rollout row is: which request, which member of its group, with or without the policy. Pure, torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trimpi.sampling.sampler import row_seed
from trimpi.stages.ordering import draw_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One completion to sample: `example` indexes the training examples, `seed` fixes its randomness."""

    example: int
    policy_aware: bool
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """How the completions of a step are laid out: group after group, each with its policy-free members first.

    `order` is the example of every group, step after step. `reserve` is the examples of further draws, where dynamic
    sampling needs them; it depends on the step and the draw alone, so a resumed stage draws the same.
    """

    group_size: int
    prompts_per_step: int
    order: Sequence[int]
    seed: int
    reserve: Sequence[int] = ()
    draws: int = 1

    def rows(self, *, step: int, process: int, count: int, policy_aware: int, draw: int = 0) -> list[Row]:
        """The `count` rows of a process in step 0, 1, ...; a row depends on its place in the step, not its process.

        `policy_aware` members of every group see the policy.
        """
        places = range(process * count, (process + 1) * count)
        return [self._row(step, draw, place, policy_aware) for place in places]

    def _row(self, step: int, draw: int, place: int, policy_aware: int) -> Row:
        group, member = divmod(place, self.group_size)
        if draw == 0:
            example = self.order[step * self.prompts_per_step + group]
        else:
            example = self.reserve[(step * (self.draws - 1) + draw - 1) * self.prompts_per_step + group]
        return Row(
            example=example,
            policy_aware=member >= self.group_size - policy_aware,
            seed=row_seed(self.seed, step, draw * self.prompts_per_step + group, member),
        )


def group_plan(
    examples: int, *, steps: int, prompts_per_step: int, group_size: int, draws: int, seed: int
) -> GroupPlan:
    """Every group of a stage over that many training examples, decided beforehand."""
    return GroupPlan(
        group_size=group_size,
        prompts_per_step=prompts_per_step,
        order=draw_order(examples, steps * prompts_per_step, seed=seed),
        reserve=draw_order(examples, steps * (draws - 1) * prompts_per_step, seed=seed + 1),
        draws=draws,
        seed=seed,
    )
